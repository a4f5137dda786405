import { Elysia } from "elysia";
import type { Surface } from "../core/phases.ts";
import type { Catalogue, KeyDirectory } from "../core/ports.ts";
import { SluiceError } from "../errors.ts";
import type { AddressOf } from "./facts.ts";
import type { Gateway } from "./gateway.ts";
import { presentedKey } from "./headers.ts";

/** The path of each surface. */
const surfacePaths: Readonly<Record<Surface, string>> = {
  chat: "/v1/chat/completions",
  messages: "/v1/messages",
};

/**
 * The surfaces' routes, for Bun's own router: bodies are neither parsed nor validated before the gateway, because the
 * bytes must reach the provider as they came, and a context made for each call would cost as much as the engine does.
 *
 * @param addressOf tells the other end of a request's connection
 */
export function surfaceRoutes(gateway: Gateway, addressOf: AddressOf) {
  const routes = Object.entries(surfacePaths).map(([surface, path]) => {
    const handle = (request: Request) => gateway.handle(surface as Surface, request, addressOf);
    return [path, { POST: handle }] as const;
  });
  return Object.fromEntries(routes);
}

/** The models that clients can name. */
export function modelRoutes(catalogue: Catalogue, keys: KeyDirectory) {
  return new Elysia({ name: "sluice.models" })
    .get("/v1/models", ({ request }) => listModels(request, catalogue, keys), { detail: { hide: true } })
    .get("/v1/models/*", ({ request, params }) => readModel(request, params["*"], catalogue, keys), {
      detail: { hide: true },
    });
}

type Listed = ReturnType<Catalogue["list"]>[number];

async function listModels(request: Request, catalogue: Catalogue, keys: KeyDirectory): Promise<Response> {
  return answer(request, keys, (anthropic) => {
    const models = catalogue.list().filter((model) => model.enabled);
    if (!anthropic) return { object: "list", data: models.map(openaiModel) };
    const data = models.map(anthropicModel);
    return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  });
}

async function readModel(request: Request, id: string, catalogue: Catalogue, keys: KeyDirectory): Promise<Response> {
  return answer(request, keys, (anthropic) => {
    const name = decoded(id);
    const model = catalogue.list().find((candidate) => candidate.id === name && candidate.enabled);
    if (model === undefined) throw new SluiceError("model_not_found", { model: id });
    return anthropic ? anthropicModel(model) : openaiModel(model);
  });
}

/** Both vendors' SDKs list models at the same path; Anthropic's always names its API version. */
async function answer(request: Request, keys: KeyDirectory, body: (anthropic: boolean) => object): Promise<Response> {
  const anthropic = request.headers.has("anthropic-version");
  try {
    await keys.identify(presentedKey(request.headers.toJSON()));
    return Response.json(body(anthropic));
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    const { code, message, status } = error;
    const type = status === 404 ? "not_found_error" : "authentication_error";
    const shape = anthropic
      ? { type: "error", error: { type, message, code } }
      : { error: { message, type: "invalid_request_error", code, param: null } };
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
