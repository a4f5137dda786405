import type { CheckCode } from "./checks.ts";

/** A TypeScript policy with something wrong in it: its files, and every problem as it must be reported. */
export interface RefusedTypeScript {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  /** `file:line:column`, code, message. */
  readonly problems: readonly (readonly [at: string, code: CheckCode, message: string])[];
}

type Found = RefusedTypeScript["problems"][number];

const file = "org/a.policy.ts";
const outside = "is outside the policies folder; a policy imports 'sluice/sdk', files of its folder and npm packages";

/** The file has an import as its first line. */
function code(name: string, text: string, ...problems: Found[]): RefusedTypeScript {
  const lines = `import { definePolicy, notApplicable, t } from "sluice/sdk";\n${text}\n`;
  return {
    name,
    files: { [file]: lines },
    problems: problems.map(([at, ...rest]) => [`policies/${file}:${at}`, ...rest]),
  };
}

/** The policy's members stand from line 3 on. */
function members(name: string, text: string, ...problems: Found[]): RefusedTypeScript {
  return code(name, `export default definePolicy({ description: "d",\n${text}\n});`, ...problems);
}

/** Each shows one way in which a TypeScript policy is refused. */
export const refusedTypeScript: readonly RefusedTypeScript[] = [
  code("code that is no TypeScript", "export default definePolicy({ description: 'd' request: () => null });", [
    "2:48",
    "C055",
    'Expected "}" but found "request"',
  ]),
  code("a wait while it is loaded", "const x = await 1;\nexport default x;", [
    "2:17",
    "C055",
    '"await" can only be used inside an "async" function',
  ]),
  {
    name: "code that is no TypeScript in a file that is imported",
    files: { [file]: `export { default } from "../lib/b.ts";\n`, "lib/b.ts": "const a = 1;\nexport default a +;\n" },
    problems: [["policies/lib/b.ts:2:19", "C055", "Unexpected ;"]],
  },
  {
    name: "a name that the imported file does not export",
    files: { [file]: `import { c } from "./b.ts";\nexport default c;\n`, "org/b.ts": "export const b = 1;\n" },
    problems: [["policies/org/a.policy.ts:1:10", "C055", 'No matching export in "org/b.ts" for import "c"']],
  },
  {
    name: "a file that is not there",
    files: { [file]: `import a from "./helpr.ts";\nexport default a;\n`, "org/helper.ts": "export default 1;\n" },
    problems: [
      [
        "policies/org/a.policy.ts:1:15",
        "C056",
        "there is no module 'org/helpr.ts' in the policies folder; did you mean 'org/helper.ts'?",
      ],
    ],
  },
  code("a file outside the folder", 'import a from "../../src/core/facts.ts";\nexport default a;', [
    "2:15",
    "C056",
    `'../../src/core/facts.ts' ${outside}`,
  ]),
  code("an absolute path", 'import a from "/etc/hostname";\nexport default a;', [
    "2:15",
    "C056",
    `'/etc/hostname' ${outside}`,
  ]),
  code("an address", 'export { default } from "https://example.com/a.ts";', [
    "2:25",
    "C056",
    `'https://example.com/a.ts' ${outside}`,
  ]),
  code("a file of the library", 'import a from "../library/a.ts";\nexport default a;', [
    "2:15",
    "C056",
    "'../library/a.ts' is in library/, from which nothing is imported",
  ]),
  code("a package that the project does not declare", 'export default () => import("left-pad");', [
    "2:29",
    "C056",
    "'left-pad' is not among the dependencies in package.json; add it there, or import a file of the policies folder",
  ]),
  code("a part of a package that is not there", 'import a from "yaml/none";\nexport default a;', [
    "2:15",
    "C056",
    "'yaml/none' is declared in package.json and not installed",
  ]),
  code("a path out of a package", 'import a from "yaml/../../src/errors.ts";\nexport default a;', [
    "2:15",
    "C056",
    `'yaml/../../src/errors.ts' ${outside}`,
  ]),
  code(
    "code that does not come to an end while it is loaded",
    "try { for (;;); } finally { for (;;); }\nexport default 1;",
    [
      "1:1",
      "C057",
      "the code is still running after 1000 ms of being loaded; at the top of a file nothing may take so long",
    ],
  ),
  code(
    "code that throws while it is loaded",
    "type A = 1;\nconst x = null as unknown as { y: A };\nexport default x.y;",
    ["4:16", "C057", "the code throws while it is loaded: TypeError: null is not an object (evaluating 'x.y')"],
  ),
  {
    name: "an imported file that throws while it is loaded",
    files: {
      [file]: `import "./b.ts";\nexport default 1;\n`,
      "org/b.ts": "interface A {}\n\nthrow 'a' as A;\n",
    },
    problems: [["policies/org/a.policy.ts:2:16", "C057", "the code throws while it is loaded: a"]],
  },
  code("no default export", 'export const policy = definePolicy({ description: "d", request: () => null });', [
    "1:1",
    "C057",
    "there is no default export; write 'export default definePolicy({ … })'",
  ]),
  code("a default export that is no policy", "export default 5;", [
    "2:16",
    "C057",
    "the default export is 5; write 'export default definePolicy({ … })'",
  ]),
  members("an unknown key", "requst: () => null,\nrequest: () => null,", [
    "3:1",
    "C022",
    "unknown key 'requst'; did you mean 'request'?",
  ]),
  members("no handler", "reads: [],", [
    "2:16",
    "C023",
    "a policy has at least one handler, so that it does something: request, stream, response, usage",
  ]),
  members(
    "a handler that is no function",
    "request: null,\nusage: 'x'",
    ["3:10", "C023", "expected a function, got null"],
    ["4:8", "C023", "expected a function, got 'x'"],
  ),
  members("a handler that makes others wait", "async request() { return null; }", [
    "3:7",
    "C058",
    "'request' must answer at once; it is async, and its answer would never be read",
  ]),
  members("a handler that is a generator", "*request() {}", [
    "3:2",
    "C058",
    "'request' must answer at once; it is a generator, and its answer would never be read",
  ]),
  code("no description", "export default definePolicy({ request: () => null });", [
    "2:16",
    "C023",
    "'description' is missing; expected a string from 1 to 1000 characters",
  ]),
  members("a value of another kind", 'mode: "enforced",\nrequest: () => null,', [
    "3:7",
    "C023",
    "expected one of 'enforce', 'warn', 'audit', got 'enforced'",
  ]),
  members("a function where data is expected", "owner: () => 'x',\nrequest: () => null,", [
    "3:8",
    "C023",
    "'owner' is data; it holds a function",
  ]),
  members("an unknown key in a scope", 'scope: { envs: ["prod"] },\nrequest: () => null,', [
    "3:10",
    "C022",
    "unknown key 'envs'; did you mean 'env'?",
  ]),
  members("an unknown fact", 'reads: ["request.model", "request.modle"],\nrequest: () => null,', [
    "3:26",
    "C002",
    "unknown fact 'request.modle'; did you mean 'request.model'?",
  ]),
  members("a fact that no handler's phase knows", 'reads: ["usage.total_tokens"],\nrequest: () => null,', [
    "3:9",
    "C003",
    "'usage.total_tokens' is known in phase response, usage; this policy has handlers for request",
  ]),
  members(
    "values that the schema refuses",
    'params: t.Object({ most: t.Integer() }),\nwith: { most: "5", least: 1 },\nrequest: () => null,',
    ["4:20", "C022", "unknown key 'least'; known keys: most"],
    ["4:15", "C027", "expected an integer, got '5'"],
  ),
  members("values that are missing", "params: t.Object({ most: t.Integer() }),\nrequest: () => null,", [
    "3:9",
    "C027",
    "'with' is missing: 'most' is missing; expected an integer",
  ]),
  members("values without a schema", "with: { most: 5 },\nrequest: () => null,", [
    "3:1",
    "C033",
    "'with' has no effect without 'params'",
  ]),
  members("a schema that is none", "params: { most: 5 },\nrequest: () => null,", [
    "3:9",
    "C023",
    "expected a schema, such as t.Object({ most: t.Integer() })",
  ]),
  {
    name: "a scope outside its folder",
    files: {
      "teams/a/x.policy.ts": `import { definePolicy } from "../../../src/sdk";\nexport default definePolicy({ description: "d", scope: { teams: ["a", "b"] }, request: () => null });\n`,
    },
    problems: [
      [
        "policies/teams/a/x.policy.ts:2:71",
        "C024",
        "a file in teams/a/ applies only to a, not to 'b'; move it to teams/b/ or org/",
      ],
    ],
  },
];
