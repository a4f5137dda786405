import { SluiceError } from "../errors.ts";
import type { PolicyException } from "./exceptions.ts";
import type { DatabasePolicy, OverlayProblem, ParamValue, PolicyOverlay } from "./overlay.ts";
import type { ItemChange } from "./revisions.ts";

/** One param as a policy declares it. */
export interface DeclaredParam {
  readonly type: string;
  readonly default: ParamValue;
  readonly min?: number;
  readonly max?: number;
  readonly tunable: boolean;
}

/** What a policy says of itself that the control plane needs to know, live or not. */
export interface DeclaredPolicy {
  readonly id: string;
  readonly origin: "git" | "database";
  readonly locked: boolean;
  readonly params: Readonly<Record<string, DeclaredParam>>;
}

/** A change of what is laid over git. */
export interface OverlayChange<T> {
  /** The overlay as it would be. */
  readonly next: (now: PolicyOverlay) => PolicyOverlay;
  /** A database policy whose content must be in order even when it is not to be live. */
  readonly policy?: Pick<DatabasePolicy, "id" | "content">;
  /** Stores it; called when nothing speaks against it. */
  readonly store: () => Promise<T>;
}

/** A change that does not fit the policies it is laid over. Nothing was stored. */
export class PolicyRefused extends SluiceError {
  readonly problems: readonly OverlayProblem[];

  constructor(problems: readonly OverlayProblem[]) {
    const problem = problems.map(({ code, message }) => `${code} ${message}`).join("; ");
    super("policy_refused", { problem });
    this.name = "PolicyRefused";
    this.problems = problems;
  }
}

/** Changes what is laid over git, and keeps what is live in step with it. */
export interface PolicyControl {
  /** What is laid over git now. */
  overlay(): PolicyOverlay;
  /** What of it does not fit, and so is not in force as it says. */
  problems(): readonly OverlayProblem[];
  /** The exceptions that the live files make; expired ones as well. */
  exceptions(): readonly PolicyException[];
  /** A policy of git's, or a database policy that is live; `null` when there is none. */
  declared(policyId: string): DeclaredPolicy | null;
  /** What is wrong with a database policy as it would be; nothing is stored and nothing changes. */
  validate(policy: Pick<DatabasePolicy, "id" | "content">): Promise<readonly OverlayProblem[]>;
  /** What is different between two contents of a policy, by meaning; `null` when nothing is. */
  diff(policyId: string, before: string, after: string): ItemChange | null;
  /**
   * Makes one change: checked against the live files, stored, and in force when this resolves. One at a time.
   *
   * @throws PolicyRefused when it would bring problems that were not there before
   * @throws SluiceError `conflict` while no policy set is live that it could be checked against
   */
  change<T>(change: OverlayChange<T>): Promise<T>;
  /** Makes a change that needs no check, such as the end of a break-glass: stored, and in force when this resolves. */
  changeAtOnce<T>(store: () => Promise<T>): Promise<T>;
}
