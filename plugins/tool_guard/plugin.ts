import {
  type CallGuard,
  type CallVerdict,
  compileGlobs,
  definePlugin,
  type Facts,
  PluginConfigError,
  type RuleHit,
  t,
} from "../../src/sdk/index.ts";
import { conditionOps } from "./conditions.ts";
import type { Value } from "./paths.ts";
import { compileRule, type Rule } from "./rules.ts";

/** Most names that one change of a request takes away. */
const mostTools = 256;
const scalar = t.Union([t.String(), t.Number(), t.Boolean()]);
const globs = (description: string) =>
  t.Array(t.String({ minLength: 1, maxLength: 256 }), { minItems: 1, maxItems: 500, description });

/**
 * Says which tools a model may be offered, which it may call, and with which arguments.
 *
 * What is offered is seen in the request; what is called, in the answer: there a call is judged by its name as soon as that is
 * known, and by its arguments once they are whole.
 */
export default definePlugin({
  name: "tool_guard",
  summary: "Says which tools may be offered and called, and with which arguments.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({
    allow: t.Optional(globs("Tools that may be offered and called, as names or globs; all others may not.")),
    not_allowed: t.Union([t.Literal("deny"), t.Literal("strip")], {
      default: "strip",
      description: "What becomes of tools and calls that are not among them.",
    }),
    rules: t.Array(
      t.Object({
        name: t.String({
          pattern: "^[a-z][a-z0-9_]*$",
          maxLength: 64,
          description: "What messages and records call it, in snake_case.",
        }),
        tools: globs("The tools it is about, as names or globs."),
        when: t.Optional(
          t.Array(
            t.Object({
              path: t.String({
                minLength: 1,
                maxLength: 256,
                description: "Where in the arguments, with dots; * stands for every element.",
              }),
              op: t.Union(
                conditionOps.map((op) => t.Literal(op)),
                { description: "What is asked of the values there." },
              ),
              value: t.Optional(
                t.Union([scalar, t.Array(scalar, { minItems: 1, maxItems: 500 })], {
                  description: "What is compared with.",
                }),
              ),
            }),
            { minItems: 1, maxItems: 20, description: "Conditions on the arguments, all of which have to hold." },
          ),
        ),
        action: t.Union([t.Literal("deny"), t.Literal("strip"), t.Literal("rewrite"), t.Literal("warn")], {
          description: "What becomes of the call.",
        }),
        rewrite: t.Optional(
          t.Object(
            {
              set: t.Optional(t.Record(t.String(), t.Unknown(), { description: "Values by path." })),
              remove: t.Optional(t.Array(t.String(), { description: "Paths." })),
              cap: t.Optional(t.Record(t.String(), t.Number(), { description: "Greatest numbers by path." })),
            },
            { description: "How arguments are changed." },
          ),
        ),
      }),
      {
        default: [],
        maxItems: 100,
        description: "What is asked of calls, in order; the first rule of each kind that holds is told.",
      },
    ),
    offered: t.Union([t.Literal("strip"), t.Literal("deny"), t.Literal("ignore")], {
      default: "strip",
      description: "What becomes of a request that offers a tool which may not be called whatever its arguments.",
    }),
  }),
  reads: ["request.tool_names"],
  reasons: {
    toolOffered: { code: "tool_not_allowed", message: "These tools may not be offered: {tools}." },
    toolsRemoved: { code: "tools_removed", message: "Tools that may not be offered were taken out: {tools}." },
    callDenied: { code: "tool_call_denied", message: "The model called {tool}, which is not allowed here: {rule}." },
    callStripped: { code: "tool_call_removed", message: "A call of {tool} was taken out: {rule}." },
    callRewritten: { code: "tool_call_rewritten", message: "The arguments of a call of {tool} were changed: {rule}." },
    callNoted: { code: "tool_call_noted", message: "The model called {tool}: {rule}." },
    argumentsUnreadable: {
      code: "tool_arguments_unreadable",
      message: "The arguments of a call of {tool} are no JSON, so they could not be judged.",
    },
  },
  examples: [
    { allow: ["search", "calendar_*"], not_allowed: "strip", rules: [], offered: "strip" },
    {
      not_allowed: "strip",
      rules: [
        { name: "no_shell", tools: ["*shell*", "exec"], action: "deny" },
        {
          name: "large_transfer",
          tools: ["transfer_money"],
          when: [{ path: "amount", op: "gt", value: 1000 }],
          action: "deny",
        },
        { name: "few_results", tools: ["search"], action: "rewrite", rewrite: { cap: { limit: 20 } } },
      ],
      offered: "strip",
    },
  ],

  create({ allow, not_allowed, rules: configs, offered }, { deny, warn, modify }) {
    if (allow === undefined && configs.length === 0) throw new PluginConfigError("", "set allow or rules, or both");
    const rules = compileRules(configs);
    const allowed = allow === undefined ? () => true : compileGlobs(allow);
    const never = rules.filter(({ action, when }) => (action === "deny" || action === "strip") && when === undefined);

    const request = ({ request: { tool_names: names } }: Facts): RuleHit | null => {
      const wrong = [...new Set(names.filter((name) => !allowed(name) || never.some(({ fits }) => fits(name))))];
      if (wrong.length === 0) return null;
      const shown = wrong.slice(0, 20).map(inWords).join(", ");
      const tools = wrong.length > 20 ? `${shown} and ${wrong.length - 20} more` : shown;
      // A name with a star would be read as a glob and take others with it.
      const exact = wrong.length <= mostTools && !wrong.some((name) => /[*?[\]{}\\!]/.test(name));
      if (offered === "deny" || !exact) return deny("toolOffered", { tools });
      return modify("toolsRemoved", { tools }, [{ op: "remove", path: "tools", value: wrong }]);
    };

    const judge: CallGuard["judge"] = ({ name, arguments: written }): CallVerdict => {
      const tool = inWords(name);
      if (!allowed(name)) return refused(not_allowed, "not among the tools allowed");
      const own = rules.filter(({ fits }) => fits(name));
      if (own.length === 0) return null;
      const read = own.some(({ when, rewrite }) => when !== undefined || rewrite !== undefined) ? parse(written) : null;
      if (read === unreadable) return verdict(deny("argumentsUnreadable", { tool }), "deny");
      let given = read;
      let rewritten: RuleHit | undefined;
      let noted: RuleHit | undefined;
      for (const { name: rule, action, when, rewrite } of own) {
        if (when !== undefined && !when(given)) continue;
        if (action === "deny" || action === "strip") return refused(action, rule);
        if (action === "warn") noted ??= warn("callNoted", { tool, rule });
        if (rewrite === undefined) continue;
        const changed = rewrite(given);
        if (JSON.stringify(changed) === JSON.stringify(given)) continue;
        given = changed;
        rewritten ??= modify("callRewritten", { tool, rule }, []);
      }
      if (rewritten !== undefined) return verdict(rewritten, { arguments: JSON.stringify(given) });
      return noted === undefined ? null : verdict(noted, { arguments: written });

      function refused(action: "deny" | "strip", rule: string): CallVerdict {
        if (action === "deny") return verdict(deny("callDenied", { tool, rule }), "deny");
        return verdict(modify("callStripped", { tool, rule }, []), "strip");
      }
    };
    const calls: CallGuard = {
      needsArguments: (name) => allowed(name) && rules.some((rule) => rule.fits(name) && looksAtArguments(rule)),
      judge,
    };
    return { ...(offered !== "ignore" && { request }), answer: { calls } };
  },
});

