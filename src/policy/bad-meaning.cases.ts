import type { BadFiles } from "./bad-files.cases.ts";

const file = "org/a.policy.yaml";
const at = (place: string) => `policies/${file}:${place}`;
const whenSays = "'when' says what triggers the rule";

function bad(name: string, text: string, ...problems: BadFiles["problems"][number][]): BadFiles {
  return { name, files: { [file]: text }, problems: problems.map(([place, ...rest]) => [at(place), ...rest]) };
}

/** Takes 32,770 steps at its worst. */
const slow = 'request.roles.exists(r, r.contains("a") || r.contains("b"))';
const slowRules = (count: number) => `rules:\n${`  - { then: warn, when: '${slow}' }\n`.repeat(count)}`;

/** Each shows one way in which policies that are well-formed are refused for what they mean. */
export const badMeanings: readonly BadFiles[] = [
  bad("a rule that never fires", "rules:\n  - when: clock.hour > 24\n    then: deny\n", [
    "2:11",
    "C008",
    `'clock.hour > 24' is never true, whatever the request; clock.hour is from 0 to 23; ${whenSays}`,
  ]),
  bad(
    "a rule whose parts exclude each other",
    "rules:\n  - when: request.stream && clock.hour >= 17 && clock.hour < 9\n    then: deny\n",
    [
      "2:11",
      "C008",
      `'request.stream && clock.hour >= 17 && clock.hour < 9' is never true, whatever the request; ${whenSays}`,
    ],
  ),
  bad("a gate that is always open", 'match: ["request.bytes >= 0"]\nrules: [{ when: request.stream, then: deny }]\n', [
    "1:10",
    "C008",
    "'request.bytes >= 0' is always true, whatever the request; request.bytes is at least 0; a gate says when the policy applies",
  ]),
  bad(
    "a variable that is the same for every request",
    "variables:\n  late: clock.minute > 59\nrules:\n  - { when: vars.late && request.stream, then: deny }\n",
    ["2:9", "C008", "'clock.minute > 59' is never true, whatever the request; clock.minute is from 0 to 59"],
  ),
  bad(
    "an expression in a config that is always true",
    'uses: custom_cel\nwith:\n  pre_check_expression: "clock.weekday < 7 || request.stream"\n',
    ["3:26", "C027", "'clock.weekday < 7' is always true, whatever the request; clock.weekday is from 0 to 6"],
  ),
  bad(
    "a param that names no surface",
    "params:\n  on: { type: list<string>, default: [chat, mesages] }\nrules:\n  - { when: request.surface in params.on, then: deny }\n",
    ["4:32", "C014", "request.surface is never 'mesages'; did you mean 'messages'?"],
  ),
  {
    name: "a body of a .cel file that is always true",
    files: { "org/a.cel": "//! deny: late\nclock.hour <= 23\n" },
    problems: [
      [
        "policies/org/a.cel:2:1",
        "C008",
        "'clock.hour <= 23' is always true, whatever the request; clock.hour is from 0 to 23; the body of a .cel file says what must be true",
      ],
    ],
  },
  {
    name: "expressions that take long together",
    files: {
      "org/a.policy.yaml": slowRules(30),
      "org/b.policy.yaml": slowRules(20),
      "apps/chat/c.policy.yaml": slowRules(20),
      "apps/other/d.policy.yaml": slowRules(10),
    },
    problems: [
      [
        "policies/org/a.policy.yaml:1:1",
        "C065",
        "the expressions that one request can meet in phase request could take 2,293,900 steps together; the most is 1,000,000. Those of this policy take 983,100, more than any other's: make them simpler, or their scope narrower",
      ],
    ],
  },
  bad(
    "a refusal of an answer that is gone",
    "phase: usage\nmode: audit\nrules:\n  - { id: dear, when: usage.cost_usd > 1, then: deny }\n",
    [
      "4:49",
      "C067",
      "'dear' cannot refuse: in phase usage the answer is gone. Write 'then: warn', or 'phase: response', for which streams are held back",
    ],
  ),
  {
    name: "a library policy that refuses too late",
    files: {
      "library/late.cel": "//! phase: usage\n//! deny: dear\nusage.cost_usd < 1\n",
      [file]: "rules: [{ then: warn }]",
    },
    problems: [
      [
        "policies/library/late.cel:2:5",
        "C067",
        "'dear' cannot refuse: in phase usage the answer is gone. Write 'then: warn', or 'phase: response', for which streams are held back",
      ],
    ],
  },
  bad(
    "a scope that leaves out all that it names",
    "scope: { env: [prod], models: [gpt-4o], except: { models: ['gpt-*'] } }\nrules: [{ then: warn }]\n",
    [
      "1:49",
      "C069",
      "'except' leaves out every request in the scope, so the policy applies to none; make it narrower, or take the policy away",
    ],
  ),
  bad("an exception that names nothing", "scope:\n  except: {}\nrules: [{ then: warn }]\n", [
    "2:11",
    "C069",
    "an 'except' that names nothing leaves every request out; name what is left out, or take it away",
  ]),
  {
    name: "an application's policy that leaves out the application",
    files: { "apps/chat/a.policy.yaml": "scope: { except: { apps: [chat] } }\nrules: [{ then: warn }]\n" },
    problems: [
      [
        "policies/apps/chat/a.policy.yaml:1:18",
        "C069",
        "'except' leaves out every request in the scope, so the policy applies to none; make it narrower, or take the policy away",
      ],
    ],
  },
  {
    name: "code whose scope leaves everything out",
    files: {
      "org/a.policy.ts":
        'import { definePolicy } from "../../src/sdk";\nexport default definePolicy({\n  description: "No.",\n  scope: { surfaces: ["chat"], except: { surfaces: ["chat", "messages"] } },\n  request: () => null,\n});\n',
    },
    problems: [
      [
        "policies/org/a.policy.ts:4:40",
        "C069",
        "'except' leaves out every request in the scope, so the policy applies to none; make it narrower, or take the policy away",
      ],
    ],
  },
];
