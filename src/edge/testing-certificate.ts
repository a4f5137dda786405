/** For tests: certificates that are made on the spot, so that no private key is kept anywhere. */
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

type Bytes = Uint8Array;

/** One element of DER: its tag, and what it holds. */
function der(tag: number, ...content: Bytes[]): Bytes {
  const body = Buffer.concat(content);
  const { length } = body;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}

const sequence = (...content: Bytes[]) => der(0x30, ...content);
const oid = (...bytes: number[]) => der(0x06, Buffer.from(bytes));
const text = (tag: number, value: string) => der(tag, Buffer.from(value, "latin1"));

const commonName = oid(0x55, 0x04, 0x03);
const subjectAltName = oid(0x55, 0x1d, 0x11);
const ecdsaWithSha256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));

function utc(at: number): Bytes {
  const digits = new Date(at).toISOString().replace(/\D/g, "");
  return text(0x17, `${digits.slice(2, 14)}Z`);
}

/**
 * A certificate that signs itself, for localhost and 127.0.0.1.
 *
 * @param validTo milliseconds since the epoch; in 30 days when absent
 */
export function makeCertificate(
  name: string,
  validTo = Date.now() + 30 * 24 * 3_600_000,
): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const named = sequence(der(0x31, sequence(commonName, text(0x0c, name))));
  const names = sequence(text(0x82, "localhost"), der(0x87, Buffer.from([127, 0, 0, 1])));
  const serial = randomBytes(8);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const signed = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ecdsaWithSha256,
    named,
    sequence(utc(Math.min(Date.now(), validTo) - 3_600_000), utc(validTo)),
    named,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(sequence(subjectAltName, der(0x04, names)))),
  );
  const signature = sign("sha256", signed, privateKey);
  const whole = sequence(signed, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature));
  const lines = Buffer.from(whole).toString("base64").replace(/.{64}/g, "$&\n");
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
