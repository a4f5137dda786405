import { t } from "elysia";
import type { AuditEntry, AuditHead } from "../core/audit.ts";
import type { Page, PageRequest } from "../core/resources.ts";
import { SluiceError } from "../errors.ts";
import { asCsv, csvQuery, listAsCsv, wantsCsv } from "./csv.ts";
import type { AdminDeps } from "./deps.ts";
import { operatorOf } from "./operator.ts";
import { problems } from "./problems.ts";
import {
  defined,
  line,
  listOf,
  listQuery,
  readSpan,
  routes,
  type Shown,
  showPage,
  showTime,
  time,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";

const hash = (description: string) => t.String({ pattern: "^[0-9a-f]{64}$", description });

const exampleHash = "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9";

const entrySchema = t.Object(
  {
    seq: t.Integer({ description: "1 for the first entry of all; no number is left out." }),
    at: time("When it was done."),
    organisation: t.Union([t.String(), t.Null()], { description: "Whose it is; null for the whole deployment." }),
    actor: t.String({ description: "Who did it; empty for what came by itself." }),
    action: t.String(),
    subject: t.String({ description: "What it was done to." }),
    detail: t.Record(t.String(), t.Unknown(), { description: "What is to be known of it; never a secret." }),
    prev: hash("The hash of the entry before it."),
    hash: hash("SHA-256 over all the rest of the entry."),
  },
  {
    examples: [
      {
        seq: 17,
        at: "2026-01-01T00:00:00.000Z",
        organisation: "default",
        actor: "admin-key",
        action: "create",
        subject: "application chat",
        detail: { name: "chat", team: "growth", labels: { tier: "free" } },
        prev: exampleHash,
        hash: exampleHash,
      },
    ],
  },
);

const headSchema = t.Object({ seq: t.Integer(), hash: hash("Of the last entry; zeros while there is none.") });

const reportSchema = t.Object(
  {
    valid: t.Boolean(),
    entries: t.Integer({ description: "Entries that were found in order." }),
    head: t.Object(headSchema.properties, {
      description: "Where the log ends. Kept elsewhere, it proves later that nothing before it was changed.",
    }),
    first_bad: t.Union([t.Object({ seq: t.Integer(), problem: t.String() }), t.Null()], {
      description: "The first entry that is not as it was written, or not there; null when all are.",
    }),
  },
  { examples: [{ valid: true, entries: 17, head: { seq: 17, hash: exampleHash }, first_bad: null }] },
);

const filterMembers = {
  organisation: t.Optional(t.String({ description: "Only changes in this organisation, by its id." })),
  actor: t.Optional(t.String({ description: "Who made the change, such as admin-key." })),
  action: t.Optional(t.String({ description: "Such as create, change or delete." })),
  subject: t.Optional(line(512, "Such as application chat, or a policy's id.")),
  from: t.Optional(t.String({ description: "Earliest time, included." })),
  to: t.Optional(t.String({ description: "Latest time, not included." })),
};

const pageQuery = listQuery({ ...filterMembers, ...csvQuery });

const tags = ["Audit"];

/** `/audit`. */
export function auditRoutes(deps: AdminDeps) {
  const readPage = (query: Shown<typeof pageQuery>, request: Request) => {
    const { organisation: own } = operatorOf(request);
    const { organisation = own ?? undefined, actor, action, subject } = query;
    const filter = defined({ organisation, actor, action, subject, ...readSpan(query) });
    return async (page: PageRequest): Promise<Page<AuditEntry>> =>
      own !== null && organisation !== own ? { data: [], next: null } : await deps.audit.list(page, filter);
  };
  const list = async (query: Shown<typeof pageQuery>, request: Request) =>
    showPage(await readPage(query, request)(toPageRequest(query)), show);
  const listCsv = async (query: Shown<typeof pageQuery>, request: Request): Promise<Response> =>
    listAsCsv("audit", entrySchema, { request, query, logger: deps.logger }, readPage(query, request), show);

  return routes("/audit")
    .get(
      "",
      ({ query, request }) => (wantsCsv(request, query.format) ? listCsv(query, request) : list(query, request)),
      {
        query: pageQuery,
        response: { 200: listOf(entrySchema), ...problems() },
        detail: needing("audit:read", {
          ...asCsv,
          tags,
          summary: "List who changed what, newest first",
          description: "Every change that this API or the command line made, and what came of it by itself.",
          operationId: "listAudit",
        }),
      },
    )
    .get(
      "/verify",
      async ({ query }) => {
        const { valid, entries, head, firstBad } = await deps.audit.verify(readHead(query));
        return { valid, entries, head: { ...head }, first_bad: firstBad && { ...firstBad } };
      },
      {
        query: t.Object(
          {
            seq: t.Optional(t.Integer({ minimum: 1, description: "Of a head that was kept elsewhere." })),
            hash: t.Optional(hash("Of that head.")),
          },
          { additionalProperties: false },
        ),
        response: { 200: reportSchema, ...problems() },
        detail: needing(
          "audit:read",
          {
            tags,
            summary: "Look at every entry of the log",
            description:
              "Finds entries that were changed, removed, exchanged or cut off, and names the first. The head that this replica kept in its data folder is looked for, and the one that is asked for with seq and hash.",
            operationId: "verifyAudit",
          },
          "deployment",
        ),
      },
    );
}

function readHead({ seq, hash }: { seq?: number; hash?: string }): readonly AuditHead[] {
  if (seq === undefined && hash === undefined) return [];
  if (seq !== undefined && hash !== undefined) return [{ seq, hash }];
  throw new SluiceError("invalid_input", { problem: "A head is asked for with both 'seq' and 'hash'." });
}

function show({ at, detail, ...entry }: AuditEntry): Shown<typeof entrySchema> {
  return { ...entry, at: showTime(at), detail: { ...detail } };
}
