import { Elysia } from "elysia";
import { entry } from "../core/entry.ts";
import type { Catalogue, KeyDirectory } from "../core/ports.ts";
import type { WireFormat } from "../core/wire.ts";
import { SluiceError } from "../errors.ts";
import type { AddressOf } from "./facts.ts";
import type { Gateway } from "./gateway.ts";
import { presentedKey } from "./headers.ts";
import { holdToOrigin, mayUseModel } from "./held-to.ts";

/**
 * The surfaces' routes, for Bun's own router: bodies are neither parsed nor validated before the gateway, because the
 * bytes must reach the provider as they came, and a context made for each call would cost as much as the engine does.
 *
 * @param addressOf tells the other end of a request's connection
 */
export function surfaceRoutes(formats: readonly WireFormat[], gateway: Gateway, addressOf: AddressOf) {
  const paths = new Map<string, WireFormat[]>();
  for (const format of formats) for (const path of format.paths) entry(paths, path, newList).push(format);
  const routes = [...paths].map(([path, sharing]) => {
    const [{ surface, takes }] = sharing as [WireFormat];
    const handle = (request: Request) => gateway.handle(surface, request, addressOf);
    return [path, { POST: takes === undefined ? handle : among(sharing, gateway, addressOf) }] as const;
  });
  return Object.fromEntries(routes);
}

/** The handler of a path that surfaces share. */
function among(sharing: readonly WireFormat[], gateway: Gateway, addressOf: AddressOf) {
  return (request: Request): Promise<Response> | Response => {
    const { url } = request;
    const format = sharing.find((one) => one.takes?.(url));
    if (format !== undefined) return gateway.handle(format.surface, request, addressOf);
    const { method } = request;
    const { status, code, message } = new SluiceError("unknown_route", { method, path: new URL(url).pathname });
    const body = sharing[0]!.writeRefusal({ status, code, message });
    return new Response(body, { status, headers: { "content-type": "application/json" } });
  };
}

function newList(): WireFormat[] {
  return [];
}

/** The models that clients can name. */
export function modelRoutes(catalogue: Catalogue, keys: KeyDirectory, addressOf: AddressOf) {
  const deps = { catalogue, keys, addressOf };
  return new Elysia({ name: "sluice.models" })
    .get("/v1/models", ({ request }) => listModels(request, deps), { detail: { hide: true } })
    .get("/v1/models/*", ({ request, params }) => readModel(request, params["*"], deps), {
      detail: { hide: true },
    });
}

interface ModelDeps {
  readonly catalogue: Catalogue;
  readonly keys: KeyDirectory;
  readonly addressOf: AddressOf;
}

type Listed = ReturnType<Catalogue["list"]>[number];

async function listModels(request: Request, deps: ModelDeps): Promise<Response> {
  return answer(request, deps, (anthropic, may) => {
    const models = deps.catalogue.list().filter((model) => model.enabled && may(model.id));
    if (!anthropic) return { object: "list", data: models.map(openaiModel) };
    const data = models.map(anthropicModel);
    return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  });
}

async function readModel(request: Request, id: string, deps: ModelDeps): Promise<Response> {
  return answer(request, deps, (anthropic, may) => {
    const name = decoded(id);
    const model = deps.catalogue.list().find((candidate) => candidate.id === name && candidate.enabled);
    if (model === undefined || !may(model.id)) throw new SluiceError("model_not_found", { model: id });
    return anthropic ? anthropicModel(model) : openaiModel(model);
  });
}

/** Both vendors' SDKs list models at the same path; Anthropic's always names its API version. */
async function answer(
  request: Request,
  { keys, addressOf }: ModelDeps,
  body: (anthropic: boolean, may: (model: string) => boolean) => object,
): Promise<Response> {
  const anthropic = request.headers.has("anthropic-version");
  try {
    const { heldTo } = await keys.identify(presentedKey(request.headers.toJSON()));
    if (heldTo !== undefined) holdToOrigin(heldTo, null, () => addressOf(request));
    return Response.json(body(anthropic, (model) => mayUseModel(heldTo, model)));
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    const { code, message, status } = error;
    const type = status === 404 ? "not_found_error" : status === 403 ? "permission_error" : "authentication_error";
    const shape = anthropic
      ? { type: "error", error: { type, message, code } }
      : { error: { message, type: status === 404 ? "invalid_request_error" : type, code, param: null } };
    return Response.json(shape, { status });
  }
}

/** A path part without its escapes; as it stands when they are wrong, which is then the name of no model. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function openaiModel({ id, provider }: Listed) {
  return { id, object: "model", created: 0, owned_by: provider };
}

function anthropicModel({ id }: Listed) {
  return { type: "model", id, display_name: id, created_at: "1970-01-01T00:00:00Z" };
}
