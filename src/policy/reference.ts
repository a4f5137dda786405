import { vocabulary } from "../cel/admit.ts";
import { type FactSpec, factEntries } from "../core/facts.ts";
import { type ModifiableSpec, modifiableCatalogue } from "../core/modifiable.ts";
import { phases } from "../core/phases.ts";
import { type CheckCode, checks, isWarning } from "./checks.ts";

const generated = "<!-- Made by `bun run generate`; edit the code that it is made from instead. -->";

/** What Sluice's own functions do; the others are CEL's. */
const functionDocs: Readonly<Record<string, string>> = {
  has: "`has(map.key)`: whether a map, such as `request.headers`, has the key.",
  glob: "`glob(text, pattern)`: whether the whole text fits a glob with `*` and `?`, ignoring ASCII case. The pattern is a text literal or a param.",
  inSet:
    "`inSet('name', value)`: whether a named list of a `*.data.yaml` holds the value, or a named table has it as a name.",
  inCidr:
    "`inCidr(address, block)`: whether an address is in a block such as `10.0.0.0/8`. The block is a text literal or a param.",
  clamp: "`clamp(x, low, high)`: the number, but not less than `low` and not more than `high`.",
  least: "`least(a, b)`: the smaller of two numbers.",
  greatest: "`greatest(a, b)`: the larger of two numbers.",
  timestamp: "`timestamp('2026-01-31T09:00:00Z')`: a time, from a literal.",
  duration: "`duration('1h30m')`: a length of time, from a literal.",
};

/** What rules can read and call, for people. */
export function factsReference(): string {
  const rows = factEntries.map(([name, spec]) => [
    `\`${name}\``,
    spec.type,
    where(spec),
    spec.max === undefined ? "" : String(spec.max),
    spec.doc + (spec.values === undefined ? "" : ` One of ${spec.values.map((value) => `\`${value}\``).join(", ")}.`),
  ]);
  const short = factEntries.flatMap(([name, spec]) =>
    spec.short === undefined ? [] : [[`\`${spec.short.name}\``, `\`${name}\``, spec.short.phases.join(", ")]],
  );
  const { functions, methods, macros, times } = vocabulary;
  const own = functions.filter((name) => functionDocs[name] !== undefined);
  const cels = functions.filter((name) => functionDocs[name] === undefined);
  return `${generated}

# What rules can read

Every fact has one type, is known in some phases, and has a largest size (characters of a text, elements of a list or
map), from which the cost of expressions is bounded. A rule that reads a fact of another phase is refused at load.

${table(["fact", "type", "phases", "largest", ""], rows)}

Beside facts rules read \`params.<name>\`, \`vars.<name>\` and \`data.<name>\`: what the policy's file declares, and the
named lists and tables of \`*.data.yaml\` files.

## Short names

${table(["name", "stands for", "in phases"], short)}

## Functions

${own.map((name) => `- ${functionDocs[name]}`).join("\n")}
- \`re.matches(text, pattern)\`: whether an expression in RE2's syntax matches anywhere in the text, in linear time. The
  pattern is a text literal or a param.

Of CEL itself: ${list(cels, "()")}; on values ${list(methods, "()")}; on lists and maps the macros ${list(macros, "()")};
on times ${list(times, "()")}, all in UTC.
`;
}

/** What rules can change, for people. */
export function modificationsReference(): string {
  const rows = Object.entries(modifiableCatalogue as Readonly<Record<string, ModifiableSpec>>).map(([path, spec]) => [
    `\`${path}\``,
    spec.ops.map((op) => `\`${op}\``).join(", "),
    spec.type,
    bounds(spec),
    spec.doc,
  ]);
  return `${generated}

# What rules can change

\`then: modify\` with \`modify: [{ op, path, value }]\`, in phase request. \`set\` replaces, \`cap\` lowers and also sets when
the client sent nothing, \`floor\` raises, \`remove\` takes away, \`append\` adds, \`redact\` replaces texts, \`route\` asks
another model. Changes of one path by several rules: the least \`cap\`, the greatest \`floor\`; \`remove\` beats \`set\`;
redactions are united; two different \`set\` or \`route\` of one priority conflict. In values \`{params.x}\` stands for a
param: alone, as in \`value: "{params.cap}"\`, it is the param's value with its type.

${table(["path", "operations", "value", "accepts", ""], rows)}
`;
}

/** Every numbered check, for people. */
export function checksReference(): string {
  const rows = Object.entries(checks)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, title]) => [code, title, isWarning(code as CheckCode) ? "warning" : ""]);
  return `${generated}

# What is checked before a policy may run

Problems are reported as \`file:line:column  code  message\`. Codes never change their meaning. What is found refuses the
whole set; a warning is told and keeps nothing from being live, unless it is \`sluice check --strict\` that looks. C074 is
looked for by \`sluice check --require-tests\` alone. What is meant is said in a comment, in the line or in the one before it:
\`sluice: ignore C075 the header is set by our own proxy\`.

${table(["code", "what holds of every policy set that is live", ""], rows)}
`;
}

function where({ phases: known }: FactSpec): string {
  return known.length === phases.length ? "all" : known.join(", ");
}

function bounds({ min, max, size, values, type }: ModifiableSpec): string {
  if (values !== undefined) return values.map((value) => `\`${value}\``).join(", ");
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  if (min !== undefined) return `at least ${min}`;
  if (size === undefined) return "";
  return type === "list<string>" ? `up to ${size} texts` : `up to ${size} characters`;
}

function list(names: readonly string[], ending: string): string {
  return names.map((name) => `\`${name}${ending}\``).join(", ");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}
