import { stringify } from "yaml";
import { readPolicy } from "./content.ts";
import { policyId } from "./kinds.ts";
import type { PolicyFileContent } from "./schema.ts";
import { readPolicyTree } from "./tree.ts";

/** What the policies of a folder's library are for, and the one line that puts each to work, for people. */
export async function libraryReference(dir: string): Promise<string> {
  const { files } = await readPolicyTree(dir);
  const policies = files
    .filter(({ kind }) => kind === "library")
    .map((file) => ({ id: policyId(file.path), content: readPolicy(file).content! }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const rows = policies.map(({ id, content }) => `| ${idCell(id, content)} | ${cell(content.description ?? "")} |`);
  const sections = policies.map(({ id, content }) => section(id, content));
  return `<!-- Made by \`bun run generate\` from the files of this folder; edit those instead. -->

# The library

Policies to put to work. None of them does anything by itself: a file in \`org/\`, \`teams/<team>/\` or \`apps/<app>/\` that
says \`uses: library/<name>\` does, under that file's own id. \`with\` gives values to params, those that are left out keep
the ones below; every other key, such as \`scope\` or \`mode\`, holds instead of the library's. Begin with \`mode: audit\` if
you do not know yet whom a policy will hit. Or copy a file and make it yours, its test beside it.

| policy | what it is for |
|---|---|
${rows.join("\n")}

${sections.join("\n\n")}
`;
}

function idCell(id: string, content: PolicyFileContent): string {
  const name = nameOf(id);
  return `[\`${name}\`](#${name})${content.phase === undefined ? "" : ` (${content.phase})`}`;
}

function section(id: string, content: PolicyFileContent): string {
  const { params = {}, scope, uses } = content;
  const defaults = Object.fromEntries(Object.entries(params).map(([name, spec]) => [name, spec.default]));
  const values = uses === undefined ? defaults : (content.with ?? {});
  const lines = [
    `uses: ${id}`,
    ...(Object.keys(values).length > 0 ? [`with: ${flow(values)}`] : []),
    ...(scope === undefined ? [] : [`scope: ${flow(scope)}`]),
  ];
  const said = Object.entries(params).map(([name, { description = "", min, max, tunable }]) => {
    const bounds = min === undefined || max === undefined ? "" : ` From ${min} to ${max}.`;
    return `- \`${name}\`: ${description}${bounds}${tunable ? " Tunable." : ""}`;
  });
  return [
    `## ${nameOf(id)}`,
    content.description ?? "",
    `\`\`\`yaml\n${lines.join("\n")}\n\`\`\``,
    ...(said.length > 0 ? [said.join("\n")] : []),
    ...(uses === undefined ? [] : [`What \`with\` takes is that of the policy type \`${uses}\`.`]),
  ].join("\n\n");
}

function flow(value: object): string {
  return stringify(value, { collectionStyle: "flow", lineWidth: 0 }).trim();
}

function nameOf(id: string): string {
  return id.slice(id.indexOf("/") + 1);
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
