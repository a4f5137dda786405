import type { Changed, Labels, Page, PageRequest, ResourceOrder, Versioned } from "./resources.ts";

/** A tenant. The organisation `default` is always there. */
export interface Organisation extends Versioned {
  readonly name: string;
  /** IANA name of the zone in which its days and months begin. */
  readonly timeZone: string;
  readonly labels: Labels;
}

/** A group of applications inside an organisation. */
export interface Team extends Versioned {
  readonly organisation: string;
  readonly name: string;
  readonly labels: Labels;
}

/** A program that calls the gateway. */
export interface Application extends Versioned {
  readonly organisation: string;
  /** Empty when it belongs to no team. */
  readonly team: string;
  readonly name: string;
  readonly labels: Labels;
  /** A disabled application's keys are refused. */
  readonly disabled: boolean;
}

/** What can be changed in an organisation. Absent means unchanged. */
export interface OrganisationChange {
  readonly name?: string;
  readonly timeZone?: string;
  readonly labels?: Labels;
}

/** Keeps organisations. A deleted one is gone from here, while its id stays taken and its records stay readable. */
export interface Organisations {
  list(
    page: PageRequest,
    filter?: { readonly id?: string; readonly name?: string; readonly order?: ResourceOrder },
  ): Promise<Page<Organisation>>;
  find(id: string): Promise<Organisation | null>;
  /** @throws SluiceError `conflict` when there is one of that name */
  create(input: { name: string; timeZone: string; labels: Labels }, actor: string): Promise<Organisation>;
  /**
   * @param version the version the change was made for; `null` for whatever stands
   * @throws SluiceError `conflict` when another one has the new name
   */
  update(id: string, change: OrganisationChange, version: number | null, actor: string): Promise<Changed<Organisation>>;
  /** @throws SluiceError `conflict` while something is in it, and for the default one */
  remove(id: string, version: number | null, actor: string): Promise<Changed<Organisation>>;
}

/** What can be changed in a team. Absent means unchanged. */
export interface TeamChange {
  readonly name?: string;
  readonly labels?: Labels;
}

/** Keeps teams. A deleted one is gone from here, while its id stays taken and its records stay readable. */
export interface Teams {
  list(
    page: PageRequest,
    filter?: { readonly organisation?: string; readonly name?: string; readonly order?: ResourceOrder },
  ): Promise<Page<Team>>;
  find(id: string): Promise<Team | null>;
  /** The organisation's team with this id or name; it is made when there is none. */
  ensure(organisation: string, idOrName: string, actor: string): Promise<Team>;
  /** @throws SluiceError `conflict` when the organisation has one of that name, `invalid_input` without the organisation */
  create(input: { organisation: string; name: string; labels: Labels }, actor: string): Promise<Team>;
  /**
   * @param version the version the change was made for; `null` for whatever stands
   * @throws SluiceError `conflict` when another team of the organisation has the new name
   */
  update(id: string, change: TeamChange, version: number | null, actor: string): Promise<Changed<Team>>;
  /** @throws SluiceError `conflict` while it has applications */
  remove(id: string, version: number | null, actor: string): Promise<Changed<Team>>;
}

/** What can be changed in an application. Absent means unchanged; an empty `team` takes it out of its team. */
export interface ApplicationChange {
  readonly name?: string;
  readonly team?: string;
  readonly labels?: Labels;
  readonly disabled?: boolean;
}

/** Selects applications. */
export interface ApplicationFilter {
  readonly organisation?: string;
  readonly team?: string;
  readonly name?: string;
  readonly disabled?: boolean;
  readonly order?: ResourceOrder;
}

/** Keeps applications. `actor` is who the audit log names for a change. A deleted one is gone from here, while its id stays taken and its records stay readable. */
export interface Applications {
  list(page: PageRequest, filter?: ApplicationFilter): Promise<Page<Application>>;
  find(id: string): Promise<Application | null>;
  /**
   * By id, else by a name that only one application has.
   *
   * @param organisation where it is looked for; everywhere when absent
   */
  resolve(idOrName: string, organisation?: string): Promise<Application | null>;
  /** The organisation of an application, deleted ones included; `null` when there never was one. */
  organisationOf(id: string): Promise<string | null>;
  /** @throws SluiceError `conflict` when the organisation has an application of that name */
  create(
    input: { organisation: string; team: string; name: string; labels: Labels },
    actor: string,
  ): Promise<Application>;
  /**
   * @param version the version the change was made for; `null` for whatever stands
   * @throws SluiceError `conflict` when another application has the new name
   */
  update(id: string, change: ApplicationChange, version: number | null, actor: string): Promise<Changed<Application>>;
  /** Deletes the application and revokes its keys. */
  remove(id: string, version: number | null, actor: string): Promise<Changed<Application>>;
  /** Whether there ever was one, deleted ones included. */
  any(): Promise<boolean>;
}
