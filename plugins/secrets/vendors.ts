import type { SecretPattern } from "./detectors.ts";

/** Keys that their vendors made so that they can be told: a prefix, an alphabet, a length. */
export const vendorKeys: readonly SecretPattern[] = [
  { type: "aws_access_key", pattern: "\\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\\b" },
  {
    type: "aws_secret_key",
    pattern:
      "(?i:\\baws[A-Za-z0-9_. -]{0,20}(?:secret|sk)[A-Za-z0-9_. -]{0,20}|\\bsecret[_ ]?access[_ ]?key)[\"']?\\s{0,3}(?::|=>?|:=)\\s{0,3}[\"']?[A-Za-z0-9/+]{40}",
    notBefore: "[A-Za-z0-9/+=]",
    check: (text) => [text.length - 40, text.length],
  },
  { type: "google_api_key", pattern: "\\bAIza[0-9A-Za-z_-]{35}", notBefore: "[0-9A-Za-z_-]" },
  { type: "google_oauth", pattern: "\\b(?:ya29\\.[0-9A-Za-z_-]{20,}|GOCSPX-[0-9A-Za-z_-]{28})" },
  {
    type: "azure_storage_key",
    pattern: "(?i:AccountKey|SharedAccessKey)=[A-Za-z0-9/+]{43,86}={1,2}",
    check: (text) => [text.indexOf("=") + 1, text.length],
  },
  {
    type: "azure_client_secret",
    pattern: "\\b[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}",
    notBefore: "[A-Za-z0-9_~-]",
  },
  {
    type: "azure_sas",
    pattern: "(?i)[?&]sig=[A-Za-z0-9%/+]{40,90}(?:=|%3d){0,2}",
    check: (text) => [text.indexOf("=") + 1, text.length],
  },
  { type: "github_token", pattern: "\\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})" },
  { type: "gitlab_token", pattern: "\\bgl(?:pat|dt|rt|ft|cbt|ptt|soat)-[0-9A-Za-z_-]{20,}" },
  { type: "slack_token", pattern: "\\b(?:xox[abeoprs]-[0-9A-Za-z-]{10,}|xapp-\\d-[0-9A-Za-z-]{20,})" },
  {
    type: "slack_webhook",
    pattern: "\\bhooks\\.slack\\.com/services/T[0-9A-Z]{6,12}/B[0-9A-Z]{6,12}/[0-9A-Za-z]{16,32}",
  },
  { type: "stripe_key", pattern: "\\b(?:[sr]k_(?:live|test)_[0-9A-Za-z]{16,}|whsec_[0-9A-Za-z+/=]{24,})" },
  { type: "anthropic_key", pattern: "\\bsk-ant-[0-9A-Za-z_-]{20,}" },
  {
    type: "openai_key",
    pattern: "\\bsk-(?:(?:proj|svcacct|admin|None)-[0-9A-Za-z_-]{20,}|[0-9A-Za-z]{20,})",
    notAfter: "[0-9A-Za-z_-]",
    check: (text) => /\d/.test(text),
  },
  { type: "huggingface_token", pattern: "\\bhf_[A-Za-z0-9]{34,40}\\b" },
  { type: "npm_token", pattern: "\\bnpm_[A-Za-z0-9]{36}\\b" },
  { type: "pypi_token", pattern: "\\bpypi-AgE[0-9A-Za-z_-]{50,}" },
  { type: "sendgrid_key", pattern: "\\bSG\\.[0-9A-Za-z_-]{16,32}\\.[0-9A-Za-z_-]{16,}" },
  { type: "twilio_key", pattern: "\\bSK[0-9a-f]{32}\\b" },
  { type: "mailgun_key", pattern: "\\bkey-[0-9a-f]{32}\\b" },
  { type: "digitalocean_token", pattern: "\\bdo[oprt]_v1_[0-9a-f]{64}\\b" },
  { type: "databricks_token", pattern: "\\bdapi[0-9a-f]{32}(?:-\\d)?\\b" },
  { type: "shopify_token", pattern: "\\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\\b" },
  { type: "vault_token", pattern: "\\bhv[sbr]\\.[0-9A-Za-z_-]{24,}" },
  { type: "telegram_token", pattern: "\\b\\d{8,10}:AA[0-9A-Za-z_-]{33}", notBefore: "[0-9A-Za-z_-]" },
  { type: "sluice_key", pattern: "\\bslc_[0-9A-Za-z]{4,32}_[0-9A-Za-z_-]{16,}" },
];
