/** Width and height in pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** Base64 characters looked at: the size stands near the beginning in all formats, JPEG's thumbnails before it. */
const searched = 96 * 1024;

/** The size of an image given as data URL; `undefined` for any other URL and for bytes that do not tell. */
export function sizeOfDataUrl(url: string): ImageSize | undefined {
  if (!url.startsWith("data:")) return undefined;
  const comma = url.indexOf(",");
  if (comma === -1 || !url.slice(0, comma).endsWith(";base64")) return undefined;
  return sizeOfBase64(url, comma + 1);
}

/** The size of a PNG, GIF, JPEG or WebP image in base64, read from its header. */
export function sizeOfBase64(base64: string, from = 0): ImageSize | undefined {
  const head = Buffer.from(base64.slice(from, from + 64), "base64");
  if (head.length < 30) return undefined;
  if (head.readUInt32BE(0) === 0x89504e47) return positive(head.readUInt32BE(16), head.readUInt32BE(20));
  if (head.toString("latin1", 0, 3) === "GIF") return positive(head.readUInt16LE(6), head.readUInt16LE(8));
  if (head.toString("latin1", 0, 4) === "RIFF" && head.toString("latin1", 8, 12) === "WEBP") return sizeOfWebp(head);
  if (head.readUInt16BE(0) === 0xffd8) return sizeOfJpeg(Buffer.from(base64.slice(from, from + searched), "base64"));
  return undefined;
}

function sizeOfWebp(head: Buffer): ImageSize | undefined {
  const format = head.toString("latin1", 12, 16);
  if (format === "VP8X") return positive(head.readUIntLE(24, 3) + 1, head.readUIntLE(27, 3) + 1);
  if (format === "VP8 ") return positive(head.readUInt16LE(26) & 0x3fff, head.readUInt16LE(28) & 0x3fff);
  if (format !== "VP8L") return undefined;
  const bits = head.readUInt32LE(21);
  return positive((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1);
}

/** Walks the segments up to the frame header (SOF), which is any of C0 to CF but the three that are tables. */
function sizeOfJpeg(bytes: Buffer): ImageSize | undefined {
  let i = 2;
  while (i + 9 <= bytes.length && bytes[i] === 0xff) {
    const marker = bytes[i + 1]!;
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      return positive(bytes.readUInt16BE(i + 7), bytes.readUInt16BE(i + 5));
    }
    i += marker === 0xff ? 1 : 2 + bytes.readUInt16BE(i + 2);
  }
  return undefined;
}

function positive(width: number, height: number): ImageSize | undefined {
  return width > 0 && height > 0 ? { width, height } : undefined;
}