function compileRules(configs: Parameters<typeof compileRule>[0][]): readonly Rule[] {
  return configs.map((rule, i) => {
    if (configs.findIndex(({ name }) => name === rule.name) !== i) {
      throw new PluginConfigError(`rules.${i}.name`, `the name '${rule.name}' is there twice`);
    }
    return compileRule(rule, `rules.${i}`);
  });
}

/** What is only noted is given back as it was written, so it has to be whole too. */
function looksAtArguments({ action, when, rewrite }: Rule): boolean {
  return action === "warn" || when !== undefined || rewrite !== undefined;
}

function verdict(hit: RuleHit, what: NonNullable<CallVerdict>["then"]): CallVerdict {
  // biome-ignore lint/suspicious/noThenProperty: the contract's word; nothing awaits it
  return { hit, then: what };
}

const unreadable = Symbol("unreadable");

/** The arguments as a value; a tool without any may be called with nothing. */
function parse(written: string): Value | typeof unreadable {
  if (written.trim() === "") return {};
  try {
    return JSON.parse(written) as Value;
  } catch {
    return unreadable;
  }
}

/** A name for a message: models make names up, so it is short and on one line. */
function inWords(name: string): string {
  const plain = name.replaceAll(/[^\w.:/-]/g, "?");
  return plain.length > 64 ? `${plain.slice(0, 63)}…` : plain;
}
