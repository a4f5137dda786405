/** Parts as one, `null` for none. Parts that lie side by side in memory are not copied. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array | null {
  if (parts.length < 2) return parts[0] ?? null;
  const first = parts[0]!;
  let end = first.byteOffset + first.byteLength;
  for (let i = 1; i < parts.length; i += 1) {
    const part = parts[i]!;
    if (part.buffer !== first.buffer || part.byteOffset !== end) return Buffer.concat(parts);
    end += part.byteLength;
  }
  return new Uint8Array(first.buffer, first.byteOffset, end - first.byteOffset);
}
