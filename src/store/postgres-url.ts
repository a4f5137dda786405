/** Where PostgreSQL is, as an address says it. */
export interface PostgresAddress {
  /** A name or an address; the folder of its socket when it begins with `/`. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  /** Whether the connection is encrypted and of whom the certificate must be. As libpq's `sslmode` has it. */
  readonly tls: "disable" | "require" | "verify-ca" | "verify-full";
  /** The file of the authorities that TLS trusts in place of the usual ones. */
  readonly caFile: string | undefined;
}

/** What {@link parsePostgresUrl} accepts, for messages. */
export const postgresUrlForms =
  "postgres://user[:password]@host[:port]/database, with TLS and a certificate that is verified unless ?sslmode=verify-ca, " +
  "require or disable asks for less; &sslrootcert=FILE trusts the authorities in that file alone, ?host=FOLDER is a local socket";

const form =
  /^postgres(?:ql)?:\/\/(?<user>[^:@/?#]+)(?::(?<password>[^@/?#]*))?@(?<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*)(?::(?<port>\d{1,5}))?\/(?<database>[^/?#]+)(?:\?(?<query>[^#]*))?$/;
const modes = ["disable", "require", "verify-ca", "verify-full"] as const;

/**
 * Reads an address; `undefined` when it is none. Special characters of user, password and database are percent-encoded, as
 * in any URL. `sslmode=prefer` and `allow` are refused: they give in to whoever pretends that there is no TLS.
 */
export function parsePostgresUrl(url: string): PostgresAddress | undefined {
  const parts = form.exec(url)?.groups;
  if (parts === undefined) return undefined;
  const [user, password, database] = [parts.user, parts.password, parts.database].map(decoded);
  const query = new URLSearchParams(parts.query ?? "");
  const folder = query.get("host") ?? "";
  const mode = query.get("sslmode");
  // A socket is the machine's own, and has no TLS.
  const tls = modes.find((one) => one === (mode ?? (folder === "" ? "verify-full" : "disable")));
  const caFile = query.get("sslrootcert") ?? undefined;
  const port = Number(parts.port ?? 5432);
  const names = [...query.keys()];
  const refused =
    names.some((name) => !["host", "sslmode", "sslrootcert"].includes(name)) ||
    new Set(names).size < names.length ||
    (folder === "" ? parts.host === "" : !folder.startsWith("/") || parts.host !== "" || tls !== "disable") ||
    caFile === "" ||
    (caFile !== undefined && (tls === "disable" || tls === "require")) ||
    port < 1 ||
    port > 65_535 ||
    [user, password, database].includes(undefined);
  if (refused || tls === undefined) return undefined;
  return {
    host: folder === "" ? parts.host!.replace(/^\[|\]$/g, "") : folder,
    port,
    user: user!,
    password: password === "" ? undefined : password,
    database: database!,
    tls,
    caFile,
  };
}

/** Without its percent signs; `undefined` when they are not in order. */
function decoded(text = ""): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The address without its credentials, for people. */
export function shownPostgres({ host, port, database }: PostgresAddress): string {
  return `PostgreSQL ${host.includes(":") ? `[${host}]` : host}:${port}/${database}`;
}
