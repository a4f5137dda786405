import { compileGlobs } from "./glob.ts";
import type { Identity } from "./identity.ts";
import type { Surface } from "./phases.ts";
import type { CompiledPolicy, Scope } from "./policy.ts";

/** Whether a request is in a scope. */
export type ScopeTest = (identity: Identity, model: string, surface: Surface) => boolean;

/** Turns a scope into one test. */
export function compileScope(scope: Scope): ScopeTest {
  const isCaller = compileCaller(scope);
  const isCall = compileCall(scope);
  const excepted = scope.except && compileScope(scope.except);
  return (identity, model, surface) =>
    isCaller(identity) && isCall(model, surface) && !(excepted?.(identity, model, surface) ?? false);
}

/** The part of a scope that is about who calls, as one test. */
export function compileCaller(scope: Scope): (identity: Identity) => boolean {
  const tests: ((identity: Identity) => boolean)[] = [];
  const among = (list: readonly string[] | undefined, read: (identity: Identity) => string) => {
    if (list === undefined) return;
    const wanted = new Set(list);
    tests.push((identity) => wanted.has(read(identity)));
  };
  among(scope.orgs, (identity) => identity.org.id);
  among(scope.teams, (identity) => identity.team.id);
  among(scope.env, (identity) => identity.env);
  among(scope.keys, (identity) => identity.key.id);
  if (scope.apps !== undefined) {
    const wanted = new Set(scope.apps);
    tests.push((identity) => wanted.has(identity.app.id) || wanted.has(identity.app.name));
  }
  if (scope.labels !== undefined) {
    const wanted = Object.entries(scope.labels);
    tests.push(({ app, org }) => wanted.every(([name, value]) => (app.labels[name] ?? org.labels[name]) === value));
  }
  return all(tests);
}

/** The part of a scope that is about what is called, as one test. */
function compileCall(scope: Scope): (model: string, surface: Surface) => boolean {
  const surfaces = scope.surfaces && new Set(scope.surfaces);
  const models = scope.models && compileGlobs(scope.models);
  return (model, surface) => (surfaces?.has(surface) ?? true) && (models?.(model) ?? true);
}

/** The part of an audience that is about who calls, as one test. */
export function compileAudience({ audience }: Pick<CompiledPolicy, "audience">): (identity: Identity) => boolean {
  if (audience === undefined) return always;
  const only = audience.only && new Set(audience.only);
  const except = audience.except && new Set(audience.except);
  return ({ app }) => (only?.has(app.id) ?? true) && !(except?.has(app.id) ?? false);
}

function all(tests: readonly ((identity: Identity) => boolean)[]): (identity: Identity) => boolean {
  const [first, ...rest] = tests;
  if (first === undefined) return always;
  return rest.length === 0 ? first : (identity) => tests.every((test) => test(identity));
}

const always = () => true;
