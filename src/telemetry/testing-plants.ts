/** For tests: secrets that are planted in a run and looked for wherever it leaves something. */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A text that stands nowhere by chance; letters and digits only, so that nothing writes it in another way. */
export function plant(kind: string): string {
  return `plant${kind}${randomBytes(12).toString("hex")}`;
}

/** Where a planted secret was found. */
export interface Found {
  readonly plant: string;
  readonly where: string;
}

/** What a run left behind, by where it was. */
export class Haul {
  readonly #places: { readonly where: string; readonly text: string }[] = [];

  /** Text that a run wrote or told. Answers it. */
  add(where: string, text: string): string {
    this.#places.push({ where, text });
    return text;
  }

  /** Every file below a folder, byte for byte. */
  addFiles(where: string, folder: string, leaveOut: readonly string[] = []): void {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || leaveOut.includes(entry.name)) continue;
      this.add(`${where} ${path.slice(folder.length + 1)}`, readFileSync(path).toString("latin1"));
    }
  }

  get places(): string[] {
    return this.#places.map(({ where }) => where);
  }

  /** Where any of these stands: as it is, in base64 at any offset, in hex. */
  find(plants: Readonly<Record<string, string>>): Found[] {
    const found: Found[] = [];
    for (const [name, secret] of Object.entries(plants)) {
      const forms = formsOf(secret);
      for (const { where, text } of this.#places) {
        if (forms.some((form) => text.includes(form))) found.push({ plant: name, where });
      }
    }
    return found;
  }
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const forms = [secret, bytes.toString("hex"), encodeURIComponent(secret)];
  for (let before = 0; before < 3; before += 1) {
    const shifted = Buffer.concat([Buffer.alloc(before), bytes]);
    // What depends on what stands before and behind is left away.
    const whole = shifted.subarray(0, shifted.length - (shifted.length % 3));
    for (const encoding of ["base64", "base64url"] as const)
      forms.push(whole.toString(encoding).slice(before === 0 ? 0 : 4));
  }
  return forms;
}
