import { describe, expect, test } from "bun:test";
import { patternScanner, redactText } from "../../src/sdk/scan.ts";
import { isIpv6, isLuhn, isSsn } from "./checks.ts";
import { detectors, type PiiType } from "./detectors.ts";

/** For each type: texts with what is in its place afterwards, and texts that look much like it and stay as they are. */
const samples: Readonly<
  Record<PiiType, { readonly hits: readonly [string, string][]; readonly misses: readonly string[] }>
> = {
  email: {
    hits: [
      ["write to ann.o'neil+x@mail.example.co.uk.", "write to [email]."],
      ["<A_B@EXAMPLE.COM>", "<[email]>"],
      ["ann@example.com,bob@example.org", "[email],[email]"],
      ["mailto:x-1@sub-domain.example.museum?subject=a", "mailto:[email]?subject=a"],
      ["ann@example.com.", "[email]."],
    ],
    misses: [
      "ann@example",
      "@ann on example.com",
      "logo@2x.png",
      "a @ b.com",
      "ann@.com",
      "user@localhost",
      "npm i @scope/name",
    ],
  },
  phone: {
    hits: [
      ["+1 (555) 234-5678, +44 20 7946 0958", "[phone], [phone]"],
      ["+4915112345678", "[phone]"],
      ["(555) 234-5678 or 555.234.5678", "[phone] or [phone]"],
      ["1-555-234-5678", "[phone]"],
      ["call me at 030 1234567 tomorrow", "call me at [phone] tomorrow"],
      ["Tel.: 0221/123456-78", "Tel.: [phone]"],
    ],
    misses: [
      "order 555-234",
      "+1",
      "3 + 44 20",
      "2024-01-15",
      "155-234-5678-1",
      "10.5 + 20.5",
      "call 911",
      "ISBN 978-3-16-148410-0",
    ],
  },
  ssn: {
    hits: [
      ["123-45-6789", "[ssn]"],
      ["SSN: 123 45 6789.", "SSN: [ssn]."],
      ["ssn 123456789", "ssn [ssn]"],
      ["Social Security Number is 123456789", "Social Security Number is [ssn]"],
    ],
    misses: [
      "000-45-6789",
      "666-45-6789",
      "900-45-6789",
      "123-00-6789",
      "123-45-0000",
      "1123-45-6789",
      "123-45-67890",
      "123456789",
      "2-123-45-6789",
    ],
  },
  credit_card: {
    hits: [
      ["4111 1111 1111 1111", "[credit_card]"],
      ["4111-1111-1111-1111 12/27", "[credit_card] 12/27"],
      ["378282246310005", "[credit_card]"],
      ["5555555555554444 and 6011111111111117", "[credit_card] and [credit_card]"],
      ["4222222222222", "[credit_card]"],
      ["card 30569309025904.", "card [credit_card]."],
    ],
    misses: [
      "4111 1111 1111 1112",
      "1234567890123456",
      "0.4111111111111111",
      "4111 1111 1111",
      "41111111111111111111",
      "4444444444444444",
    ],
  },
  ip_address: {
    hits: [
      ["10.0.0.1 to 255.255.255.255", "[ip_address] to [ip_address]"],
      ["http://192.168.1.10:8080/", "http://[ip_address]:8080/"],
      ["at 8.8.8.8.", "at [ip_address]."],
      ["2001:db8::ff00:42:8329", "[ip_address]"],
      ["2001:0db8:0000:0000:0000:ff00:0042:8329", "[ip_address]"],
    ],
    misses: [
      "1.2.3.4.5",
      "256.1.1.1",
      "1.2.3",
      "12:30:45",
      "std::vec",
      "a::b",
      "fade:cafe",
      "v1.2.3.4",
      "01:23:45:67:89:ab",
    ],
  },
  name: {
    hits: [
      ["my name is Jean-Luc Picard and", "my name is [name] and"],
      ["Dr. Maria van den Berg said", "Dr. [name] said"],
      ["patient: Ann Lee", "patient: [name]"],
      ["Mr O'Brien called", "Mr [name] called"],
      ["ask John Smith", "ask [name]"],
      ["full_name: Zoë Ångström", "full_name: [name]"],
    ],
    misses: [
      "my name is not important",
      "Dr. who knows",
      "Paul Street",
      "Smith wrote it",
      "the patient was seen",
      "Mr. and Mrs.",
      "John said",
    ],
  },
  address: {
    hits: [
      ["221B Baker Street, London", "[address]"],
      ["1600 Amphitheatre Parkway, Mountain View, CA 94043", "[address]"],
      ["at 5 Main St. now", "at [address] now"],
      ["12 N. 42nd St, Apt 4", "[address]"],
      ["Hauptstraße 12, 10115 Berlin", "[address]"],
      ["P.O. Box 1234", "[address]"],
    ],
    misses: [
      "Main Street",
      "5 apples",
      "Wall Street rose 3 points",
      "the 3 Way handshake of",
      "straße 12",
      "box 12",
      "10 Downing",
    ],
  },
  date_of_birth: {
    hits: [
      ["born on 12/03/1985 in", "born on [date_of_birth] in"],
      ["DOB: 1985-03-12", "DOB: [date_of_birth]"],
      ["date of birth is March 3rd, 1985.", "date of birth is [date_of_birth]."],
      ["Birthday = 3 Mar 1985", "Birthday = [date_of_birth]"],
      ["geboren am 12.03.85", "geboren am [date_of_birth]"],
    ],
    misses: [
      "meeting 1985-03-12",
      "born in 1985",
      "DOB: 99/99/1985",
      "reborn 12/03/1985",
      "born on 12/03/3985",
      "due date 12/03/1985",
    ],
  },
};

