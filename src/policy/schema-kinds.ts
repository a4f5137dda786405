import { type Static, Type as t } from "@sinclair/typebox";
import { maskableFacts } from "../core/recorded-facts.ts";
import { layers } from "./kinds.ts";
import { namePattern, oneOf, scope, text, toJsonSchema, words } from "./schema.ts";

/** The content of a `*.exception.yaml` file. */
export const exceptionSchema = t.Object(
  {
    policy: t.String({ minLength: 1, description: "Id of the policy that is excepted from, such as org/shell-tools." }),
    rule: t.Optional(
      t.String({ minLength: 1, description: "Id of one of its rules; the whole policy, its limits too, when absent." }),
    ),
    scope: t.Optional(scope),
    owner: text("Who answers for it."),
    reason: text("Why it is needed."),
    expires: t.String({
      description:
        "When it ends by itself: a time such as 2027-01-31T12:00:00Z, or a date, which counts from its first moment in UTC.",
    }),
  },
  { description: "An exception from a Sluice policy, for some requests and until a day." },
);

/** An exception file's content, after {@link exceptionSchema}. */
export type ExceptionContent = Static<typeof exceptionSchema>;

// The types are for editors: what is wrong with a value is said beside the values before it.
const items = t.Array(t.Unknown({ type: ["string", "integer"] }), { description: "Texts, or integers." });
const table = t.Record(t.String(), t.Unknown({ type: ["string", "number"] }), {
  description: "Names with texts, or with numbers; numbers are doubles when one of them is written with a point.",
});
const propertyNames = { pattern: namePattern };

/** The content of a `*.data.yaml` file. What stands in lists and tables is checked with messages of its own. */
export const dataSchema = t.Object(
  {
    description: t.Optional(text("What the data is.")),
    owner: t.Optional(text("Who answers for it.")),
    lists: t.Optional(
      t.Record(t.String(), items, {
        propertyNames,
        description: "Read as data.<name>; inSet('<name>', value) looks a value up.",
      }),
    ),
    tables: t.Optional(
      t.Record(t.String(), table, {
        propertyNames,
        description: "Read as data.<name>[key]; inSet('<name>', key) looks a name up.",
      }),
    ),
  },
  { description: "Named lists and tables that Sluice policies read." },
);

/** A data file's content, after {@link dataSchema}. */
export type DataContent = Static<typeof dataSchema>;

/** The content of `policies/sluice.yaml`. */
export const manifestSchema = t.Object(
  {
    default: t.Optional(oneOf(["allow", "deny"], "What a request that no policy applies to gets; allow when absent.")),
    locked: t.Optional(
      words(
        "Ids of policies, or globs over them, that nothing may take the edge off: no exception, no tuning, no switching by the control plane, no break-glass.",
      ),
    ),
    database: t.Optional(
      t.Object(
        {
          roots: t.Array(t.String({ pattern: "^db(/[a-z0-9][a-z0-9_-]*)*$" }), {
            description: "Where the control plane may keep policies: db, or folders in it; nowhere for an empty list.",
          }),
        },
        { description: "What the database may hold; policies anywhere under db when absent." },
      ),
    ),
    facts: t.Optional(
      t.Record(
        t.String(),
        t.Object({
          timeout_ms: t.Optional(
            t.Integer({
              minimum: 1,
              maximum: 60_000,
              description: "Most milliseconds that a request waits for its facts; 1000 when absent.",
            }),
          ),
          with: t.Optional(
            t.Object({}, { additionalProperties: true, description: "Its config; the type's defaults when absent." }),
          ),
        }),
        { description: "How facts such as pii.types are found out of prompts, by the policy type that does." },
      ),
    ),
    masked: t.Optional(
      t.Array(oneOf(maskableFacts, "A fact."), {
        uniqueItems: true,
        description:
          "Facts that the decision log holds as hashes, in messages too; the user's id and the values of headers always are.",
      }),
    ),
    layers: t.Optional(
      t.Array(oneOf(layers, "A layer."), {
        minItems: 1,
        uniqueItems: true,
        description: "The layers that are in use, in the order in which they are shown; org, teams, apps when absent.",
      }),
    ),
  },
  { description: "The manifest of a folder of Sluice policies." },
);

/** The manifest's content, after {@link manifestSchema}. */
export type ManifestContent = Static<typeof manifestSchema>;

/** The JSON Schemas that editors check the files beside policies with, by their name. */
export function kindJsonSchemas(): Readonly<Record<"exception" | "data" | "manifest", object>> {
  return {
    exception: toJsonSchema(exceptionSchema, "Sluice exception"),
    data: toJsonSchema(dataSchema, "Sluice data"),
    manifest: toJsonSchema(manifestSchema, "Sluice manifest"),
  };
}
