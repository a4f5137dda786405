/** Numbers that look random and are the same for the same seed. */
export function createRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** What must not get out, and what stands around it. */
export interface Plant {
  readonly before: string;
  readonly secret: string;
  readonly after: string;
}

type Random = (below: number) => number;
type Generator = (random: Random) => string | readonly [before: string, secret: string];

const lower = "abcdefghijklmnopqrstuvwxyz";
const digits = "0123456789";
const alnum = `${lower}${lower.toUpperCase()}${digits}`;

const pick = <T>(random: Random, from: readonly T[]): T => from[random(from.length)]!;
const some = (random: Random, count: number, from: string) =>
  Array.from({ length: count }, () => from[random(from.length)]!).join("");
/** Letters and digits, with a digit and both cases in places that are sure. */
const token = (random: Random, count: number) => `${some(random, count - 6, alnum)}a1B2c3`;
const number = (random: Random, from: number, to: number) => from + random(to - from + 1);
const two = (value: number) => String(value).padStart(2, "0");

function card(random: Random): string {
  const [prefix, length] = pick(random, [
    ["4", 16],
    ["51", 16],
    ["55", 16],
    ["34", 15],
    ["6011", 16],
    ["4", 13],
  ] as const);
  const start = prefix + some(random, length - prefix.length - 1, digits);
  const sum = [...start].reverse().reduce((total, digit, i) => {
    const value = i % 2 === 0 ? Number(digit) * 2 : Number(digit);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  const whole = start + String((10 - (sum % 10)) % 10);
  const between = length === 16 ? pick(random, ["", " ", "-"]) : "";
  return between === "" ? whole : whole.match(/.{4}/g)!.join(between);
}

function date(random: Random): string {
  const [year, month, day] = [number(random, 1930, 2010), number(random, 1, 12), number(random, 1, 28)];
  const name = pick(random, ["January", "March", "Aug", "December"]);
  return pick(random, [
    `${year}-${two(month)}-${two(day)}`,
    `${day}/${month}/${year}`,
    `${name} ${day}, ${year}`,
    `${day}th ${name} ${year}`,
  ]);
}

const given = ["Maria", "John", "Priya", "Zoë", "Jean-Luc", "Olu", "Ingrid", "Wei"];
const family = ["Smith", "O'Brien", "van den Berg", "Ångström", "García", "Lee", "Fitzgerald"];
const pem = (random: Random) => {
  const kind = pick(random, ["RSA ", "EC ", "OPENSSH ", ""]);
  const lines = Array.from({ length: number(random, 3, 8) }, () => some(random, 64, `${alnum}+/`));
  return [
    `-----BEGIN ${kind}PRIVATE KEY-----`,
    ...lines,
    `${some(random, 30, alnum)}==`,
    `-----END ${kind}PRIVATE KEY-----`,
  ].join(pick(random, ["\n", "\r\n"]));
};

/** By plugin, by type: how its values are made. */
export const generators: Readonly<Record<"pii" | "secrets", Readonly<Record<string, Generator>>>> = {
  pii: {
    email: (r) =>
      `${some(r, number(r, 1, 12), `${lower}${digits}`)}${pick(r, ["", ".x1", "+tag"])}@${some(r, number(r, 2, 12), lower)}.${pick(r, ["com", "co.uk", "example.org", "io"])}`,
    phone: (r) =>
      pick(r, [
        `+1 (${number(r, 200, 989)}) ${number(r, 200, 999)}-${some(r, 4, digits)}`,
        `+44 20 ${some(r, 4, digits)} ${some(r, 4, digits)}`,
        `+49151${some(r, 8, digits)}`,
        `(${number(r, 200, 989)}) ${number(r, 200, 999)}-${some(r, 4, digits)}`,
      ]),
    ssn: (r) => `${number(r, 100, 665)}-${two(number(r, 1, 99))}-${number(r, 1000, 9999)}`,
    credit_card: card,
    ip_address: (r) =>
      pick(r, [
        Array.from({ length: 4 }, () => r(256)).join("."),
        `2001:db8:${Array.from({ length: 6 }, () => some(r, 4, `${digits}abcdef`)).join(":")}`,
        `fe80::1${some(r, 3, digits)}:${some(r, 4, digits)}:${some(r, 3, digits)}f`,
      ]),
    name: (r) =>
      pick(r, [
        ["my name is ", `${pick(r, given)} ${pick(r, family)}`],
        ["Dr. ", `${pick(r, given)} ${pick(r, family)}`],
      ] as const),
    address: (r) =>
      `${number(r, 1, 9999)} ${pick(r, ["Baker", "Mountain View", "Oak", "42nd"])} ${pick(r, ["Street", "Ave", "Road", "Blvd"])}${pick(r, ["", ", Springfield, IL 62704"])}`,
    date_of_birth: (r) => [pick(r, ["born on ", "DOB: ", "date of birth is "]), date(r)],
  },
  secrets: {
    private_key: pem,
    aws_access_key: (r) => pick(r, ["AKIA", "ASIA"]) + some(r, 16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    aws_secret_key: (r) => ["aws_secret_access_key = ", some(r, 40, `${alnum}+/`)],
    google_api_key: (r) => `AIza${some(r, 35, alnum)}`,
    google_oauth: (r) => pick(r, [`ya29.${some(r, number(r, 30, 90), alnum)}`, `GOCSPX-${some(r, 28, alnum)}`]),
    azure_storage_key: (r) => ["AccountKey=", `${some(r, 86, alnum)}==`],
    azure_client_secret: (r) => `${some(r, 3, alnum)}8Q~${some(r, 34, alnum)}`,
    azure_sas: (r) => ["https://x.example/c?sv=1&sig=", `${some(r, 43, alnum)}%3D`],
    github_token: (r) => pick(r, [`ghp_${some(r, 36, alnum)}`, `github_pat_${some(r, 82, alnum)}`]),
    gitlab_token: (r) => `glpat-${some(r, 20, alnum)}`,
    slack_token: (r) => `xoxb-${some(r, 12, digits)}-${some(r, 24, alnum)}`,
    slack_webhook: (r) => [
      "https://",
      `hooks.slack.com/services/T${some(r, 8, digits)}/B${some(r, 8, digits)}/${some(r, 24, alnum)}`,
    ],
    stripe_key: (r) => `${pick(r, ["sk", "rk"])}_live_${some(r, number(r, 24, 99), alnum)}`,
    anthropic_key: (r) => `sk-ant-api03-${some(r, 95, alnum)}`,
    openai_key: (r) => pick(r, [`sk-proj-${token(r, 100)}`, `sk-${token(r, 48)}`]),
    huggingface_token: (r) => `hf_${some(r, 34, alnum)}`,
    npm_token: (r) => `npm_${some(r, 36, alnum)}`,
    pypi_token: (r) => `pypi-AgE${some(r, 120, alnum)}`,
    sendgrid_key: (r) => `SG.${some(r, 22, alnum)}.${some(r, 43, alnum)}`,
    twilio_key: (r) => `SK${some(r, 32, `${digits}abcdef`)}`,
    mailgun_key: (r) => `key-${some(r, 32, `${digits}abcdef`)}`,
    digitalocean_token: (r) => `dop_v1_${some(r, 64, `${digits}abcdef`)}`,
    databricks_token: (r) => `dapi${some(r, 32, `${digits}abcdef`)}`,
    shopify_token: (r) => `shpat_${some(r, 32, `${digits}abcdef`)}`,
    vault_token: (r) => `hvs.${some(r, 90, alnum)}`,
    telegram_token: (r) => `${some(r, 9, "123456789")}:AA${some(r, 33, alnum)}`,
    sluice_key: (r) => `slc_${some(r, 16, alnum)}_${some(r, 43, alnum)}`,
    jwt: (r) => `eyJ${some(r, 30, alnum)}.eyJ${some(r, 60, alnum)}.${some(r, 43, alnum)}`,
    url_password: (r) => ["postgres://bob:", token(r, number(r, 8, 30))],
    authorization_header: (r) => ["Authorization: Bearer ", token(r, 40)],
    high_entropy: (r) => [pick(r, ['password = "', "api_key: ", "SECRET=", 'token is "']), token(r, number(r, 12, 40))],
  },
};

/** Makes so many plants of a type; the same for the same seed. */
export function plantsOf(plugin: keyof typeof generators, type: string, count: number, seed: number): Plant[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => {
    const made = generators[plugin][type]!(random);
    const [before, secret] = typeof made === "string" ? ["", made] : made;
    const first = pick(random, ["Here it is: ", "ok\n", "The value, as asked, is ", "😀 - "]);
    const after =
      type === "url_password" ? "@db.example/x ok" : pick(random, [" and so on.", "\nThat is all", " (as you know)"]);
    return { before: first + before, secret, after };
  });
}
