/** Where Redis is, as an address says it. */
export interface RedisAddress {
  readonly kind: "single" | "sentinel" | "cluster";
  readonly tls: boolean;
  /** The file of the authorities that TLS trusts in place of the usual ones. */
  readonly caFile: string | undefined;
  /** The server; with Sentinel or Cluster those to ask first. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Number of the database; always 0 with Cluster, which has only one. */
  readonly database: number;
  /** What Sentinel calls the group of servers; empty without Sentinel. */
  readonly group: string;
}

/** What {@link parseRedisUrl} accepts, for messages. */
export const redisUrlForms =
  "redis://[user:password@]host[:port][/database], redis+sentinel://host,host/group[/database] or " +
  "redis+cluster://host,host; rediss for TLS, with ?ca=FILE to trust the authorities in that file alone";

const form =
  /^redis(?<tls>s)?(?:\+(?<kind>sentinel|cluster))?:\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^@/?#]+)(?:\/(?<path>[^?#]*))?(?:\?ca=(?<ca>[^?#&]+))?$/;
const hostForm = /^(?<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?<port>\d{1,5}))?$/;

/** Reads an address; `undefined` when it is none. Special characters of credentials are percent-encoded, as in any URL. */
export function parseRedisUrl(url: string): RedisAddress | undefined {
  const parts = form.exec(url)?.groups;
  if (parts === undefined) return undefined;
  const kind = (parts.kind ?? "single") as RedisAddress["kind"];
  const hosts = parts.hosts!.split(",").map((one) => hostOf(one, kind === "sentinel" ? 26_379 : 6_379));
  const path = (parts.path ?? "").split("/");
  const group = kind === "sentinel" ? path.shift()! : "";
  const [database = "", ...rest] = path;
  const username = decoded(parts.user);
  const password = decoded(parts.password);
  const caFile = decoded(parts.ca);
  const refused =
    hosts.includes(undefined) ||
    (kind === "single" && hosts.length > 1) ||
    (kind === "sentinel" && group === "") ||
    (kind === "cluster" && database !== "") ||
    !/^(\d{1,5})?$/.test(database) ||
    rest.length > 0 ||
    username === undefined ||
    password === undefined ||
    caFile === undefined ||
    (caFile !== "" && parts.tls === undefined);
  if (refused) return undefined;
  return {
    kind,
    tls: parts.tls !== undefined,
    caFile: caFile === "" ? undefined : caFile,
    hosts: hosts as RedisAddress["hosts"],
    username: username === "" ? undefined : username,
    password: password === "" ? undefined : password,
    database: Number(database),
    group,
  };
}

function hostOf(text: string, standard: number): RedisAddress["hosts"][number] | undefined {
  const parts = hostForm.exec(text)?.groups;
  if (parts === undefined) return undefined;
  const port = parts.port === undefined ? standard : Number(parts.port);
  return port >= 1 && port <= 65_535 ? { host: parts.host!.replace(/^\[|\]$/g, ""), port } : undefined;
}

/** Without its percent signs; `undefined` when they are not in order. */
function decoded(text = ""): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The address without its credentials, for logs. */
export function shownAddress({ kind, hosts, group }: RedisAddress): string {
  const all = hosts.map(({ host, port }) => `${host}:${port}`).join(",");
  return kind === "single" ? all : `${kind} ${all}${group === "" ? "" : `/${group}`}`;
}
