import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Clock, Logger } from "../core/ports.ts";

/** A certificate with its key, as PEM. */
export interface Certificate {
  /** The certificate, and those that lead to its authority behind it. */
  readonly cert: string;
  readonly key: string;
  /** What it is for, for people. */
  readonly names: string;
  /** Milliseconds since the epoch. */
  readonly validTo: number;
}

/** Where the certificate and its key are. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** The certificate cannot be used. The message says which file, and why; it never holds a part of the key. */
export class CertificateError extends Error {
  override readonly name = "CertificateError";
}

/**
 * Reads a certificate and its key.
 *
 * @throws CertificateError when a file cannot be read, is no PEM, or the key is another certificate's
 */
export function readCertificate({ certFile, keyFile }: CertificateFiles): Certificate {
  const cert = read(certFile, "certificate");
  const key = read(keyFile, "private key");
  const [certificate, privateKey] = [
    parsed(certFile, "certificate", () => new X509Certificate(cert)),
    parsed(keyFile, "private key without a passphrase", () => createPrivateKey(key)),
  ];
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new CertificateError(`the private key in '${keyFile}' does not belong to the certificate in '${certFile}'`);
  }
  const names = certificate.subjectAltName ?? certificate.subject;
  return { cert, key, names, validTo: certificate.validToDate.getTime() };
}

function read(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new CertificateError(`the ${what} '${file}' cannot be read: ${why}`);
  }
}

function parsed<T>(file: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    // The parser's words are no help, and could repeat what it read.
    throw new CertificateError(`'${file}' holds no ${what} in PEM`);
  }
}

/** How the certificate is. */
export interface CertificateHealth {
  readonly state: "ready" | "degraded";
  /** One sentence. */
  readonly detail: string;
}

/** Looks after a certificate that may be renewed while the process runs. */
export interface CertificateKeeper {
  readonly current: Certificate;
  /** Sets what makes a renewed certificate the one that new connections get; it throws when it cannot. */
  onRenewed(use: (renewed: Certificate) => void): void;
  /** Looks at the files now. */
  look(): void;
  health(): CertificateHealth;
  close(): void;
}

/** What a keeper works with. */
export interface CertificateKeeperOptions extends CertificateFiles {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often the files are looked at. */
  readonly pollMs?: number;
}

/** How long before its end a certificate that nobody renewed is told of. */
const expiresSoonMs = 7 * 24 * 3_600_000;

/**
 * Reads the certificate, and again whenever its files change. Files that do not fit together, as in the moment between the
 * renewal of one and of the other, change nothing: what was good stays, and the status says so.
 *
 * @throws CertificateError when the first one cannot be used
 */
export function keepCertificate(options: CertificateKeeperOptions): CertificateKeeper {
  const { clock, logger, pollMs = 1000 } = options;
  let current = readCertificate(options);
  let use: (renewed: Certificate) => void = () => undefined;
  let problem = "";

  const isChanged = () =>
    read(options.certFile, "certificate") !== current.cert || read(options.keyFile, "private key") !== current.key;

  const look = () => {
    try {
      if (isChanged()) {
        const found = readCertificate(options);
        use(found);
        current = found;
        const { names, validTo } = found;
        logger.info({ names, validTo: new Date(validTo) }, "the certificate was renewed");
      }
      problem = "";
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== problem) logger.error({ problem: message }, "the certificate could not be renewed");
      problem = message;
    }
  };

  // Looked at, not watched: mounted secrets are links that are put elsewhere, which watchers miss.
  const timer = setInterval(look, pollMs);
  timer.unref();

  return {
    get current() {
      return current;
    },
    onRenewed(next) {
      use = next;
    },
    look,
    health() {
      const ends = new Date(current.validTo).toISOString();
      const left = current.validTo - clock.now();
      if (problem !== "") return { state: "degraded", detail: `${problem}; the one before stays, until ${ends}` };
      if (left <= 0) return { state: "degraded", detail: `the certificate of ${current.names} expired at ${ends}` };
      if (left < expiresSoonMs) {
        return { state: "degraded", detail: `the certificate of ${current.names} expires soon, at ${ends}` };
      }
      return { state: "ready", detail: `${current.names}, until ${ends}` };
    },
    close: () => clearInterval(timer),
  };
}
