import { describe, expect, test } from "bun:test";
import { redactText } from "../../src/sdk/scan.ts";
import { secretScanner, secretTypes } from "./detectors.ts";
import { entropy, isRandom } from "./entropy.ts";

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** Characters that look random, and are always the same. */
const random = (count: number, from = letters) =>
  Array.from({ length: count }, (_, i) => from[(i * 7919 + count * 31 + ((i * i) % 13)) % from.length]).join("");
const hex = (count: number) => random(count, "0123456789abcdef");
const upper = (count: number) => random(count, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
const pem = `-----BEGIN RSA PRIVATE KEY-----\n${random(64)}\n${random(40)}==\n-----END RSA PRIVATE KEY-----`;
const jwt = `eyJ${random(20)}.eyJ${random(30)}.${random(43)}`;

type Samples = { readonly hits: readonly [string, string][]; readonly misses: readonly string[] };

const samples: Readonly<Record<string, Samples>> = {
  private_key: {
    hits: [
      [`key:\n${pem}\nend`, "key:\n[private_key]\nend"],
      [pem.replaceAll("\n", "\\n"), "[private_key]"],
      [`-----BEGIN PRIVATE KEY-----\n${random(50)}\n"`, '[private_key]"'],
      [
        `-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1.2\n\n${random(64)}\n=ab12\n-----END PGP PRIVATE KEY BLOCK-----`,
        "[private_key]",
      ],
    ],
    misses: [
      `-----BEGIN PUBLIC KEY-----\n${random(64)}\n-----END PUBLIC KEY-----`,
      "BEGIN PRIVATE KEY",
      "-----BEGIN CERTIFICATE-----",
    ],
  },
  aws_access_key: {
    hits: [
      [`AKIA${upper(16)}`, "[aws_access_key]"],
      [`id=ASIA${upper(16)},`, "id=[aws_access_key],"],
    ],
    misses: [`AKIA${upper(15)}`, `AKIA${upper(17)}`, `XAKIA${upper(16)}`, "AKIA is a prefix"],
  },
  aws_secret_key: {
    hits: [
      [`aws_secret_access_key = ${random(40)}`, "aws_secret_access_key = [aws_secret_key]"],
      [`"SecretAccessKey": "${random(40)}"`, '"SecretAccessKey": "[aws_secret_key]"'],
    ],
    misses: ["aws_secret_access_key = your-key", "secret access key: none", "aws is secret"],
  },
  google_api_key: {
    hits: [[`AIza${random(35)}`, "[google_api_key]"]],
    misses: [`AIza${random(34)}`, `AIza${random(36)}`],
  },
  google_oauth: {
    hits: [
      [`ya29.${random(40)}`, "[google_oauth]"],
      [`GOCSPX-${random(28)}`, "[google_oauth]"],
    ],
    misses: ["ya29.abc", "GOCSPX-abc"],
  },
  azure_storage_key: {
    hits: [[`AccountKey=${random(86)}==;Suffix`, "AccountKey=[azure_storage_key];Suffix"]],
    misses: ["AccountKey=abc==", "AccountName=store"],
  },
  azure_client_secret: { hits: [[`abc8Q~${random(34)}`, "[azure_client_secret]"]], misses: ["abc8Q~short", "8Q~"] },
  azure_sas: {
    hits: [[`?sv=1&sig=${random(43)}%3D&x=1`, "?sv=1&sig=[azure_sas]&x=1"]],
    misses: ["?sig=abc", "sig of this"],
  },
  github_token: {
    hits: [
      [`ghp_${random(36)}`, "[github_token]"],
      [`github_pat_${random(82)}.`, "[github_token]."],
    ],
    misses: ["ghp_short", "github_pat_x", `ghx_${random(36)}`],
  },
  gitlab_token: { hits: [[`glpat-${random(20)}`, "[gitlab_token]"]], misses: ["glpat-short", `glab-${random(20)}`] },
  slack_token: {
    hits: [
      [`xoxb-${random(30)}`, "[slack_token]"],
      [`xapp-1-${random(30)}`, "[slack_token]"],
    ],
    misses: ["xoxb-short"],
  },
  slack_webhook: {
    hits: [["https://hooks.slack.com/services/T01ABCDEF/B01ABCDEF/abcdefghijklmnop1234", "https://[slack_webhook]"]],
    misses: ["https://hooks.slack.com/services/T/B/x"],
  },
  stripe_key: {
    hits: [
      [`sk_live_${random(24)}`, "[stripe_key]"],
      [`rk_test_${random(24)}`, "[stripe_key]"],
    ],
    misses: ["sk_live_short", `pk_live_${random(24)}`],
  },
  anthropic_key: { hits: [[`sk-ant-api03-${random(40)}`, "[anthropic_key]"]], misses: ["sk-ant-short"] },
  openai_key: {
    hits: [
      [`sk-proj-${random(40)}`, "[openai_key]"],
      [`sk-${random(48)}`, "[openai_key]"],
    ],
    misses: ["sk-learn", "task-force-management-of-people", "sk-abcdefghijklmnopqrstuvwxyz"],
  },
  huggingface_token: { hits: [[`hf_${random(34)}`, "[huggingface_token]"]], misses: ["hf_hub_download", "hf_short"] },
  npm_token: { hits: [[`npm_${random(36)}`, "[npm_token]"]], misses: ["npm_config_registry", "npm_run"] },
  pypi_token: { hits: [[`pypi-AgE${random(60)}`, "[pypi_token]"]], misses: ["pypi-AgEshort"] },
  sendgrid_key: { hits: [[`SG.${random(22)}.${random(43)}`, "[sendgrid_key]"]], misses: ["SG.a.b", "MSG.text.more"] },
  twilio_key: { hits: [[`SK${hex(32)}`, "[twilio_key]"]], misses: [`SK${hex(31)}`, `SK${hex(33)}`] },
  mailgun_key: { hits: [[`key-${hex(32)}`, "[mailgun_key]"]], misses: ["key-value", `key-${hex(31)}`] },
  digitalocean_token: { hits: [[`dop_v1_${hex(64)}`, "[digitalocean_token]"]], misses: [`dop_v1_${hex(63)}`] },
  databricks_token: { hits: [[`dapi${hex(32)}`, "[databricks_token]"]], misses: [`dapi${hex(31)}`] },
  shopify_token: { hits: [[`shpat_${hex(32)}`, "[shopify_token]"]], misses: [`shpat_${hex(31)}`] },
  vault_token: { hits: [[`hvs.${random(24)}`, "[vault_token]"]], misses: ["hvs.short"] },
  telegram_token: {
    hits: [[`123456789:AA${random(33)}`, "[telegram_token]"]],
    misses: [`123456789:AA${random(32)}`, "12:AA"],
  },
  sluice_key: { hits: [[`slc_${random(16)}_${random(43)}`, "[sluice_key]"]], misses: ["slc_a_b", "slc_demo"] },
  jwt: {
    hits: [[`token ${jwt}.`, "token [jwt]."]],
    misses: ["eyJhbGciOi", `eyJ${random(20)}.${random(30)}.${random(30)}`],
  },
  url_password: {
    hits: [
      ["postgres://bob:hunter2!@db.example/x", "postgres://bob:[url_password]@db.example/x"],
      ["redis://:pa:ss@host", "redis://:[url_password]@host"],
    ],
    misses: ["https://example.com:8080/a@b", "https://bob@example.com", "see: http://a.example"],
  },
  authorization_header: {
    hits: [[`Authorization: Bearer ${random(32)}`, "Authorization: Bearer [authorization_header]"]],
    misses: ["Authorization: Bearer <your-token-here>", "authorization: bearer of bad news"],
  },
  high_entropy: {
    hits: [
      ['password = "k8Jd93jsk2Lq"', 'password = "[high_entropy]"'],
      ["export DB_PASSWORD=x7K2m9Qp4Z", "export DB_PASSWORD=[high_entropy]"],
      [`"api_key": "${hex(20)}"`, '"api_key": "[high_entropy]"'],
      ["the client secret is q8W3e7R2t6Y1", "the client secret is [high_entropy]"],
      [`apiKey: '${random(24)}',`, "apiKey: '[high_entropy]',"],
    ],
    misses: [
      'password: "correct horse battery"',
      "api_key=YOUR_API_KEY_HERE",
      "the token is 3 words long",
      "DB_PASSWORD=prod-eu-2",
      "secret: 2024-01-01T10:00",
      "token = generate_token_from_user_2(x)",
      "key: aaaaaaaaaaaa1a1a1a",
      "password=process.env.DB1_PASS2",
    ],
  },
};

describe.each(Object.entries(samples))("%s", (type, { hits, misses }) => {
  const scanner = secretScanner([type]);
  test.each([...hits])("%s becomes %s", (text, expected) => expect(redactText(scanner, text)).toBe(expected));
  test.each([...misses])("%s stays", (text) => expect(redactText(scanner, text)).toBe(text));
});

test("every type has samples of both kinds", () => {
  expect(Object.keys(samples).sort()).toEqual([...secretTypes].sort());
  for (const [type, { hits, misses }] of Object.entries(samples)) {
    expect([type, hits.length > 0, misses.length > 0]).toEqual([type, true, true]);
  }
});

test("all together find each of them", () => {
  const all = secretScanner(secretTypes);
  for (const [type, { hits }] of Object.entries(samples)) {
    for (const [text] of hits)
      expect([type, all.scan(text, 0, true).matches.map((one) => one.type)]).toEqual([type, [type]]);
  }
});

test("ordinary text and code hold none", () => {
  const all = secretScanner(secretTypes);
  const text = [
    "commit 3f2a9c1e5b7d8f0a1b2c3d4e5f6a7b8c9d0e1f2a; uuid 123e4567-e89b-12d3-a456-426614174000",
    "const token = await getToken(user.id2); // the key: value pairs of a map",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "Press any key: Enter. The secret of success is hard work. password: required",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
  ].join("\n");
  expect(all.scan(text, 0, true).matches).toEqual([]);
});

test("looking random", () => {
  expect(entropy("aaaa")).toBe(0);
  expect(entropy("abcd")).toBe(2);
  expect([isRandom("k8Jd93jsk2Lq"), isRandom("hello-world"), isRandom("short1A"), isRandom("example1k8Jd93")]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

test("what nobody can read into it takes linear time", () => {
  const all = secretScanner(secretTypes);
  for (const text of [
    "key=".repeat(20_000),
    `key${"=".repeat(80_000)}`,
    "-----BEGIN PRIVATE KEY-----".repeat(3_000),
    "eyJ".repeat(26_000),
  ]) {
    const from = performance.now();
    all.scan(text, 0, true);
    expect(performance.now() - from).toBeLessThan(5_000);
  }
});
