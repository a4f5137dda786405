import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestLogger } from "../store/testing.ts";
import { makeCertificate } from "./testing-certificate.ts";
import { CertificateError, keepCertificate, readCertificate } from "./tls.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-certificate-"));
afterAll(() => rmSync(folder, { recursive: true }));

const files = { certFile: join(folder, "tls.crt"), keyFile: join(folder, "tls.key") };
const day = 24 * 3_600_000;

function install({ cert, key }: { cert: string; key: string }): void {
  writeFileSync(files.certFile, cert);
  writeFileSync(files.keyFile, key);
}

describe("a certificate", () => {
  test("is read with what it is for and when it ends", () => {
    const made = makeCertificate("some name", Date.UTC(2049, 0, 2, 3, 4, 5));
    install(made);
    expect(readCertificate(files)).toEqual({
      ...made,
      names: "DNS:localhost, IP Address:127.0.0.1",
      validTo: Date.UTC(2049, 0, 2, 3, 4, 5),
    });
  });

  const good = makeCertificate("good");
  test.each([
    ["another's key", { ...good, key: makeCertificate("other").key }, "does not belong to the certificate"],
    ["no certificate", { ...good, cert: "nonsense" }, "tls.crt' holds no certificate in PEM"],
    ["no key", { ...good, key: "nonsense" }, "tls.key' holds no private key without a passphrase in PEM"],
    ["half a key", { ...good, key: good.key.slice(0, 90) }, "tls.key' holds no private key"],
    ["the files in each other's place", { cert: good.key, key: good.cert }, "tls.crt' holds no certificate"],
    ["an empty file", { ...good, key: "" }, "tls.key' holds no private key"],
  ])("is refused with %s, and nothing of the key is told", (_, made, message) => {
    install(made);
    expect(() => readCertificate(files)).toThrow(CertificateError);
    expect(() => readCertificate(files)).toThrow(message);
    try {
      readCertificate(files);
    } catch (error) {
      expect(String(error)).not.toContain(good.key.split("\n")[1]!);
    }
  });

  test("is refused when a file is not there", () => {
    expect(() => readCertificate({ ...files, keyFile: join(folder, "absent") })).toThrow(
      "absent' cannot be read: ENOENT",
    );
  });
});

describe("a certificate that is looked after", () => {
  const setUp = (made: { cert: string; key: string }) => {
    install(made);
    let now = Date.now();
    const logger = createTestLogger();
    const keeper = keepCertificate({ ...files, clock: { now: () => now }, logger, pollMs: 86_400_000 });
    const used: string[] = [];
    keeper.onRenewed(({ cert }) => used.push(cert));
    const pass = (ms: number) => {
      now += ms;
    };
    return { keeper, used, logger, pass, [Symbol.dispose]: keeper.close };
  };

  test("is used again when it was renewed, and only then", () => {
    using kept = setUp(makeCertificate("one"));
    kept.keeper.look();
    expect(kept.used).toEqual([]);
    const next = makeCertificate("two");
    install(next);
    kept.keeper.look();
    kept.keeper.look();
    expect(kept.used).toEqual([next.cert]);
    expect(kept.keeper.current.cert).toBe(next.cert);
  });

  test("stays while what is there cannot be used, which is logged once", () => {
    const one = makeCertificate("one");
    using kept = setUp(one);
    writeFileSync(files.keyFile, makeCertificate("two").key);
    kept.keeper.look();
    kept.keeper.look();
    expect([kept.used, kept.keeper.current.cert]).toEqual([[], one.cert]);
    expect(kept.keeper.health()).toMatchObject({ state: "degraded" });
    expect(kept.logger.lines.filter((line) => line.startsWith("error"))).toHaveLength(1);
    writeFileSync(files.keyFile, one.key);
    kept.keeper.look();
    expect(kept.keeper.health().state).toBe("ready");
  });

  test("stays when the renewed one cannot be served", () => {
    using kept = setUp(makeCertificate("one"));
    kept.keeper.onRenewed(() => {
      throw new Error("the port is gone");
    });
    const { current } = kept.keeper;
    install(makeCertificate("two"));
    kept.keeper.look();
    expect(kept.keeper.current).toBe(current);
    expect(kept.keeper.health().detail).toStartWith("the port is gone; the one before stays, until ");
  });

  test("is told of before it ends, and after", () => {
    using kept = setUp(makeCertificate("one", Date.now() + 30 * day));
    expect(kept.keeper.health().state).toBe("ready");
    kept.pass(24 * day);
    expect(kept.keeper.health()).toMatchObject({ state: "degraded", detail: expect.stringContaining("expires soon") });
    kept.pass(7 * day);
    expect(kept.keeper.health()).toMatchObject({ state: "degraded", detail: expect.stringContaining("expired at") });
  });
});
