import {
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from "jose";
import { type AdminScope, adminScopes, type Operator, roleScopes } from "../core/operators.ts";
import type { Clock } from "../core/ports.ts";
import { SluiceError } from "../errors.ts";
import { TokenSettingError } from "./token-setting-error.ts";

/** Which tokens are accepted, and what of them says what their holder may do. */
export interface TokenOptions {
  readonly clock: Clock;
  /** For tokens signed with HS256. Absent: none are accepted. */
  readonly secret?: string | undefined;
  /** For tokens signed with the keys of an authority. Absent: none are accepted. */
  readonly jwks?: JWTVerifyGetKey | undefined;
  /** What `iss` must be. */
  readonly issuer?: string | undefined;
  /** What `aud` must hold. */
  readonly audience?: string | undefined;
  readonly claims: TokenClaims;
  /** Whether a token without an organisation is refused, instead of being good for all. */
  readonly organisationRequired: boolean;
}

/** Names of claims: of several the first that is there. A name with dots may be a path, as `realm_access.roles`. */
export interface TokenClaims {
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  readonly organisation: readonly string[];
}

/** Knows who a token was issued to. */
export interface Tokens {
  /**
   * @param onRefused told why a token is refused, which its sender is not: with names of claims, and nothing else of it
   * @returns `null` for what is no valid token
   * @throws SluiceError `authority_unavailable`
   */
  identify(presented: string, onRefused?: (reason: string) => void): Promise<Operator | null>;
}

/** Fewer bytes can be found out from a single token by trying (RFC 7518, 3.2). */
const leastSecretBytes = 32;

/** Of an authority's keys. HMAC is not among them: a public key must never be taken for a secret. */
const asymmetric = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];

/** How far the clocks of authorities may be off. */
const clockToleranceSeconds = 30;

/** Longer texts are no token. */
const maxLength = 16 * 1024;
const tokenPattern = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** What the ids of operators, which stand in records and logs, are made of. */
const subjectPattern = /^[^\p{C}\s]{1,128}$/u;

/**
 * Verifies tokens (JWT): HS256 with the secret, or a signature by one of the authority's keys. `none` and every other
 * algorithm is refused, as is a token that does not expire, or says of nobody that it is theirs.
 *
 * @throws TokenSettingError when the secret is too short
 */
export function createTokens(options: TokenOptions): Tokens {
  const { clock, jwks, issuer, audience } = options;
  const secret = options.secret === undefined ? undefined : new TextEncoder().encode(options.secret);
  if (secret !== undefined && secret.length < leastSecretBytes) {
    const problem = `The secret of tokens (jwt.secret) has ${secret.length} bytes; at least ${leastSecretBytes} are needed.`;
    throw new TokenSettingError(problem);
  }
  const common = (): JWTVerifyOptions => ({
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
    clockTolerance: clockToleranceSeconds,
    currentDate: new Date(clock.now()),
    requiredClaims: ["exp", "sub"],
  });

  const verify = async (token: string): Promise<JWTPayload | null> => {
    const { alg } = decodeProtectedHeader(token);
    // Each kind of key with its own algorithms, whatever the token says.
    if (alg === "HS256" && secret !== undefined) {
      return (await jwtVerify(token, secret, { ...common(), algorithms: ["HS256"] })).payload;
    }
    if (jwks !== undefined && asymmetric.includes(alg ?? "")) {
      return (await jwtVerify(token, jwks, { ...common(), algorithms: asymmetric })).payload;
    }
    return null;
  };

  return {
    async identify(presented, onRefused) {
      const refuse = (reason: string): null => {
        onRefused?.(reason);
        return null;
      };
      if (presented.length > maxLength || !tokenPattern.test(presented)) return null;
      let payload: JWTPayload | null;
      try {
        payload = await verify(presented);
      } catch (error) {
        if (error instanceof SluiceError) throw error;
        // Whatever is wrong with a token, it is not valid. Type errors are of headers that no library takes.
        if (error instanceof errors.JOSEError) return refuse(error.message.slice(0, 200));
        if (error instanceof TypeError) return refuse("its header cannot be read");
        throw error;
      }
      if (payload === null) return refuse("its algorithm is none of those that keys are configured for");
      return toOperator(payload, options) ?? refuse("its sub or its organisation cannot be used");
    },
  };
}

function toOperator(payload: JWTPayload, { claims, organisationRequired }: TokenOptions): Operator | null {
  const { sub = "" } = payload;
  if (!subjectPattern.test(sub)) return null;
  const organisation = readClaim(payload, claims.organisation);
  // A claim that is there and says nothing must not open everything.
  if (organisation !== undefined && (typeof organisation !== "string" || organisation === "")) return null;
  if (organisation === undefined && organisationRequired) return null;
  const scopes = new Set<AdminScope>(wordsOf(readClaim(payload, claims.scopes)).filter(isScope));
  for (const role of wordsOf(readClaim(payload, claims.roles))) {
    if (isRole(role)) for (const scope of roleScopes[role]) scopes.add(scope);
  }
  return { id: `jwt:${sub}`, scopes, organisation: organisation ?? null };
}

/** The first of these claims that says something; `null` where one is there that says nothing, and none that does. */
function readClaim(payload: JWTPayload, names: readonly string[]): unknown {
  const values = names.map((name) => member(payload, name) ?? name.split(".").reduce<unknown>(member, payload));
  return values.find((value) => value !== undefined && value !== null) ?? values.find((value) => value === null);
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

/** Words of a list, or of a text that has them separated by blanks. */
function wordsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return value.split(/\s+/);
  return Array.isArray(value) ? value.filter((word) => typeof word === "string") : [];
}

function isScope(word: string): word is AdminScope {
  return (adminScopes as readonly string[]).includes(word);
}

function isRole(word: string): word is keyof typeof roleScopes {
  return Object.hasOwn(roleScopes, word);
}
