import { dateAtEnd } from "./checks.ts";
import type { Detector } from "./detectors.ts";
import { givenNames } from "./given-names.ts";

const months =
  "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)";
const day = "\\d{1,2}(?:st|nd|rd|th)?";
const dates = [
  "\\d{4}[/.-]\\d{1,2}[/.-]\\d{1,2}",
  "\\d{1,2}[/.-]\\d{1,2}[/.-]\\d{2}(?:\\d{2})?",
  `${day} (?:of )?${months}\\.?,? \\d{4}`,
  `${months}\\.? ${day},? \\d{4}`,
].join("|");

/** Dates by the words before them: a date alone is anything's. */
export const dateOfBirth: readonly Detector[] = [
  {
    type: "date_of_birth",
    confidence: 0.9,
    pattern: `(?i)\\b(?:born|d\\.?o\\.?b\\.?|date[ _]of[ _]birth|birth[ _]?date|birthday|geboren)["']?(?: (?:is|was|on|am|the)){0,3}[\\s:="'(]{1,4}(?:${dates})\\b`,
    notBefore: "[0-9]",
    check: dateAtEnd,
  },
];

const capital = "[A-ZÀ-ÖØ-Þ]";
const small = "[a-zß-öø-ÿ]";
const word = `${capital}${small}+(?:['’-]${capital}?${small}+)?`;
const surname = `(?:(?:van|von|de|der|den|da|di|la|le|el|bin|al) ){0,2}(?:O['’]|Mc|Mac)?${word}`;
const initial = `(?:${capital}\\. ?)`;

/** Names by a title, by the words before them, or by a usual given name with a surname. None of this finds every name. */
export const name: readonly Detector[] = [
  {
    type: "name",
    confidence: 0.8,
    pattern: `\\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Sir|Dame|Herr|Frau)\\.? ${initial}{0,2}${surname}(?: ${surname}){0,2}`,
    notBefore: "[0-9A-Za-zß-öø-ÿ]",
    check: (text) => [/^\w+\.? /.exec(text)![0].length, text.length],
  },
  {
    type: "name",
    confidence: 0.85,
    pattern: `\\b(?i:my name is|name'?s|i am called|my name's|full[ _]name|first[ _]name|last[ _]name|surname|patient|signed|sincerely|regards)["']?(?i: is)?[\\s:=,"']{1,4}${word}(?: ${initial}{0,2}${surname}){0,3}`,
    notBefore: "[0-9A-Za-zß-öø-ÿ]",
    check: named,
  },
  {
    type: "name",
    confidence: 0.65,
    pattern: `\\b(?:${givenNames.join("|")}) (?:${initial}|${word} )?${surname}`,
    notBefore: "[0-9A-Za-zß-öø-ÿ]",
    check: (text) =>
      !/ (?:The|And|Or|Street|Road|Avenue|University|Inc|Corp|Ltd|Airport|Hospital|County|Day|Act)$/.test(text),
  },
];

/** The words before a name are no part of it. */
function named(text: string): readonly [number, number] | false {
  const before =
    /^(?:my name is|my name's|name'?s|i am called|full[ _]name|first[ _]name|last[ _]name|surname|patient|signed|sincerely|regards)["']?(?: is)?[\s:=,"']{1,4}/i.exec(
      text,
    );
  return before === null ? false : [before[0].length, text.length];
}

const kinds =
  "(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq|Terrace|Ter|Highway|Hwy|Parkway|Pkwy|Crescent|Close|Way)";
const city = `${word}(?: ${word}){0,2}`;

/** Postal addresses: a number with a street, the German kind, and boxes. */
export const address: readonly Detector[] = [
  {
    type: "address",
    confidence: 0.8,
    pattern: `\\b\\d{1,5}[A-Za-z]? (?:[NSEW]\\.? )?(?:(?:${word}|\\d{1,3}(?:st|nd|rd|th)) ){1,3}${kinds}\\b\\.?(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Floor|#)\\.? ?\\w{1,6})?(?:, ${city}(?:,? [A-Z]{2} \\d{5}(?:-\\d{4})?)?)?`,
    notAfter: "[0-9.,]",
  },
  {
    type: "address",
    confidence: 0.75,
    pattern: `\\b${capital}${small}+(?:straße|strasse|str\\.|weg|platz|allee|gasse) \\d{1,4}[a-z]?\\b(?:, \\d{5} ${word})?`,
    notAfter: "[0-9A-Za-z]",
  },
  { type: "address", confidence: 0.8, pattern: "(?i)\\bP\\.? ?O\\.? ?Box \\d{1,6}\\b" },
];
