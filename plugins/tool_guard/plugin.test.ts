import { testPlugin } from "../../src/sdk/testing.ts";
import toolGuard from "./plugin.ts";

const offers = (...tool_names: string[]) => ({ request: { tool_names } });
const call = (name: string, given: unknown = {}) => ({
  name,
  arguments: typeof given === "string" ? given : JSON.stringify(given),
});
const rules = [
  { name: "no_shell", tools: ["*shell*"], action: "deny" },
  { name: "no_mail", tools: ["mail"], action: "strip" },
  { name: "large", tools: ["transfer"], when: [{ path: "amount", op: "gt", value: 1000 }], action: "deny" },
  {
    name: "few",
    tools: ["search"],
    action: "rewrite",
    rewrite: { cap: { limit: 20 }, set: { safe: true }, remove: ["debug"] },
  },
  { name: "watched", tools: ["calc"], action: "warn" },
];
const refused = (tool: string, rule: string) => ({
  deny: "callDenied" as const,
  message: `The model called ${tool}, which is not allowed here: ${rule}.`,
});
const phase = "response";

testPlugin(toolGuard, {
  dir: import.meta.dir,
  config: { rules },
  cases: [
    { name: "tools that no rule is about may be offered", facts: offers("search", "calc"), expects: "allow" },
    { name: "a request without tools passes", facts: offers(), expects: "allow" },
    {
      name: "tools that may never be called are taken out of the offer",
      facts: offers("search", "run_shell", "mail", "mail"),
      expects: {
        modify: "toolsRemoved",
        code: "tools_removed",
        message: "Tools that may not be offered were taken out: run_shell, mail.",
        modifications: [{ op: "remove", path: "tools", value: ["run_shell", "mail"] }],
      },
      reads: ["request.tool_names"],
    },
    {
      name: "or the request is refused",
      config: { rules, offered: "deny" },
      facts: offers("run_shell"),
      expects: {
        deny: "toolOffered",
        code: "tool_not_allowed",
        status: 403,
        message: "These tools may not be offered: run_shell.",
      },
    },
    {
      name: "a name that would be read as a glob is not taken out but refused",
      facts: offers("shell*", "search"),
      expects: { deny: "toolOffered", message: "These tools may not be offered: shell?." },
    },
    {
      name: "more than twenty names are counted",
      config: { allow: ["a"] },
      facts: offers(...Array.from({ length: 22 }, (_, i) => `b${i}`)),
      expects: {
        modify: "toolsRemoved",
        message: `Tools that may not be offered were taken out: ${Array.from({ length: 20 }, (_, i) => `b${i}`).join(", ")} and 2 more.`,
        modifications: [{ op: "remove", path: "tools", value: Array.from({ length: 22 }, (_, i) => `b${i}`) }],
      },
    },
    {
      name: "tools that are not allowed are taken out",
      config: { allow: ["search", "cal_*"] },
      facts: offers("search", "cal_add", "mail"),
      expects: {
        modify: "toolsRemoved",
        message: "Tools that may not be offered were taken out: mail.",
        modifications: [{ op: "remove", path: "tools", value: ["mail"] }],
      },
    },
    { name: "a call that no rule is about stands", phase, call: call("read"), expects: "allow" },
    {
      name: "a call is refused by its name",
      phase,
      call: call("run_shell"),
      becomes: "deny",
      expects: { ...refused("run_shell", "no_shell"), code: "tool_call_denied" },
    },
    {
      name: "a call is taken out by its name",
      phase,
      call: call("mail", "{ not whole"),
      becomes: "strip",
      expects: {
        modify: "callStripped",
        code: "tool_call_removed",
        message: "A call of mail was taken out: no_mail.",
        modifications: [],
      },
    },
    {
      name: "a call that is not allowed is taken out, or refused",
      config: { allow: ["search"], not_allowed: "deny" },
      phase,
      call: call("mail"),
      becomes: "deny",
      expects: refused("mail", "not among the tools allowed"),
    },
    {
      name: "a call that is not allowed is taken out unless the policy says otherwise",
      config: { allow: ["search"] },
      phase,
      call: call("mail"),
      becomes: "strip",
      expects: {
        modify: "callStripped",
        message: "A call of mail was taken out: not among the tools allowed.",
        modifications: [],
      },
    },
    {
      name: "a call that is allowed stands",
      config: { allow: ["search"] },
      phase,
      call: call("search"),
      expects: "allow",
    },
    {
      name: "a call is refused by its arguments",
      phase,
      call: call("transfer", { amount: 1000.01 }),
      becomes: "deny",
      expects: refused("transfer", "large"),
    },
    { name: "and stands with others", phase, call: call("transfer", { amount: 1000 }), expects: "allow" },
    {
      name: "numbers as text are numbers, and what is none is not let pass",
      phase,
      call: call("transfer", { amount: "a lot" }),
      becomes: "deny",
      expects: refused("transfer", "large"),
    },
    {
      name: "arguments that are no JSON are refused where they have to be read",
      phase,
      call: call("transfer", "{amount: 1"),
      becomes: "deny",
      expects: {
        deny: "argumentsUnreadable",
        code: "tool_arguments_unreadable",
        message: "The arguments of a call of transfer are no JSON, so they could not be judged.",
      },
    },
    {
      name: "arguments are changed",
      phase,
      call: call("search", { q: "x", limit: 100, debug: 1 }),
      becomes: { arguments: '{"q":"x","limit":20,"safe":true}' },
      expects: {
        modify: "callRewritten",
        code: "tool_call_rewritten",
        message: "The arguments of a call of search were changed: few.",
        modifications: [],
      },
    },
    {
      name: "a call without arguments gets them",
      phase,
      call: call("search", ""),
      becomes: { arguments: '{"safe":true,"limit":20}' },
      expects: {
        modify: "callRewritten",
        message: "The arguments of a call of search were changed: few.",
        modifications: [],
      },
    },
    {
      name: "arguments that are as they should be stay as they were written",
      phase,
      call: call("search", '{ "limit": 5, "safe": true }'),
      expects: "allow",
    },
    {
      name: "a call may only be noted, and stays as it was written",
      phase,
      call: call("calc", "{ }"),
      becomes: { arguments: "{ }" },
      expects: { warn: "callNoted", code: "tool_call_noted", message: "The model called calc: watched." },
    },
    {
      name: "changes of several rules are made one after the other, and a refusal after them counts",
      config: {
        rules: [
          { name: "set", tools: ["t"], action: "rewrite", rewrite: { set: { a: 1 } } },
          {
            name: "no_b",
            tools: ["t"],
            when: [
              { path: "a", op: "eq", value: 1 },
              { path: "b", op: "present" },
            ],
            action: "deny",
          },
        ],
      },
      phase,
      call: call("t", { b: 1 }),
      becomes: "deny",
      expects: refused("t", "no_b"),
    },
    {
      name: "a name that a model made up is short and on one line in messages",
      config: { allow: ["search"], not_allowed: "deny" },
      phase,
      call: call(`a\n${"b".repeat(80)}`),
      becomes: "deny",
      expects: refused(`a?${"b".repeat(61)}…`, "not among the tools allowed"),
    },
    {
      name: "texts of an answer are not looked at",
      phase,
      content: ["run_shell"],
      out: ["run_shell"],
      expects: "allow",
    },
  ],
  accepts: [{ allow: ["*"] }, { rules: [{ name: "a", tools: ["b"], action: "strip" }], offered: "ignore" }],
  refuses: [
    { config: {}, at: "", message: "set allow or rules, or both" },
    { config: { allow: [] }, at: "allow" },
    { config: { rules: [...rules, rules[0]] }, at: "rules.5.name", message: "the name 'no_shell' is there twice" },
    {
      config: { rules: [{ name: "a", tools: ["b"], action: "rewrite" }] },
      at: "rules.0",
      message: "'action: rewrite' needs 'rewrite'",
    },
    {
      config: { rules: [{ name: "a", tools: ["b"], action: "deny", rewrite: { set: { x: 1 } } }] },
      at: "rules.0.rewrite",
      message: "'rewrite' goes only with 'action: rewrite'",
    },
    {
      config: { rules: [{ name: "a", tools: ["b"], action: "rewrite", rewrite: {} }] },
      at: "rules.0.rewrite",
      message: "set 'set', 'remove' or 'cap'",
    },
    {
      config: { rules: [{ name: "a", tools: ["b"], action: "deny", when: [{ path: "x", op: "gt", value: "1" }] }] },
      at: "rules.0.when.0.value",
      message: "'gt' takes a number",
    },
    {
      config: {
        rules: [{ name: "a", tools: ["b"], action: "deny", when: [{ path: "x", op: "matches", value: "(" }] }],
      },
      at: "rules.0.when.0.value",
    },
    { config: { rules: [{ name: "a", tools: ["b"], action: "no" }] }, at: "rules.0.action" },
  ],
});
