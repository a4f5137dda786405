import type { FieldChange, ItemChange, PolicySetDiff, Tendency } from "../core/revisions.ts";
import { FieldChanges, leaves } from "./diff-fields.ts";
import { type DiffContext, diffPolicy, judgeData, judgePresence } from "./diff-policy.ts";
import { type DiffItem, type DiffKnowledge, type DiffSet, readDiffPolicy, readSet } from "./diff-sets.ts";
import { compareScopes, compareSets, type Judged, joined, judged, opposite, type Presence } from "./diff-tendency.ts";
import { PolicyDocument } from "./document.ts";
import type { ExceptionContent } from "./schema-kinds.ts";
import type { PolicyTree } from "./tree.ts";

export type { DiffKnowledge };

const order = ["manifest", "policy", "exception", "data", "library", "module"];

/**
 * Compares two policy sets by what they mean: which policies are there, and what in each is another, with what that does
 * to what may pass. Comments, order and spelling are no differences.
 *
 * It never says `tightens` or `loosens` of what it cannot show; and it is about requests for which every policy can be
 * evaluated. The sets need not be in good order: of what cannot be read it says so.
 */
export function diffTrees(base: PolicyTree, head: PolicyTree, knowledge: DiffKnowledge): PolicySetDiff {
  const [before, after] = [readSet(base), readSet(head)];
  const defaultDeny = [before, after].some(({ manifest }) => manifest.default === "deny");
  const differ = new SetDiffer(before, after, { defaultDeny, knowledge });
  const keys = [...new Set([...before.items.keys(), ...after.items.keys()])];
  const items = keys.flatMap((key) => differ.item(before.items.get(key), after.items.get(key)) ?? []);
  items.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || (a.id < b.id ? -1 : 1));
  return { base: base.digest, head: head.digest, items, summary: summaryOf(items) };
}

/** Every tendency, from the one that a reviewer looks for first. */
const tendencies: readonly Tendency[] = ["loosens", "unknown", "tightens", "neither"];

function summaryOf(items: readonly ItemChange[]): PolicySetDiff["summary"] {
  const changes = items.flatMap((item): { tendency: Tendency }[] =>
    item.fields.length > 0 ? [...item.fields] : [item],
  );
  const counts = (["added", "removed", "changed"] as const).map((change) => {
    return [change, items.filter((item) => item.change === change).length] as const;
  });
  const ways = tendencies.map((way) => [way, changes.filter(({ tendency }) => tendency === way).length] as const);
  return Object.fromEntries([...counts, ...ways]) as PolicySetDiff["summary"];
}

class SetDiffer {
  readonly #before: DiffSet;
  readonly #after: DiffSet;
  readonly #context: DiffContext;

  constructor(before: DiffSet, after: DiffSet, context: DiffContext) {
    this.#before = before;
    this.#after = after;
    this.#context = context;
  }

