import { celChecks } from "../cel/checks.ts";

/** What is checked in policy files beside their expressions, by code. Codes never change their meaning. */
export const policyChecks = {
  C020: "The file is YAML or JSON.",
  C021: "No key is there twice.",
  C022: "Every key is known.",
  C023: "Every value has the type that is expected there, and what is required is there.",
  C024: "A file applies only inside its folder.",
  C025: "Every placeholder of a message is known.",
  C026: "The policy type is known.",
  C027: "The policy type accepts its config.",
  C028: "The kind of file is supported.",
  C029: "Every policy file is in a layer and named as one.",
  C030: "Every policy has an id of its own.",
  C031: "Every rule has an id of its own in its policy.",
  C032: "A param's default has its type and is within its bounds.",
  C033: "Every key has an effect where it stands.",
  C034: "Only what may be modified is modified.",
  C035: "Policies that apply together agree on what they set.",
  C036: "No rule is shadowed by one that denies everything.",
  C038: "The file can be read.",
  C039: "There are policies.",
  C040: "A .cel file has a header that says what a refusal is, and a body that says what must be true.",
  C041: "Named data is lists and tables of texts or numbers.",
  C042: "Named data has a name of its own.",
  C043: "An exception names a policy and a rule that exist.",
  C044: "An exception ends by itself.",
  C045: "An exception stands where it may, for requests that it names, and from nothing that is locked.",
  C046: "What the manifest locks exists.",
  C047: "A library policy is known, and whole in itself.",
  C048: "A library policy accepts its params.",
  C055: "The code of a TypeScript policy can be compiled.",
  C056: "Code imports only what policies may import.",
  C057: "The code can be run, and exports a policy.",
  C058: "Handlers answer at once.",
  C059: "The types of a TypeScript policy fit.",
  C060: "What the control plane names is there: policies and their rules.",
  C061: "What is tuned is declared, tunable and within its bounds.",
  C062: "Locked policies are left alone, and the database has policies only where the manifest says.",
  C063: "The control plane tightens, and never loosens what git says.",
  C064: "What is temporary ends in time.",
  C065: "All expressions that one request can meet in a phase cannot take long together.",
  C066: "A policy is enforced on every surface in its scope, whether the answer is streamed or not.",
  C067: "What is to refuse is asked while there is something to refuse.",
  C068: "Every header that is read is one that policies may read.",
  C069: "Some request can be in a policy's scope.",
  C070: "No policy stands behind one that denies every request it could be asked about.",
  C071: "No rule asks for less than an earlier one that denies the same requests.",
  C072: "A glob over models fits a model that is known.",
  C073: "Every param and variable is used.",
  C074: "Every rule has a test.",
  C075: "No caller can leave a policy by what it says of itself.",
  C076: "What a policy type is told can come to pass.",
  C077: "Every model that clients can name has a price, or somebody says that it is fine without.",
  C078: "What is to be found out of a prompt's words has a policy type that finds it out.",
  C090: "A test names policies that exist.",
  C091: "A test gives facts that its phase can read.",
  C092: "Every case of a test file has a name of its own.",
  C094: "A revision that is asked for is kept, as it was.",
} as const;

/**
 * Checks whose findings are probably not meant and do no harm: they are told, and keep nothing from being live. All
 * others refuse the set.
 */
const warnings: ReadonlySet<string> = new Set(["C070", "C071", "C072", "C073", "C075", "C076", "C077"]);

/** Whether what this check finds is told and nothing more. */
export function isWarning(code: CheckCode): boolean {
  return warnings.has(code);
}

/** Every numbered check with its title. */
export const checks = { ...celChecks, ...policyChecks } as const;

/** A code of {@link checks}. */
export type CheckCode = keyof typeof checks;
