const encoder = new TextEncoder();

/** Parts as one, `null` for none: texts are encoded together, and parts that lie side by side in memory are not copied. */
export function joinBytes(parts: readonly (Uint8Array | string)[]): Uint8Array | null {
  if (parts.length === 0) return null;
  const first = parts[0]!;
  if (typeof first === "string" && parts.every((part) => typeof part === "string"))
    return encoder.encode(parts.join(""));
  const bytes = encoded(parts);
  return bytes.length === 1 ? bytes[0]! : (sideBySide(bytes) ?? Buffer.concat(bytes));
}

function encoded(parts: readonly (Uint8Array | string)[]): readonly Uint8Array[] {
  const bytes: Uint8Array[] = [];
  let text = "";
  for (const part of parts) {
    if (typeof part === "string") {
      text += part;
      continue;
    }
    if (text !== "") bytes.push(encoder.encode(text));
    text = "";
    bytes.push(part);
  }
  if (text !== "") bytes.push(encoder.encode(text));
  return bytes;
}

function sideBySide(parts: readonly Uint8Array[]): Uint8Array | null {
  const first = parts[0]!;
  let end = first.byteOffset;
  for (const part of parts) {
    if (part.buffer !== first.buffer || part.byteOffset !== end) return null;
    end += part.byteLength;
  }
  return new Uint8Array(first.buffer, first.byteOffset, end - first.byteOffset);
}