  item(from: DiffItem | undefined, to: DiffItem | undefined): ItemChange | null {
    const { kind, id, file } = (to ?? from)!;
    const named = { kind, id, file: file.label };
    if (kind === "manifest" && (from === undefined || to === undefined)) {
      // Without one there is another: the one that says nothing.
      const fields = this.#manifestFields(documentOf(from), documentOf(to));
      const whole = joined(fields, judged("neither", "it says what holds anyway"));
      return { ...named, change: from === undefined ? "added" : "removed", ...whole, fields: [] };
    }
    if (from === undefined)
      return { ...named, change: "added", ...this.#presence(to!, this.#after, "added"), fields: [] };
    if (to === undefined) {
      return { ...named, change: "removed", ...this.#presence(from, this.#before, "removed"), fields: [] };
    }
    if (from.file.text === to.file.text && from.file.path === to.file.path) return null;
    const fields = this.#fields(from, to);
    // Of code, and of what cannot be read, any difference counts; in the rest those of spelling do not.
    if (fields?.length === 0) return null;
    const parts = fields ?? [judged("unknown", "what its code does, or whether it can be read, is not looked at")];
    const whole = joined(parts, judged("neither", "nothing in it has a meaning"));
    return { ...named, change: "changed", tendency: whole.tendency, why: whole.why, fields: fields ?? [] };
  }

  #presence(item: DiffItem, set: DiffSet, change: Presence): Judged {
    switch (item.kind) {
      case "policy":
        return judgePresence(readDiffPolicy(item.file, set), this.#context, change);
      case "library":
        return judged("neither", "it has no effect by itself; a policy that uses it has");
      case "exception":
        return change === "added"
          ? judged("loosens", "requests are excepted from a policy")
          : judged("tightens", "requests are no longer excepted from a policy");
      case "data":
        return judged("neither", "it has no effect by itself; a policy that reads it has");
      default:
        return judged("unknown", "policies may import it");
    }
  }

  /** `null` when it cannot be told what is different. */
  #fields(from: DiffItem, to: DiffItem): readonly FieldChange[] | null {
    switch (to.kind) {
      case "policy":
      case "library": {
        const [base, head] = [readDiffPolicy(from.file, this.#before), readDiffPolicy(to.file, this.#after)];
        return base.written === null || head.written === null ? null : diffPolicy(base, head, this.#context);
      }
      case "exception":
        return this.#readable(from, to, (base, head) => exceptionFields(base, head));
      case "data":
        return this.#readable(from, to, (base, head) => this.#dataFields(base, head));
      case "manifest":
        return this.#readable(from, to, (base, head) => this.#manifestFields(base, head));
      case "module":
        return null;
    }
  }

  #readable(
    from: DiffItem,
    to: DiffItem,
    fields: (base: PolicyDocument, head: PolicyDocument) => readonly FieldChange[],
  ): readonly FieldChange[] | null {
    const [base, head] = [documentOf(from), documentOf(to)];
    const readable = [base, head].every(({ value }) => typeof value === "object" && value !== null);
    return readable ? fields(base, head) : null;
  }

  #manifestFields(base: PolicyDocument, head: PolicyDocument): readonly FieldChange[] {
    const fields = new FieldChanges(base, head);
    const [before, after] = [this.#before.manifest, this.#after.manifest];
    fields.add(["default"], before.default, after.default, () =>
      after.default === "deny"
        ? judged("tightens", "what no policy applies to is refused")
        : judged("loosens", "what no policy applies to passes"),
    );
    fields.add(["locked"], before.locked, after.locked, () => {
      const comparison = compareSets(before.locked, after.locked);
      if (comparison === "wider") return judged("tightens", "nothing may take the edge off more policies");
      if (comparison === "narrower") return judged("loosens", "the edge may be taken off more policies");
      return judged(comparison === "same" ? "neither" : "unknown", "other policies are locked");
    });
    fields.add(["database", "roots"], before.databaseRoots, after.databaseRoots, () =>
      judged("neither", "policies of the database only ever tighten"),
    );
    fields.add(["layers"], before.layers, after.layers, () => judged("unknown", "other layers are in use"));
    return fields.all;
  }

  #dataFields(base: PolicyDocument, head: PolicyDocument): readonly FieldChange[] {
    const fields = new FieldChanges(base, head);
    for (const [path, before, after] of leaves(base.value, head.value)) {
      const [section, name] = path;
      const isData = (section === "lists" || section === "tables") && name !== undefined;
      fields.add(path, before, after, () =>
        isData ? this.#dataTendency(String(name)) : judged("neither", "it is for people to read"),
      );
    }
    return fields.all;
  }

  #dataTendency(name: string): Judged {
    const parts: Judged[] = [];
    for (const [key, { kind, file }] of this.#after.items) {
      const earlier = this.#before.items.get(key);
      if (kind !== "policy" || earlier === undefined) continue;
      const [base, head] = [readDiffPolicy(earlier.file, this.#before), readDiffPolicy(file, this.#after)];
      if (head.whole?.rules !== undefined) parts.push(judgeData(base, head, name, this.#context));
      else if (file.text.includes(name)) parts.push(judged("unknown", `'${file.path}' may read it`));
    }
    return joined(parts, judged("neither", "no policy reads it"));
  }
}

function documentOf(item: DiffItem | undefined): PolicyDocument {
  return new PolicyDocument(item?.file.label ?? "", item?.file.text ?? "{}");
}

function exceptionFields(base: PolicyDocument, head: PolicyDocument): readonly FieldChange[] {
  const fields = new FieldChanges(base, head);
  const [before, after] = [base.value, head.value] as [Partial<ExceptionContent>, Partial<ExceptionContent>];
  fields.add(["policy"], before.policy, after.policy, () => judged("unknown", "it is from another policy"));
  fields.add(["rule"], before.rule, after.rule, () => {
    if (after.rule === undefined) return judged("loosens", "it is from the whole policy");
    return before.rule === undefined
      ? judged("tightens", "it is from one rule only")
      : judged("unknown", "it is from another rule");
  });
  fields.add(["scope"], before.scope, after.scope, () => {
    const comparison = opposite(compareScopes(before.scope, after.scope));
    if (comparison === "unknown") return judged("unknown", "it is for other requests");
    if (comparison === "same") return judged("neither", "it is for the same requests");
    return comparison === "wider"
      ? judged("tightens", "it is for fewer requests")
      : judged("loosens", "it is for more requests");
  });
  fields.add(["expires"], before.expires, after.expires, () => {
    const [from, to] = [Date.parse(String(before.expires)), Date.parse(String(after.expires))];
    if (from < to) return judged("loosens", "it ends later");
    return from > to
      ? judged("tightens", "it ends earlier")
      : judged(from === to ? "neither" : "unknown", "it ends at another time");
  });
  for (const key of ["owner", "reason"] as const) {
    fields.add([key], before[key], after[key], () => judged("neither", "it is for people to read"));
  }
  return fields.all;
}
