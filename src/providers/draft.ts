import type { Modification } from "../core/decision.ts";
import { type ModifiablePath, modifiableCatalogue, modificationProblem } from "../core/modifiable.ts";
import { modifySetting, type Setting } from "../core/modify.ts";
import type { JsonObject, RequestView } from "../core/wire.ts";
import { isObject, parseObject } from "./json.ts";
import { editMembers, memberValue } from "./json-text.ts";
import { type JsonNode, parseTree } from "./json-tree.ts";

/** A body while it is being changed: member by member, so that all others keep their bytes. */
export class BodyDraft {
  /** As the client sent it. */
  readonly body: JsonObject;
  readonly #view: Pick<RequestView, "raw" | "body">;
  readonly #edits = new Map<string, string | null>();

  constructor(view: Pick<RequestView, "raw" | "body">) {
    this.#view = view;
    this.body = view.body;
  }

  /** The JSON text of a member as it stands now; empty when there is none. */
  text(key: string): string {
    const edited = this.#edits.get(key);
    if (edited !== undefined) return edited ?? "";
    return this.body[key] === undefined ? "" : Buffer.from(memberValue(this.#view.raw, key)).toString();
  }

  /** Gives a member a value, as JSON text. */
  set(key: string, text: string): void {
    this.#edits.set(key, text);
  }

  /** Takes a member away, if it is there. */
  remove(key: string): void {
    this.#edits.set(key, null);
  }

  /** Gives a member a number; `undefined` takes it away. One that is as it was keeps its spelling. */
  setNumber(key: string, sent: Setting, value: Setting): void {
    if (value !== sent) this.#edits.set(key, value === undefined ? null : String(value));
  }

  /** Changes a number by the rules of its path. */
  changeNumber(
    path: ModifiablePath,
    changes: readonly Modification[],
    sent: Setting,
    most = Number.POSITIVE_INFINITY,
  ): void {
    const value = modifySetting(path, sent, changes);
    this.setNumber(path, sent, value === undefined || value === sent ? value : Math.min(value, most));
  }

  /** Gives a member of an object a value, as JSON text; `null` takes it away. The object is made when it is needed. */
  setInside(key: string, member: string, text: string | null): void {
    if (isObject(this.body[key])) {
      const edited = editMembers(Buffer.from(this.text(key)), new Map([[member, text]]));
      this.set(key, Buffer.from(edited).toString());
    } else if (text !== null) {
      this.set(key, `{${JSON.stringify(member)}:${text}}`);
    }
  }

  /** Changes a member that is an object as a body of its own. It is made when something is put into it. */
  inside(key: string, change: (inner: BodyDraft) => void): void {
    const text = this.text(key);
    const body = parseObject(text);
    const raw = Buffer.from(body === null ? "{}" : text);
    const inner = new BodyDraft({ raw, body: body ?? {} });
    change(inner);
    const changed = inner.bytes();
    if (changed !== raw) this.set(key, Buffer.from(changed).toString());
  }

  /** Changes the text of a member that is there, knowing where its parts stand. */
  rewrite(key: string, change: (text: string, tree: JsonNode) => string): void {
    const text = this.text(key);
    if (text === "") return;
    const changed = change(text, parseTree(text));
    if (changed !== text) this.set(key, changed);
  }

  /** The changed body: the client's very bytes when nothing changed. */
  bytes(): Uint8Array {
    return this.#edits.size === 0 ? this.#view.raw : editMembers(this.#view.raw, this.#edits);
  }
}

/** How a wire format changes each part of a request. It is given the changes of that part alone, in their order. */
export type Modifiers = {
  readonly [P in ModifiablePath]: (draft: BodyDraft, changes: readonly Modification[]) => void;
};

/**
 * Makes all changes to a body.
 *
 * @throws Error for a change that should not have passed its policy's load: none is skipped in silence
 */
export function applyModifications(draft: BodyDraft, all: readonly Modification[], modifiers: Modifiers): void {
  for (const modification of all) {
    const problem = modificationProblem(modification);
    if (problem !== null) throw new Error(problem);
  }
  for (const path of Object.keys(modifiableCatalogue) as ModifiablePath[]) {
    const changes = all.filter((change) => change.path === path);
    if (changes.length > 0) modifiers[path](draft, changes);
  }
}
