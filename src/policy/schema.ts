import { type Static, type TLiteral, type TSchema, type TUnion, Type as t } from "@sinclair/typebox";
import { paramTypes } from "../cel/names.ts";
import { modifiablePaths, modificationOps } from "../core/modifiable.ts";
import { phases, surfaces } from "../core/phases.ts";
import { closeObjects } from "../sdk/config.ts";

/** One of these words. */
export function oneOf<const T extends readonly string[]>(
  values: T,
  description: string,
): TUnion<TLiteral<T[number]>[]> {
  return t.Union(
    values.map((value) => t.Literal(value as T[number])),
    { description },
  );
}

/** A line of text. */
export const text = (description: string) => t.String({ minLength: 1, maxLength: 1_000, description });
const expression = (description: string) => t.String({ minLength: 1, description });
/** A list of words that is not empty. */
export const words = (description: string) => t.Array(t.String({ minLength: 1 }), { minItems: 1, description });

/** `modify` operations as a file may write them; which of them are supported is checked with a message of its own. */
const modification = t.Object({
  op: t.String({ description: `One of ${modificationOps.join(", ")}.` }),
  path: t.String({ description: `One of ${modifiablePaths.join(", ")}.` }),
  value: t.Optional(
    t.Unknown({
      description:
        "What the operation takes; none for remove, save for the names of tools. {params.x} stands for a param's value.",
    }),
  ),
});

const scopeLists = {
  orgs: t.Optional(words("Ids of organisations.")),
  teams: t.Optional(words("Ids of teams.")),
  apps: t.Optional(words("Ids or names of applications.")),
  env: t.Optional(words("Environments of the gateway key.")),
  keys: t.Optional(words("Ids of gateway keys.")),
  models: t.Optional(words("Globs over the model's name, such as gpt-*.")),
  surfaces: t.Optional(t.Array(oneOf(surfaces, "A surface."), { minItems: 1, description: "Surfaces." })),
  labels: t.Optional(
    t.Record(t.String(), t.String(), { description: "Labels that the application or its organisation must have." }),
  ),
};

/** Which requests something applies to. */
export const scope = t.Object(
  {
    ...scopeLists,
    except: t.Optional(t.Object(scopeLists, { description: "Requests that match this are left out." })),
  },
  { description: "Which requests the policy applies to; every list that is there must hold the request's value." },
);

const param = t.Object({
  type: oneOf(paramTypes, "The CEL type."),
  default: t.Unknown({ description: "The value unless it is tuned." }),
  min: t.Optional(t.Number({ description: "Least value, for numbers." })),
  max: t.Optional(t.Number({ description: "Greatest value, for numbers." })),
  tunable: t.Optional(t.Boolean({ description: "Whether the admin API may change it within its bounds." })),
  description: t.Optional(text("What it is for.")),
});

const rule = t.Object({
  id: t.Optional(
    t.String({
      pattern: "^[a-z0-9][a-z0-9_-]*$",
      maxLength: 64,
      description: "Names the rule in its policy; rule-1, rule-2 … when absent.",
    }),
  ),
  when: t.Optional(expression("CEL that triggers the rule; always when absent.")),
  // biome-ignore lint/suspicious/noThenProperty: the key is the file format's
  then: oneOf(["deny", "warn", "allow", "modify"], "What a hit asks for."),
  code: t.Optional(
    t.String({
      pattern: "^[a-z][a-z0-9_]*$",
      maxLength: 64,
      description: "What programs match on; the rule's id in snake_case when absent.",
    }),
  ),
  status: t.Optional(t.Integer({ minimum: 400, maximum: 599, description: "HTTP status of the refusal; 403." })),
  message: t.Optional(text("Said to the client; {request.model}, {params.x} and {vars.x} are filled in.")),
  modify: t.Optional(t.Array(modification, { minItems: 1, description: "What to change in the request." })),
  recheck: t.Optional(
    t.Boolean({ description: "Whether the rule is asked once more when the request was modified; false when absent." }),
  ),
});

/** What params and variables can be called: CEL identifiers. For editors; the loader says it in a sentence. */
export const namePattern = "^[A-Za-z_][A-Za-z0-9_]*$";
const propertyNames = { pattern: namePattern };

/** The content of a `*.policy.yaml` file. */
export const policySchema = t.Object(
  {
    description: t.Optional(text("One sentence: what the policy is for.")),
    owner: t.Optional(text("Who answers for it.")),
    phase: t.Optional(oneOf(phases, "When the rules are asked; request when absent.")),
    mode: t.Optional(oneOf(["enforce", "warn", "audit"], "What a hit does; enforce when absent.")),
    onError: t.Optional(
      oneOf(["deny", "warn", "allow"], "What an error counts as; deny when absent, or what the policy type says."),
    ),
    priority: t.Optional(t.Integer({ description: "Orders modifications of the same path; 100 when absent." })),
    scope: t.Optional(scope),
    match: t.Optional(
      t.Array(expression("CEL."), {
        minItems: 1,
        description: "Gates: when one is false the policy is not applicable.",
      }),
    ),
    params: t.Optional(t.Record(t.String(), param, { propertyNames, description: "Typed values: params.<name>." })),
    variables: t.Optional(
      t.Record(t.String(), expression("CEL."), {
        propertyNames,
        description: "Named expressions, in order, computed at most once and only when read: vars.<name>.",
      }),
    ),
    rules: t.Optional(
      t.Array(rule, { minItems: 1, description: "Named conditions; all are evaluated, deny overrides." }),
    ),
    uses: t.Optional(text("A policy type, or library/<name> for a policy of the library; instead of rules.")),
    with: t.Optional(
      t.Object(
        {},
        {
          additionalProperties: true,
          description: "The policy type's config, or values for the library policy's params.",
        },
      ),
    ),
  },
  { description: "A Sluice policy." },
);

/** A policy file's content, after {@link policySchema}. */
export type PolicyFileContent = Omit<Static<typeof policySchema>, "rules"> & {
  readonly rules?: readonly RuleContent[];
};
/** One of its rules. */
export type RuleContent = Static<typeof rule> & {
  /** Instead of `when`, in `.cel` files: what must be true. */
  readonly must?: string;
};
/** Its params. */
export type ParamContent = Static<typeof param>;
/** Its scope. */
export type ScopeContent = Static<typeof scope>;

/** The JSON Schema that editors check policy files with. */
export function policyJsonSchema(): object {
  return toJsonSchema(policySchema, "Sluice policy");
}

/** A schema as editors read it. */
export function toJsonSchema(schema: TSchema, title: string): object {
  const plain = JSON.parse(JSON.stringify(closeObjects(schema))) as object;
  return { $schema: "http://json-schema.org/draft-07/schema#", title, ...plain };
}
