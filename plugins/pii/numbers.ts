import { isDomainOfFiles, isIpv6, isLuhn, isSsn, lastRun } from "./checks.ts";
import type { Detector } from "./detectors.ts";

/** Addresses of mail as people write them. What is in quotation marks or brackets by RFC 5322 is not looked for. */
export const email: readonly Detector[] = [
  {
    type: "email",
    confidence: 0.95,
    pattern: "(?i)\\b[a-z0-9_](?:[a-z0-9._%+'-]*[a-z0-9_%+-])?@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,24}\\b",
    check: (text) => text.length <= 254 && !isDomainOfFiles(text),
  },
];

/** Numbers of cards of the usual networks, whose last digit fits the others. */
export const creditCard: readonly Detector[] = [
  {
    type: "credit_card",
    confidence: 0.95,
    pattern: "\\b[2-6]\\d{3}(?:[ -]?\\d){8,15}\\b",
    notAfter: "[0-9.]",
    notBefore: "[0-9]",
    check: isLuhn,
  },
];

/** Social security numbers of the United States. */
export const ssn: readonly Detector[] = [
  {
    type: "ssn",
    confidence: 0.9,
    pattern: "\\b\\d{3}-\\d{2}-\\d{4}\\b",
    notAfter: "[0-9-]",
    notBefore: "[0-9-]",
    check: isSsn,
  },
  {
    type: "ssn",
    confidence: 0.7,
    pattern: "\\b\\d{3} \\d{2} \\d{4}\\b",
    notAfter: "[0-9]",
    notBefore: "[0-9]",
    check: isSsn,
  },
  {
    type: "ssn",
    confidence: 0.85,
    pattern: "(?i)\\b(?:ssn|social security(?: number| no\\.?)?)[\"']?(?: is| was)?[\\s:=#\"']{1,4}\\d{9}\\b",
    notBefore: "[0-9]",
    check: (text) => isSsn(text.slice(-9)) && [text.length - 9, text.length],
  },
];

const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";

/** Addresses of the Internet protocol, both versions. */
export const ipAddress: readonly Detector[] = [
  // Five parts and more are a version, or an identifier of objects.
  { type: null, confidence: 1, pattern: "\\b\\d{1,10}(?:\\.\\d{1,10}){4,20}\\b", notAfter: "[0-9.]" },
  {
    type: "ip_address",
    confidence: 0.85,
    pattern: `\\b${octet}(?:\\.${octet}){3}\\b`,
    notAfter: "[0-9A-Za-z_.-]",
    notBefore: "[0-9A-Za-z_]",
  },
  {
    type: "ip_address",
    confidence: 0.9,
    pattern: "(?i)[0-9a-f]{1,4}(?:::?[0-9a-f]{1,4}){2,7}(?:::)?",
    notAfter: "[0-9A-Za-z_:.]",
    notBefore: "[0-9A-Za-z_:]",
    check: isIpv6,
  },
];

/** A group of digits with what may stand before it. */
const groups = "(?:[ .-]?\\(?\\d{1,4}\\)?){2,6}";

/** Telephone numbers: international ones, those of North America, and others by the words before them. */
export const phone: readonly Detector[] = [
  {
    type: "phone",
    confidence: 0.9,
    pattern: `\\+[1-9]\\d{0,2}${groups}\\b`,
    notAfter: "[0-9A-Za-z+]",
    notBefore: "[0-9A-Za-z]",
    check: (text) => inRange(text, 8, 15),
  },
  {
    type: "phone",
    confidence: 0.75,
    pattern: "(?:\\b1[ .-])?(?:\\([2-9]\\d{2}\\) ?|\\b[2-9]\\d{2}[ .-])[2-9]\\d{2}[ .-]\\d{4}\\b",
    notAfter: "[0-9A-Za-z.-]",
    notBefore: "[0-9A-Za-z-]",
  },
  {
    type: "phone",
    confidence: 0.7,
    pattern:
      "(?i)\\b(?:tele)?(?:phone|tel|mobile|cell|fax|call|reach|dial)(?: number| me| us| no\\.?)?(?: at| on| is)?[\\s:.=]{1,3}\\(?\\d(?:[ ./()-]{0,2}\\d){6,14}\\b",
    notBefore: "[0-9A-Za-z]",
    check: (text) => lastRun(text),
  },
];

function inRange(text: string, least: number, most: number): boolean {
  const digits = text.replaceAll(/\D/g, "").length;
  return digits >= least && digits <= most;
}
