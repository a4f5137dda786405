/** Whether a number's last digit fits the others (ISO/IEC 7812), and its length its network. */
export function isLuhn(text: string): boolean {
  const digits = text.replaceAll(/\D/g, "");
  if (!isOfNetwork(digits) || /^(\d)\1*$/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay, Maestro. */
function isOfNetwork(digits: string): boolean {
  const { length } = digits;
  if (/^4/.test(digits)) return length === 13 || length === 16 || length === 19;
  if (/^3[47]/.test(digits)) return length === 15;
  if (/^3(?:0[0-5]|[689])/.test(digits)) return length === 14;
  if (/^(?:5[1-5]|2[2-7])/.test(digits)) return length === 16;
  return /^(?:35|5|6)/.test(digits) && length >= 16 && length <= 19;
}

/** Whether a number can have been given out. */
export function isSsn(text: string): boolean {
  const digits = text.replaceAll(/\D/g, "");
  const [area, group, serial] = [digits.slice(0, 3), digits.slice(3, 5), digits.slice(5)];
  return area !== "000" && area !== "666" && area < "900" && group !== "00" && serial !== "0000";
}

/** Whether a text is an address of version 6 and not something else with colons: it has a digit, and eight groups or a gap. */
export function isIpv6(text: string): boolean {
  if (!/\d/.test(text)) return false;
  const gaps = text.split("::").length - 1;
  const groups = text.split(":").filter((group) => group !== "").length;
  return gaps === 0 ? groups === 8 : gaps === 1 && groups >= 3 && groups <= 7;
}

/** Names such as `logo@2x.png`, which look like addresses of mail. */
export function isDomainOfFiles(text: string): boolean {
  return /@[1-9]x\.(?:png|jpe?g|gif|webp|svg)$/i.test(text);
}

/** Where the number at a text's end begins. */
export function lastRun(text: string): readonly [number, number] {
  const start = text.search(/\(?\d[\d ./()-]*$/);
  return [start, text.length];
}

/** Where a date at a text's end begins that can be one. */
export function dateAtEnd(text: string): readonly [number, number] | false {
  const found =
    /(?:\d[\d./-]{4,}\d|(?:\d{1,2}(?:st|nd|rd|th)?(?: of)? )?[A-Za-z]{3,9}\.?(?: \d{1,2}(?:st|nd|rd|th)?)?,? \d{4})$/.exec(
      text,
    );
  if (found === null) return false;
  const numbers = found[0].match(/\d+/g)!.map(Number);
  const year = numbers.find((one) => one > 31);
  const rest = numbers.filter((one) => one !== year);
  const possible = rest.every((one) => one >= 1 && one <= 31) && (rest.length < 2 || rest.some((one) => one <= 12));
  if (!possible || (year !== undefined && year > 99 && (year < 1900 || year > 2099))) return false;
  return [found.index, text.length];
}
