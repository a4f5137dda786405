import type { BadFiles } from "./bad-files.cases.ts";

const file = "org/a.policy.yaml";
const at = (place: string) => `policies/${file}:${place}`;

function bad(name: string, text: string, ...problems: BadFiles["problems"][number][]): BadFiles {
  return { name, files: { [file]: text }, problems: problems.map(([place, ...rest]) => [at(place), ...rest]) };
}

/** Each shows one way in which a policy of YAML or JSON, or the folder as a whole, is refused. */
export const badPolicies: readonly BadFiles[] = [
  bad("a file that is not YAML", "rules:\n  - id: [a\n", [
    "3:1",
    "C020",
    "not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
  ]),
  bad("tabs for indentation", "rules:\n\t- then: deny\n", [
    "2:1",
    "C020",
    "not valid YAML: Tabs are not allowed as indentation",
  ]),
  bad("a text with a colon outside quotes", "rules:\n  - { then: deny }\nowner: the team: red\n", [
    "3:8",
    "C020",
    "not valid YAML: Nested mappings are not allowed in compact mappings; a text that holds ': ' stands in quotes",
  ]),
  bad("two documents in one file", "rules: [{ then: deny }]\n---\nrules: []\n", [
    "2:1",
    "C020",
    "a file holds one policy; a second document begins here",
  ]),
  bad("a key that is there twice", "rules: [{ then: deny }]\nmode: warn\nmode: audit\n", [
    "3:1",
    "C021",
    "the key 'mode' is there twice",
  ]),
  bad("a key that is there twice in a rule", 'rules:\n  - then: deny\n    "then": warn\n', [
    "3:5",
    "C021",
    'the key "then" is there twice',
  ]),
  bad("an unknown key", "rules: [{ then: deny }]\npriorty: 5\n", [
    "2:1",
    "C022",
    "unknown key 'priorty'; did you mean 'priority'?",
  ]),
  bad("an unknown key in a rule", "rules:\n  - then: deny\n    whne: request.stream\n", [
    "3:5",
    "C022",
    "unknown key 'whne'; did you mean 'when'?",
  ]),
  bad("an unknown key in a scope", "scope: { models: ['a'], modles: ['a'] }\nrules: [{ then: deny }]\n", [
    "1:25",
    "C022",
    "unknown key 'modles'; did you mean 'models'?",
  ]),
  bad("a wrong type", "rules:\n  - then: deny\n    when: true\n", [
    "3:11",
    "C023",
    "expected a string of at least 1 character, got true",
  ]),
  bad("a word that is none of those accepted", "mode: enforced\nrules: [{ then: deny }]\n", [
    "1:7",
    "C023",
    "expected one of 'enforce', 'warn', 'audit', got 'enforced'",
  ]),
  bad("a status that is no refusal", "rules:\n  - then: deny\n    status: 200\n", [
    "3:13",
    "C023",
    "expected an integer from 400 to 599, got 200",
  ]),
  bad("a rule without an effect", "rules:\n  - id: a\n    when: request.stream\n", [
    "2:5",
    "C023",
    "'then' is missing; expected one of 'deny', 'warn', 'allow', 'modify'",
  ]),
  bad("neither rules nor a policy type", "description: Nothing.\n", [
    "1:1",
    "C023",
    "a policy has either 'rules' or 'uses' with 'with'; this one has neither",
  ]),
  bad("an empty file", "", ["1:1", "C023", "a policy has either 'rules' or 'uses' with 'with'; this one has neither"]),
  bad("a file that is a list", "- rules\n", ["1:1", "C023", "expected a map, got a list"]),
  bad("an empty list in a scope", "scope:\n  env: []\nrules: [{ then: deny }]\n", [
    "2:8",
    "C023",
    "expected a list of at least 1 element, got an empty list",
  ]),
  bad("a name that CEL could not read", "params:\n  hard-cap: { type: int, default: 1 }\nrules: [{ then: deny }]\n", [
    "2:3",
    "C023",
    "'hard-cap' is no name; use letters, digits and underscores, such as hard_cap",
  ]),
  bad("a modification that is missing", "rules:\n  - then: modify\n    when: request.stream\n", [
    "2:5",
    "C023",
    "'modify' is missing; it says what to change",
  ]),
  bad(
    "all problems of a file at once",
    "priorty: 5\nmatch: [request.strem, request.bytes]\nrules:\n  - when: 'request.modl == \"a\"'\n    then: deny\n  - when: usage.total_tokens > 1\n    then: deny\n    message: '{request.nothing} is wrong'\n",
    ["1:1", "C022", "unknown key 'priorty'; did you mean 'priority'?"],
    ["2:9", "C002", "unknown name 'request.strem'; did you mean 'request.stream'?"],
    ["2:24", "C005", "a condition must be a bool, this is an int; a gate says when the policy applies"],
    ["4:12", "C002", "unknown name 'request.modl'; did you mean 'request.model'?"],
    ["6:11", "C003", "'usage.total_tokens' can be read in phases response and usage, not in request"],
    [
      "8:16",
      "C025",
      "unknown name 'request.nothing'; known: request.id, request.surface, request.provider, request.model, request.stream, request.bytes, request.message_count, request.tool_count, request.image_count, request.characters, request.roles, request.tool_names, request.max_tokens, request.max_tokens_requested, request.choices, request.temperature, request.estimated_tokens, request.estimated_cost_usd, request.priced, request.input_usd_per_million, request.output_usd_per_million, request.has_images, request.source_ip, request.headers",
    ],
  ),
  bad(
    "a misspelt variable, where it is read and not where it follows",
    "variables:\n  asked: request.bites + 1\nrules:\n  - when: vars.asked > 1\n    then: deny\n  - when: vars.askd > 1\n    then: deny\n",
    ["2:10", "C002", "unknown name 'request.bites'; did you mean 'request.bytes'?"],
    ["6:11", "C002", "unknown name 'vars.askd'"],
  ),
  bad(
    "an expression over several lines",
    "rules:\n  - then: deny\n    when: |\n      request.stream &&\n        request.modl == 'a'\n",
    ["5:9", "C002", "unknown name 'request.modl'; did you mean 'request.model'?"],
  ),
  bad(
    "a folded expression",
    "rules:\n  - then: deny\n    when: >-\n      request.stream\n      && request.modl == 'a'\n",
    ["5:10", "C002", "unknown name 'request.modl'; did you mean 'request.model'?"],
  ),
  bad(
    "an expression in quotes with escapes",
    'rules:\n  - then: deny\n    when: "request.model == \\"a\\" && request.strem"\n',
    ["3:38", "C002", "unknown name 'request.strem'; did you mean 'request.stream'?"],
  ),
  bad(
    "an expression in single quotes with quotes inside",
    "rules:\n  - then: deny\n    when: 'request.model == ''a'' && request.strem'\n",
    ["3:38", "C002", "unknown name 'request.strem'; did you mean 'request.stream'?"],
  ),
  bad("a placeholder of another phase", "rules:\n  - then: deny\n    message: used {usage.total_tokens}\n", [
    "3:20",
    "C003",
    "'usage.total_tokens' can be read in phases response and usage, not in request",
  ]),
  bad("an unknown policy type", "uses: rate_limits\nwith: {}\n", [
    "1:7",
    "C026",
    "there is no policy type 'rate_limits'; did you mean 'rate_limit'?",
  ]),
  bad("a config of the wrong type", "uses: request_size\nwith:\n  max_request_bytes: big\n", [
    "3:22",
    "C027",
    "expected an integer of at least 1, got 'big'",
  ]),
  bad("an unknown key in a config", "uses: request_size\nwith:\n  max_request_bytes: 5\n  max_bytes: 5\n", [
    "4:3",
    "C022",
    "unknown key 'max_bytes'; known keys: max_request_bytes",
  ]),
  bad("a config that is missing", "uses: request_size\n", [
    "1:7",
    "C027",
    "'with' is missing: 'max_request_bytes' is missing; expected an integer of at least 1",
  ]),
  bad(
    "an expression in a config",
    "uses: custom_cel\nwith:\n  pre_check_expression: request.bytes < 5 && request.modl == 'a'\n",
    ["3:46", "C027", "unknown name 'request.modl'; did you mean 'request.model'?"],
  ),
  bad(
    "a rule id that is there twice",
    "rules:\n  - { id: a, when: request.stream, then: warn }\n  - { id: a, when: request.has_images, then: warn }\n",
    ["3:11", "C031", "the rule id 'a' is there twice"],
  ),
  bad(
    "a default of another type",
    "params:\n  cap: { type: int, default: many }\nrules: [{ when: request.bytes > params.cap, then: deny }]\n",
    ["2:30", "C032", "expected an integer, got 'many'"],
  ),
  bad(
    "a default outside its bounds",
    "params:\n  cap: { type: int, default: 5, min: 10 }\nrules: [{ when: request.bytes > params.cap, then: deny }]\n",
    ["2:30", "C032", "5 is below the min 10"],
  ),
  bad(
    "bounds for what has none",
    "params:\n  word: { type: string, default: a, max: 10 }\nrules: [{ when: model == params.word, then: deny }]\n",
    ["2:42", "C032", "'max' is for numbers, this param is a string"],
  ),
  bad("a config without a policy type", "with: { a: 1 }\nrules: [{ then: deny }]\n", [
    "1:1",
    "C033",
    "'with' has no effect without 'uses'",
  ]),
  bad("rules beside a policy type", "uses: request_size\nwith: { max_request_bytes: 5 }\nrules: [{ then: deny }]\n", [
    "3:1",
    "C033",
    "'rules' does not go with 'uses'",
  ]),
  bad("a status of what is no refusal", "rules:\n  - then: warn\n    status: 429\n", [
    "3:5",
    "C033",
    "'status' has no effect on 'then: warn'",
  ]),
  bad(
    "an operation that does not go with what it changes",
    "rules:\n  - then: modify\n    modify: [{ op: append, path: max_tokens, value: 5 }]\n",
    ["3:20", "C034", "the operation 'append' does not go with max_tokens; what does: set, cap, floor, remove"],
  ),
  bad("a path that cannot be modified", "rules:\n  - then: modify\n    modify: [{ op: cap, path: seed, value: 5 }]\n", [
    "3:31",
    "C034",
    "'seed' cannot be modified; what can be: max_tokens, messages, model, n, reasoning_effort, service_tier, stop, system, temperature, tools, top_p, user",
  ]),
  bad("a value that cannot be", "rules:\n  - then: modify\n    modify: [{ op: cap, path: max_tokens, value: 0 }]\n", [
    "3:50",
    "C034",
    "max_tokens must be an integer of at least 1, not 0",
  ]),
  bad(
    "a modification after the answer",
    "phase: usage\nrules:\n  - then: modify\n    when: usage.total_tokens > 5\n    modify: [{ op: cap, path: max_tokens, value: 5 }]\n",
    ["3:11", "C034", "nothing can be modified in phase usage; 'then: modify' is for phase request"],
  ),
  bad(
    "a rule that can never matter",
    "rules:\n  - { id: all, then: deny }\n  - { id: some, when: request.stream, then: deny }\n",
    ["3:5", "C036", "the rule 'some' can never matter: 'all' denies every request of this policy"],
  ),
  {
    name: "JSON with a misspelt fact",
    files: { "org/a.policy.json": '{ "rules": [\n  { "then": "deny", "when": "request.strem" }\n] }\n' },
    problems: [
      ["policies/org/a.policy.json:2:30", "C002", "unknown name 'request.strem'; did you mean 'request.stream'?"],
    ],
  },
  {
    name: "a file that applies outside its folder",
    files: { "teams/red/a.policy.yaml": "scope:\n  teams: [red, blue]\nrules: [{ then: deny }]\n" },
    problems: [
      [
        "policies/teams/red/a.policy.yaml:2:16",
        "C024",
        "a file in teams/red/ applies only to red, not to 'blue'; move it to teams/blue/ or org/",
      ],
    ],
  },
  {
    name: "files that no one would read",
    files: {
      "a.policy.yaml": "a: 1",
      "other/b.policy.yaml": "a: 1",
      "teams/c.policy.yaml": "a: 1",
      "org/d.yaml": "a: 1",
    },
    problems: [
      [
        "policies/a.policy.yaml:1:1",
        "C029",
        "policies stand in org/, teams/<team>/ or apps/<app>/; move a.policy.yaml into one",
      ],
      [
        "policies/org/d.yaml:1:1",
        "C029",
        "d.yaml is named like no kind of policy file; known: *.policy.yaml, *.cel, *.policy.ts, *.data.yaml, *.exception.yaml, *.test.yaml and sluice.yaml",
      ],
      [
        "policies/other/b.policy.yaml:1:1",
        "C029",
        "policies stand in org/, teams/<team>/ or apps/<app>/; move b.policy.yaml into one",
      ],
      [
        "policies/teams/c.policy.yaml:1:1",
        "C029",
        "policies of teams stand in a folder of their own: teams/<name>/c.policy.yaml",
      ],
    ],
  },
  {
    name: "one id for two files",
    files: { "org/a.policy.yaml": "rules: [{ then: warn }]", "org/a.policy.yml": "rules: [{ then: warn }]" },
    problems: [
      ["policies/org/a.policy.yml:1:1", "C030", "the policy id 'org/a' is already taken by policies/org/a.policy.yaml"],
    ],
  },
  {
    name: "policies that set one thing to different values",
    files: {
      "org/a.policy.yaml":
        "rules:\n  - { id: low, then: modify, modify: [{ op: set, path: temperature, value: 0 }] }\n",
      "org/b.policy.yaml": "rules:\n  - { then: modify, modify: [{ op: set, path: temperature, value: 1 }] }\n",
      "org/c.policy.yaml":
        "priority: 5\nrules:\n  - { then: modify, modify: [{ op: set, path: temperature, value: 2 }] }\n",
    },
    problems: [
      [
        "policies/org/b.policy.yaml:2:30",
        "C035",
        "temperature is set to 1 here and to 0 by org/a/low; give one of the policies another priority",
      ],
    ],
  },
  {
    name: "a manifest with a misspelt key",
    files: { "sluice.yaml": "defualt: deny\n", [file]: "rules: [{ then: warn }]" },
    problems: [["policies/sluice.yaml:1:1", "C022", "unknown key 'defualt'; did you mean 'default'?"]],
  },
  {
    name: "a file that is no text",
    files: { [file]: new Uint8Array([0x72, 0xff, 0xfe, 0x00]) },
    problems: [[at("1:1"), "C038", "the file is not UTF-8 text"]],
  },
  {
    name: "a file that is too large",
    files: { [file]: `# ${"x".repeat(262_200)}\nrules: [{ then: deny }]\n` },
    problems: [[at("1:1"), "C038", "262227 bytes are too many; the most is 262144"]],
  },
  {
    name: "a folder without policies",
    files: { "README.md": "Nothing here." },
    problems: [["policies:1:1", "C039", "there are no policies here; put one in org/, or start with --allow-empty"]],
  },
  {
    name: "a condition in YAML that is no bool",
    files: { "org/a.policy.yaml": "rules:\n  - when: request.bytes\n    then: deny\n" },
    problems: [
      [
        "policies/org/a.policy.yaml:2:11",
        "C005",
        "a condition must be a bool, this is an int; 'when' says what triggers the rule",
      ],
    ],
  },
  {
    name: "a condition in YAML that is always true",
    files: { "org/a.policy.yaml": "rules:\n  - when: 1 == 1\n    then: deny\n" },
    problems: [
      [
        "policies/org/a.policy.yaml:2:11",
        "C008",
        "'1 == 1' compares a value with itself; 'when' says what triggers the rule",
      ],
    ],
  },
  {
    name: "a rule that is asked again too late",
    files: {
      "org/a.policy.yaml": "phase: usage\nrules:\n  - { when: usage.total_tokens > 5, then: warn, recheck: true }\n",
    },
    problems: [
      [
        "policies/org/a.policy.yaml:3:49",
        "C033",
        "'recheck' has no effect in phase usage; it is for phase request, in which requests are modified",
      ],
    ],
  },
  {
    name: "a recheck that is no bool",
    files: { "org/a.policy.yaml": "rules:\n  - { when: request.stream, then: warn, recheck: again }\n" },
    problems: [["policies/org/a.policy.yaml:2:50", "C023", "expected true or false, got 'again'"]],
  },
  {
    name: "an unknown modification",
    files: {
      "org/a.policy.yaml": "rules:\n  - then: modify\n    modify: [{ op: shrink, path: max_tokens, value: 5 }]\n",
    },
    problems: [
      [
        "policies/org/a.policy.yaml:3:20",
        "C034",
        "the operation 'shrink' is not known; known: set, cap, floor, remove, append, redact, route",
      ],
    ],
  },
  {
    name: "a pattern that cannot be in a modification",
    files: {
      "org/a.policy.yaml":
        "rules:\n  - then: modify\n    modify: [{ op: redact, path: messages, value: { pattern: '(a' } }]\n",
    },
    problems: [
      ["policies/org/a.policy.yaml:3:51", "C034", "the pattern is not a valid RE2 expression: missing closing ): `(a`"],
    ],
  },
  {
    name: "routes to different models",
    files: {
      "org/a.policy.yaml":
        "rules:\n  - { id: r, when: request.stream, then: modify, modify: [{ op: route, path: model, value: small }] }\n",
      "org/b.policy.yaml": "rules:\n  - { then: modify, modify: [{ op: route, path: model, value: large }] }\n",
    },
    problems: [
      [
        "policies/org/b.policy.yaml:2:30",
        "C035",
        "model is routed to large here and to small by org/a/r; give one of the policies another priority",
      ],
    ],
  },
  {
    name: "a param that is no number",
    files: {
      "org/a.policy.yaml":
        "params: { x: { type: double, default: .nan } }\nrules: [{ when: request.temperature > params.x, then: deny }]\n",
    },
    problems: [["policies/org/a.policy.yaml:1:39", "C032", "expected a number, got NaN"]],
  },
];
