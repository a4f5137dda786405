import type { ScanPattern } from "../../src/sdk/index.ts";
import { creditCard, email, ipAddress, phone, ssn } from "./numbers.ts";
import { address, dateOfBirth, name } from "./people.ts";

/** What can be found. */
export const piiTypes = [
  "email",
  "phone",
  "ssn",
  "credit_card",
  "ip_address",
  "name",
  "address",
  "date_of_birth",
] as const;

/** One of the {@link piiTypes}. */
export type PiiType = (typeof piiTypes)[number];

/** One way to find something, and how sure it is that what it finds is that. */
export interface Detector extends Omit<ScanPattern, "type" | "replacement"> {
  /** `null` for what looks like it and is not. */
  readonly type: PiiType | null;
  /** From 0 to 1: of so many finds of a hundred in ordinary text it is what it is taken for. Estimated, and the same for every find. */
  readonly confidence: number;
}

/** All of them; of what begins at one place the first is found. */
export const detectors: readonly Detector[] = [
  ...email,
  ...creditCard,
  ...ssn,
  ...dateOfBirth,
  ...ipAddress,
  ...phone,
  ...address,
  ...name,
];
