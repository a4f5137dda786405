import type { BadFiles } from "./bad-files.cases.ts";

const policy = "org/a.policy.yaml";
const small = "rules: [{ id: small, when: request.stream, then: warn }]\n";
const cap = `params:
  most: { type: int, default: 5, min: 1, max: 10 }
  pattern: { type: string, default: a }
rules:
  - id: over
    when: request.bytes > params.most && re.matches(model, params.pattern)
    then: deny
`;

/** Each shows one way in which a file beside policies is refused, or a policy for what it takes from one. */
export const badKinds: readonly BadFiles[] = [
  {
    name: "data that is not there",
    files: { "org/a.policy.yaml": "rules: [{ when: model in data.retired, then: deny }]\n" },
    problems: [
      [
        "policies/org/a.policy.yaml:1:26",
        "C002",
        "unknown name 'data.retired'; a *.data.yaml file in org/ or in the policy's own folder would name some",
      ],
    ],
  },
  {
    name: "data of another name",
    files: {
      "org/a.policy.yaml":
        "rules:\n  - { when: model in data.retierd, then: deny }\n  - { when: 'inSet(\"old\", model)', then: deny }\n",
      "org/m.data.yaml": "lists: { retired: [gpt-3] }\n",
    },
    problems: [
      ["policies/org/a.policy.yaml:2:22", "C002", "unknown name 'data.retierd'; did you mean 'data.retired'?"],
      ["policies/org/a.policy.yaml:3:20", "C002", "there is no data named 'old'; known: retired"],
    ],
  },
  {
    name: "data of another type",
    files: {
      "org/a.policy.yaml": "rules: [{ when: model in data.ports, then: deny }]\n",
      "org/m.data.yaml": "lists: { ports: [1] }\n",
    },
    problems: [["policies/org/a.policy.yaml:1:17", "C004", "'in' does not take string and list<int>"]],
  },
  {
    name: "data of another folder",
    files: {
      "org/a.policy.yaml": "rules: [{ when: model in data.ours, then: deny }]\n",
      "teams/red/m.data.yaml": "lists: { ours: [gpt-3] }\n",
      "org/m.data.yaml": "lists: { all: [gpt-3] }\n",
    },
    problems: [["policies/org/a.policy.yaml:1:26", "C002", "unknown name 'data.ours'; known: data.all"]],
  },
  {
    name: "a set by a name that is not known at load",
    files: {
      "org/a.policy.yaml": "rules: [{ when: 'inSet(app.id, model)', then: deny }]\n",
      "org/m.data.yaml": "lists: { all: [gpt-3] }\n",
    },
    problems: [
      ["policies/org/a.policy.yaml:1:18", "C012", "inSet() takes the name of data as a text literal, then a value"],
    ],
  },
  {
    name: "a list of different things",
    files: { "org/m.data.yaml": "lists:\n  a: [gpt-3, 4]\n  b: [1, 2.5]\n  c: [[x]]\n", [policy]: small },
    problems: [
      [
        "policies/org/m.data.yaml:2:14",
        "C041",
        "expected a text, like those before it, got 4; a list holds texts or integers",
      ],
      [
        "policies/org/m.data.yaml:3:10",
        "C041",
        "expected an integer, like those before it, got 2.5; a list holds texts or integers",
      ],
      ["policies/org/m.data.yaml:4:7", "C041", "expected a text, got a list; a list holds texts or integers"],
    ],
  },
  {
    name: "a table of different things",
    files: {
      "org/m.data.yaml": "tables:\n  a: { x: 1, y: one }\n  b: { x: { y: 1 } }\n  c: { constructor: 1 }\n",
      [policy]: small,
    },
    problems: [
      [
        "policies/org/m.data.yaml:2:17",
        "C041",
        "expected a number, like those before it, got 'one'; a table holds texts or numbers",
      ],
      ["policies/org/m.data.yaml:3:11", "C041", "expected a text, got a map; a table holds texts or numbers"],
      ["policies/org/m.data.yaml:4:8", "C041", "'constructor' cannot be a key"],
    ],
  },
  {
    name: "data under a name that CEL could not read",
    files: { "org/m.data.yaml": "lists:\n  old-models: [gpt-3]\n", [policy]: small },
    problems: [
      [
        "policies/org/m.data.yaml:2:3",
        "C023",
        "'old-models' is no name; use letters, digits and underscores, such as old_models",
      ],
    ],
  },
  {
    name: "data without data",
    files: { "org/m.data.yaml": "description: Nothing.\n", [policy]: small },
    problems: [["policies/org/m.data.yaml:1:1", "C041", "a data file has 'lists' or 'tables'; this one has neither"]],
  },
  {
    name: "data with a misspelt key",
    files: { "org/m.data.yaml": "list: { a: [b] }\n", [policy]: small },
    problems: [["policies/org/m.data.yaml:1:1", "C022", "unknown key 'list'; did you mean 'lists'?"]],
  },
  {
    name: "data that two files name",
    files: {
      "org/m.data.yaml": "lists: { a: [b] }\n",
      "teams/red/n.data.yaml": "tables:\n  a: { b: c }\n",
      [policy]: small,
    },
    problems: [
      ["policies/teams/red/n.data.yaml:2:3", "C042", "the data name 'a' is already taken by policies/org/m.data.yaml"],
    ],
  },
  {
    name: "an exception without an end",
    files: {
      "org/e.exception.yaml": "policy: org/a\nscope: { apps: [x] }\nowner: me\nreason: because\n",
      [policy]: small,
    },
    problems: [
      [
        "policies/org/e.exception.yaml:1:1",
        "C044",
        "'expires' is missing; an exception ends by itself, such as on 2027-01-31",
      ],
    ],
  },
  {
    name: "an exception that ends on no day",
    files: {
      "org/e.exception.yaml": "policy: org/a\nscope: { apps: [x] }\nowner: me\nreason: because\nexpires: 2027-02-30\n",
      [policy]: small,
    },
    problems: [
      [
        "policies/org/e.exception.yaml:5:10",
        "C044",
        "'2027-02-30' is no time; expected one such as 2027-01-31T12:00:00Z, or a date such as 2027-01-31",
      ],
    ],
  },
  {
    name: "an exception that ends in words",
    files: {
      "org/e.exception.yaml": "policy: org/a\nscope: { apps: [x] }\nowner: me\nreason: because\nexpires: next week\n",
      [policy]: small,
    },
    problems: [
      [
        "policies/org/e.exception.yaml:5:10",
        "C044",
        "'next week' is no time; expected one such as 2027-01-31T12:00:00Z, or a date such as 2027-01-31",
      ],
    ],
  },
  {
    name: "an exception without a reason",
    files: {
      "org/e.exception.yaml": "policy: org/a\nscope: { apps: [x] }\nowner: me\nexpires: 2027-01-31\n",
      [policy]: small,
    },
    problems: [
      ["policies/org/e.exception.yaml:1:1", "C023", "'reason' is missing; expected a string from 1 to 1000 characters"],
    ],
  },
  {
    name: "an exception from an unknown policy",
    files: {
      "org/e.exception.yaml": "policy: org/b\nscope: { apps: [x] }\nowner: me\nreason: because\nexpires: 2027-01-31\n",
      [policy]: small,
    },
    problems: [["policies/org/e.exception.yaml:1:9", "C043", "there is no policy 'org/b'; did you mean 'org/a'?"]],
  },
  {
    name: "an exception from an unknown rule",
    files: {
      "org/e.exception.yaml":
        "policy: org/a\nrule: smal\nscope: { apps: [x] }\nowner: me\nreason: because\nexpires: 2027-01-31\n",
      [policy]: small,
    },
    problems: [["policies/org/e.exception.yaml:2:7", "C043", "'org/a' has no rule 'smal'; did you mean 'small'?"]],
  },
  {
    name: "an exception for everyone",
    files: {
      "org/e.exception.yaml": "policy: org/a\nowner: me\nreason: because\nexpires: 2027-01-31\n",
      [policy]: small,
    },
    problems: [
      [
        "policies/org/e.exception.yaml:1:1",
        "C045",
        "an exception in org/ says which requests it is for, such as 'scope: { apps: [batch] }'",
      ],
    ],
  },
  {
    name: "an exception from what stands above",
    files: {
      "teams/red/e.exception.yaml": "policy: org/a\nowner: me\nreason: because\nexpires: 2027-01-31\n",
      [policy]: small,
    },
    problems: [
      [
        "policies/teams/red/e.exception.yaml:1:9",
        "C045",
        "an exception in teams/red/ is from policies in teams/red/; move it to org/ to except from 'org/a'",
      ],
    ],
  },
  {
    name: "an exception from what is locked",
    files: {
      "sluice.yaml": "locked: ['org/*']\n",
      "org/e.exception.yaml": "policy: org/a\nscope: { apps: [x] }\nowner: me\nreason: because\nexpires: 2027-01-31\n",
      [policy]: small,
    },
    problems: [
      ["policies/org/e.exception.yaml:1:9", "C045", "the manifest locks 'org/a': nothing is excepted from it"],
    ],
  },
  {
    name: "an exception with a misspelt key",
    files: {
      "org/e.exception.yaml": "policy: org/a\nscope: { app: [x] }\nowner: me\nreason: because\nexpires: 2027-01-31\n",
      [policy]: small,
    },
    problems: [["policies/org/e.exception.yaml:2:10", "C022", "unknown key 'app'; did you mean 'apps'?"]],
  },
  {
    name: "a locked policy that is not there",
    files: { "sluice.yaml": "locked: [org/a, org/b, 'apps/*']\n", [policy]: small },
    problems: [
      ["policies/sluice.yaml:1:17", "C046", "'org/b' is no policy; did you mean 'org/a'?"],
      ["policies/sluice.yaml:1:24", "C046", "'apps/*' fits no policy; policies: org/a"],
    ],
  },
  {
    name: "facts of a policy type that finds none out",
    files: { "sluice.yaml": "facts:\n  budget: { timeout_ms: 50 }\n", [policy]: small },
    problems: [["policies/sluice.yaml:2:3", "C078", "the policy type 'budget' finds no facts out"]],
  },
  {
    name: "a manifest with an unknown default",
    files: { "sluice.yaml": "default: refuse\n", [policy]: small },
    problems: [["policies/sluice.yaml:1:10", "C023", "expected one of 'allow', 'deny', got 'refuse'"]],
  },
  {
    name: "a manifest with a root outside the database",
    files: { "sluice.yaml": "database: { roots: [db, org] }\n", [policy]: small },
    problems: [
      ["policies/sluice.yaml:1:25", "C023", "expected a string matching ^db(/[a-z0-9][a-z0-9_-]*)*$, got 'org'"],
    ],
  },
  {
    name: "a file of a layer that is not used",
    files: {
      "sluice.yaml": "layers: [org, apps]\n",
      "teams/red/b.policy.yaml": "rules: [{ when: request.stream, then: warn }]\n",
      [policy]: small,
    },
    problems: [
      ["policies/teams/red/b.policy.yaml:1:1", "C029", "the manifest does not use the layer teams; it uses org, apps"],
    ],
  },
  {
    name: "an unknown layer",
    files: { "sluice.yaml": "layers: [org, users]\n", [policy]: small },
    problems: [["policies/sluice.yaml:1:15", "C023", "expected one of 'org', 'teams', 'apps', got 'users'"]],
  },
  {
    name: "a manifest that is no YAML",
    files: { "sluice.yaml": "default: [deny\n", [policy]: small },
    problems: [
      [
        "policies/sluice.yaml:2:1",
        "C020",
        "not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
      ],
    ],
  },
  {
    name: "an unknown library policy",
    files: { "org/u.policy.yaml": "uses: library/cup\n", [policy]: small, "library/cap.policy.yaml": cap },
    problems: [
      [
        "policies/org/u.policy.yaml:1:7",
        "C047",
        "there is no library policy 'library/cup'; did you mean 'library/cap'?",
      ],
    ],
  },
  {
    name: "a library policy with an unknown param",
    files: {
      "org/u.policy.yaml": "uses: library/cap\nwith: { moost: 5 }\n",
      [policy]: small,
      "library/cap.policy.yaml": cap,
    },
    problems: [["policies/org/u.policy.yaml:2:9", "C048", "unknown param 'moost'; did you mean 'most'?"]],
  },
  {
    name: "a library policy with a param of another type",
    files: {
      "org/u.policy.yaml": "uses: library/cap\nwith: { most: many }\n",
      [policy]: small,
      "library/cap.policy.yaml": cap,
    },
    problems: [["policies/org/u.policy.yaml:2:15", "C048", "expected an integer, got 'many'"]],
  },
  {
    name: "a library policy with a param outside its bounds",
    files: {
      "org/u.policy.yaml": "uses: library/cap\nwith:\n  most: 500\n",
      [policy]: small,
      "library/cap.policy.yaml": cap,
    },
    problems: [["policies/org/u.policy.yaml:3:9", "C048", "500 is above the max 10"]],
  },
  {
    name: "a library policy with a param that makes no pattern",
    files: {
      "org/u.policy.yaml": "uses: library/cap\nwith:\n  pattern: '[a'\n",
      [policy]: small,
      "library/cap.policy.yaml": cap,
    },
    problems: [
      ["policies/org/u.policy.yaml:3:12", "C009", "the pattern is not a valid RE2 expression: missing closing ]: `[a`"],
    ],
  },
  {
    name: "a library policy with rules beside it",
    files: {
      "org/u.policy.yaml": "uses: library/cap\nrules: [{ when: request.stream, then: deny }]\n",
      [policy]: small,
      "library/cap.policy.yaml": cap,
    },
    problems: [
      ["policies/org/u.policy.yaml:2:1", "C033", "'rules' does not go with 'uses'; 'library/cap' has its own"],
    ],
  },
  {
    name: "a library policy with a wrong gate",
    files: {
      "org/u.policy.yaml": "uses: library/cap\nmatch: [request.strem]\n",
      [policy]: small,
      "library/cap.policy.yaml": cap,
    },
    problems: [
      ["policies/org/u.policy.yaml:2:9", "C002", "unknown name 'request.strem'; did you mean 'request.stream'?"],
    ],
  },
  {
    name: "a library policy that uses another",
    files: { "library/b.policy.yaml": "uses: library/cap\n", [policy]: small, "library/cap.policy.yaml": cap },
    problems: [
      [
        "policies/library/b.policy.yaml:1:7",
        "C047",
        "a library policy is whole in itself; it has rules or uses a policy type",
      ],
    ],
  },
  {
    name: "a library policy with problems, and its user",
    files: {
      "library/b.policy.yaml": "rules: [{ when: request.strem, then: deny }]\n",
      "org/u.policy.yaml": "uses: library/b\n",
      [policy]: small,
      "library/cap.policy.yaml": cap,
    },
    problems: [
      ["policies/library/b.policy.yaml:1:17", "C002", "unknown name 'request.strem'; did you mean 'request.stream'?"],
      ["policies/org/u.policy.yaml:1:7", "C047", "'library/b' has problems of its own"],
    ],
  },
  {
    name: "a library policy that sets values of a type wrongly",
    files: {
      "library/b.policy.yaml": "uses: request_size\nwith: { max_request_bytes: 5 }\n",
      "org/u.policy.yaml": "uses: library/b\nwith: { max_request_bytes: big, other: 1 }\n",
      [policy]: small,
      "library/cap.policy.yaml": cap,
    },
    problems: [
      ["policies/org/u.policy.yaml:2:28", "C027", "expected an integer of at least 1, got 'big'"],
      ["policies/org/u.policy.yaml:2:33", "C022", "unknown key 'other'; known keys: max_request_bytes"],
    ],
  },
  {
    name: "files that a library does not hold",
    files: {
      "library/a.policy.ts": "export {}",
      "library/b.data.yaml": "lists: { a: [b] }\n",
      "library/c.yaml": "a: 1",
      [policy]: small,
      "library/cap.policy.yaml": cap,
    },
    problems: [
      [
        "policies/library/a.policy.ts:1:1",
        "C029",
        "library/ holds *.policy.yaml, *.cel and their *.test.yaml; a.policy.ts is none of them",
      ],
      [
        "policies/library/b.data.yaml:1:1",
        "C029",
        "library/ holds *.policy.yaml, *.cel and their *.test.yaml; b.data.yaml is none of them",
      ],
      [
        "policies/library/c.yaml:1:1",
        "C029",
        "library/ holds *.policy.yaml, *.cel and their *.test.yaml; c.yaml is none of them",
      ],
    ],
  },
  {
    name: "names with endings that nothing has",
    files: {
      "org/b.policy.YAML": "a: 1",
      "org/c.policy.js": "a",
      "org/d.CEL": "true",
      "org/e.policies.yml": "a: 1",
      [policy]: small,
    },
    problems: [
      [
        "policies/org/b.policy.YAML:1:1",
        "C029",
        "b.policy.YAML is named like no kind of policy file; known: *.policy.yaml, *.cel, *.policy.ts, *.data.yaml, *.exception.yaml, *.test.yaml and sluice.yaml",
      ],
      [
        "policies/org/c.policy.js:1:1",
        "C029",
        "c.policy.js is named like no kind of policy file; known: *.policy.yaml, *.cel, *.policy.ts, *.data.yaml, *.exception.yaml, *.test.yaml and sluice.yaml",
      ],
      [
        "policies/org/d.CEL:1:1",
        "C029",
        "d.CEL is named like no kind of policy file; known: *.policy.yaml, *.cel, *.policy.ts, *.data.yaml, *.exception.yaml, *.test.yaml and sluice.yaml",
      ],
      [
        "policies/org/e.policies.yml:1:1",
        "C029",
        "e.policies.yml is named like no kind of policy file; known: *.policy.yaml, *.cel, *.policy.ts, *.data.yaml, *.exception.yaml, *.test.yaml and sluice.yaml",
      ],
    ],
  },
  {
    name: "exceptions of one id",
    files: {
      "org/e.exception.yaml": "policy: org/a\nscope: { apps: [x] }\nowner: me\nreason: because\nexpires: 2027-01-31\n",
      "org/e.exception.yml": "policy: org/a\nscope: { apps: [x] }\nowner: me\nreason: because\nexpires: 2027-01-31\n",
      [policy]: small,
    },
    problems: [
      [
        "policies/org/e.exception.yml:1:1",
        "C030",
        "the exception id 'org/e' is already taken by policies/org/e.exception.yaml",
      ],
    ],
  },
];
