import { ConfigErrors, parseConfig } from "../sdk/config.ts";
import { readCelFile } from "./cel-file.ts";
import { PolicyDocument } from "./document.ts";
import { type PolicyFileContent, policySchema } from "./schema.ts";
import type { PolicyFile } from "./tree.ts";

/** A policy's file with what it says; `null` for the content after noting why it says nothing that could be compiled. */
export interface ReadPolicy {
  readonly document: PolicyDocument;
  readonly content: PolicyFileContent | null;
}

/** Reads a policy's file of YAML, JSON or CEL. What is wrong with its form is noted in the document. */
export function readPolicy({ label, path, text }: PolicyFile): ReadPolicy {
  if (!path.endsWith(".cel")) {
    const document = new PolicyDocument(label, text);
    return { document, content: parse(document) };
  }
  const { document, body } = readCelFile(label, text);
  const content = parse(document);
  if (content === null || body.trim() === "") return { document, content: null };
  // The code is what people know the one rule by.
  const rules = (content.rules ?? []).map((rule) => ({ ...rule, ...(rule.code && { id: rule.code }), must: body }));
  return { document, content: { ...content, rules } };
}

function parse(document: PolicyDocument): PolicyFileContent | null {
  if (document.value === undefined) return null;
  const content = parseWhatFits(document);
  if (content === null) return null;
  if (content.rules === undefined && content.uses === undefined) {
    // A file whose rules were refused for their form has said enough.
    if (document.problems.length === 0) {
      document.report("C023", [], "a policy has either 'rules' or 'uses' with 'with'; this one has neither");
    }
    return null;
  }
  if (content.with !== undefined && content.uses === undefined) {
    document.report("C033", ["with"], "'with' has no effect without 'uses'", "key");
  }
  return content;
}

/** The content without what the schema refuses, so that the rest of a wrong file is checked as well. */
function parseWhatFits(document: PolicyDocument): PolicyFileContent | null {
  try {
    return parseConfig(policySchema, document.value);
  } catch (error) {
    if (!(error instanceof ConfigErrors)) throw error;
    document.reportConfig("C023", [], error);
    const rest = structuredClone(document.value);
    for (const { path } of error.errors) remove(rest, path);
    try {
      return parseConfig(policySchema, rest);
    } catch {
      return null;
    }
  }
}

/** Elements of lists stay: without one the others would have another place. */
function remove(value: unknown, path: readonly (string | number)[]): void {
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((at, part) => (at as Record<string | number, unknown>)?.[part], value);
  const key = path.at(-1);
  if (typeof parent === "object" && parent !== null && !Array.isArray(parent) && key !== undefined) {
    delete (parent as Record<string | number, unknown>)[key];
  }
}
