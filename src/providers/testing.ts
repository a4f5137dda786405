import { SluiceError } from "../errors.ts";

/** JSON text, or a value as JSON text, as bytes. */
export function body(value: unknown): Uint8Array {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
}

/** The code and message of the error that a function throws. */
export function thrownBy(run: () => unknown): readonly [code: string, message: string] {
  try {
    run();
  } catch (error) {
    if (error instanceof SluiceError) return [error.code, error.message];
    throw error;
  }
  return ["", "nothing was thrown"];
}

/** One pixel wide and two high. */
export const tinyPng =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAACCAYAAACZgbYnAAAAEUlEQVR42mP8z8BQz0BkAAAHPQH+6yXh8wAAAABJRU5ErkJggg==";