describe.each(Object.entries(samples))("%s", (type, { hits, misses }) => {
  const own = detectors.filter((one) => one.type === type || one.type === null);
  const scanner = patternScanner(own, { maxLength: 254 });
  test.each([...hits])("%s becomes %s", (text, expected) => expect(redactText(scanner, text)).toBe(expected));
  test.each([...misses])("%s stays", (text) => expect(redactText(scanner, text)).toBe(text));
  test("has samples of both kinds", () => expect([hits.length > 3, misses.length > 3]).toEqual([true, true]));
});

test("all together find the same", () => {
  const all = patternScanner(detectors, { maxLength: 254 });
  const types = new Set<string>();
  for (const { hits } of Object.values(samples)) {
    for (const [text] of hits) {
      const found = all.scan(text, 0, true).matches;
      expect([text, found.length > 0]).toEqual([text, true]);
      for (const { type } of found) types.add(type);
    }
  }
  expect([...types].sort()).toEqual(Object.keys(samples).sort());
});

test("ordinary text holds none of it", () => {
  const all = patternScanner(detectors, { maxLength: 254 });
  const text =
    "In 2024 we shipped version 2.10.0 (build 20240115.3) at 12:30:45. See section 3.1.4, page 42, or issue #12345.\n" +
    "const x = a::b; // 0x1f, 3.14159, 1e10, 100%\n| 1 | 2,000,000 | 99.9 |\nUUID 123e4567-e89b-12d3-a456-426614174000";
  expect(redactText(all, text)).toBe(text);
});

test("checks", () => {
  expect([isLuhn("4111111111111111"), isLuhn("4111111111111112"), isLuhn("79927398713")]).toEqual([true, false, false]);
  expect([isSsn("123-45-6789"), isSsn("899-99-9999"), isSsn("900-45-6789")]).toEqual([true, true, false]);
  expect([isIpv6("1::2:3"), isIpv6("1:2:3:4:5:6:7:8"), isIpv6("1::2::3"), isIpv6("a::b:c")]).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
