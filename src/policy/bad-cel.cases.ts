import type { BadFiles } from "./bad-files.cases.ts";

/** Each shows one way in which a `.cel` file is refused. */
export const badCelFiles: readonly BadFiles[] = [
  {
    name: "a .cel file without a header",
    files: { "org/a.cel": "request.bytes < 5\n" },
    problems: [
      [
        "policies/org/a.cel:1:1",
        "C040",
        "the header says what happens when the body is not true: '//! deny: <code> <status> \"<message>\"' or '//! warn: <code> \"<message>\"'; this one does not",
      ],
    ],
  },
  {
    name: "a .cel file that says twice what a refusal is",
    files: { "org/a.cel": '//! deny: big 413 "too big"\n//! warn: big\nrequest.bytes < 5\n' },
    problems: [["policies/org/a.cel:2:5", "C040", "'warn' stands beside 'deny'; a .cel file has one of them"]],
  },
  {
    name: "a .cel file with two refusals",
    files: { "org/a.cel": "//! deny: big\n//! deny: large\nrequest.bytes < 5\n" },
    problems: [["policies/org/a.cel:2:5", "C021", "the key 'deny' is there twice"]],
  },
  {
    name: "a .cel refusal without quotes",
    files: { "org/a.cel": "//! deny: big 413 too big\nrequest.bytes < 5\n" },
    problems: [
      [
        "policies/org/a.cel:1:11",
        "C040",
        'expected <code> <status> "<message>", such as shell_tool 403 "shell tools are not allowed"; got \'big 413 too big\'',
      ],
    ],
  },
  {
    name: "a .cel refusal with a broken escape",
    files: { "org/a.cel": '//! deny: big 413 "too \\q big"\nrequest.bytes < 5\n' },
    problems: [
      [
        "policies/org/a.cel:1:11",
        "C040",
        'expected <code> <status> "<message>", such as shell_tool 403 "shell tools are not allowed"; got \'big 413 "too \\q big"\'',
      ],
    ],
  },
  {
    name: "a .cel refusal whose status is none",
    files: { "org/a.cel": '//! deny: big 200 "too big"\nrequest.bytes < 5\n' },
    problems: [["policies/org/a.cel:1:15", "C023", "expected an integer from 400 to 599, got 200"]],
  },
  {
    name: "a .cel refusal whose code is none",
    files: { "org/a.cel": '//! deny: Too-Big 413 "too big"\nrequest.bytes < 5\n' },
    problems: [
      [
        "policies/org/a.cel:1:11",
        "C023",
        "expected a string of at most 64 characters matching ^[a-z][a-z0-9_]*$, got 'Too-Big'",
      ],
    ],
  },
  {
    name: "a .cel warning with a status",
    files: { "org/a.cel": '//! warn: big 413 "too big"\nrequest.bytes < 5\n' },
    problems: [["policies/org/a.cel:1:15", "C033", "'status' has no effect on 'then: warn'"]],
  },
  {
    name: "a .cel file without a body",
    files: { "org/a.cel": '//! deny: big 413 "too big"\n\n// nothing\n' },
    problems: [["policies/org/a.cel:3:11", "C040", "the body is missing; it is the expression that must be true"]],
  },
  {
    name: "a .cel header with a misspelt key",
    files: { "org/a.cel": "//! descripton: x\n//! deny: big\nrequest.bytes < 5\n" },
    problems: [["policies/org/a.cel:1:5", "C022", "unknown key 'descripton'; did you mean 'description'?"]],
  },
  {
    name: "a .cel header with a key that files of rules have",
    files: { "org/a.cel": "//! deny: big\n//! uses: rate_limit\nrequest.bytes < 5\n" },
    problems: [
      [
        "policies/org/a.cel:2:5",
        "C022",
        "unknown key 'uses'; known keys: deny, warn, description, owner, phase, mode, onError, priority, scope, match, params, variables",
      ],
    ],
  },
  {
    name: "a .cel header line that is none",
    files: { "org/a.cel": "//! deny: big\n//!mode: audit\nrequest.bytes < 5\n" },
    problems: [
      [
        "policies/org/a.cel:2:1",
        "C040",
        "expected '//! key: value' at the beginning of a line, such as //! owner: platform; got '//!mode: audit'",
      ],
    ],
  },
  {
    name: "a .cel header line after the body began",
    files: { "org/a.cel": "//! deny: big\nrequest.bytes < 5\n  //! mode: audit\n" },
    problems: [
      ["policies/org/a.cel:3:3", "C040", "a header line stands before the body; here it is a comment without effect"],
    ],
  },
  {
    name: "a .cel header whose YAML is broken",
    files: { "org/a.cel": "//! deny: big\n//! scope: { env: [prod }\nrequest.bytes < 5\n" },
    problems: [
      [
        "policies/org/a.cel:2:25",
        "C020",
        "not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
      ],
      [
        "policies/org/a.cel:4:1",
        "C020",
        "not valid YAML: Flow map in block collection must be sufficiently indented and end with a }",
      ],
    ],
  },
  {
    name: "a .cel header with a wrong mode",
    files: { "org/a.cel": "//! mode: enforced\n//! deny: big\nrequest.bytes < 5\n" },
    problems: [["policies/org/a.cel:1:11", "C023", "expected one of 'enforce', 'warn', 'audit', got 'enforced'"]],
  },
  {
    name: "a .cel header that scopes by what is not there",
    files: { "org/a.cel": "//! deny: big\n//! scope: { envs: [prod] }\nrequest.bytes < 5\n" },
    problems: [["policies/org/a.cel:2:14", "C022", "unknown key 'envs'; did you mean 'env'?"]],
  },
  {
    name: "a .cel body with a misspelt fact",
    files: { "org/a.cel": "//! deny: big\n// a note\nrequest.stream ||\n  request.bites < 5\n" },
    problems: [["policies/org/a.cel:4:3", "C002", "unknown name 'request.bites'; did you mean 'request.bytes'?"]],
  },
  {
    name: "a .cel body that is no bool",
    files: { "org/a.cel": "//! deny: big\nrequest.bytes\n" },
    problems: [
      [
        "policies/org/a.cel:2:1",
        "C005",
        "a condition must be a bool, this is an int; the body of a .cel file says what must be true",
      ],
    ],
  },
  {
    name: "a .cel body that is always true",
    files: { "org/a.cel": "//! deny: big\ntrue\n" },
    problems: [
      [
        "policies/org/a.cel:2:1",
        "C008",
        "'true' is the same for every request; the body of a .cel file says what must be true",
      ],
    ],
  },
  {
    name: "a .cel body that is not CEL",
    files: { "org/a.cel": "//! deny: big\nrequest.bytes <\n" },
    problems: [["policies/org/a.cel:3:1", "C001", "not a CEL expression: unexpected token: the end"]],
  },
  {
    name: "a .cel body of another phase",
    files: { "org/a.cel": "//! deny: big\nusage.total_tokens < 5\n" },
    problems: [
      [
        "policies/org/a.cel:2:1",
        "C003",
        "'usage.total_tokens' can be read in phases response and usage, not in request",
      ],
    ],
  },
  {
    name: "a .cel message with an unknown placeholder",
    files: { "org/a.cel": '//! deny: big 413 "a \\"big\\" {request.bites}"\nrequest.bytes < 5\n' },
    problems: [["policies/org/a.cel:1:31", "C025", "unknown name 'request.bites'; did you mean 'request.bytes'?"]],
  },
  {
    name: "a .cel file outside its folder",
    files: { "apps/chat/a.cel": "//! deny: big\n//! scope: { apps: [chat, batch] }\nrequest.bytes < 5\n" },
    problems: [
      [
        "policies/apps/chat/a.cel:2:27",
        "C024",
        "a file in apps/chat/ applies only to chat, not to 'batch'; move it to apps/batch/ or org/",
      ],
    ],
  },
  {
    name: "a .cel file and a YAML file of one id",
    files: {
      "org/a.cel": "//! deny: big\nrequest.bytes < 5\n",
      "org/a.policy.yaml": "rules: [{ when: request.stream, then: warn }]\n",
    },
    problems: [
      ["policies/org/a.policy.yaml:1:1", "C030", "the policy id 'org/a' is already taken by policies/org/a.cel"],
    ],
  },
];
