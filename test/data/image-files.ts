import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';

/** An image of one colour, or of the colour that each pixel (row, column) has. */
export function pixels(height: number, width: number, colour: readonly number[] | ((row: number, column: number) => readonly number[])): Sharp {
  const at = typeof colour === 'function' ? colour : (): readonly number[] => colour;
  const values = Array.from({ length: height * width }, (_, i) => at(Math.floor(i / width), i % width));
  return sharp(Buffer.from(values.flat()), { raw: { height, width, channels: values[0]!.length as 1 | 2 | 3 | 4 } });
}

/** A PNG of one colour. */
export const png = (colour: readonly number[], size = 8): Promise<Buffer> => pixels(size, size, colour).png().toBuffer();

/** Writes files below a folder, by their paths. */
export async function writeFiles(folder: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return folder;
}

/** A PNG whose header says another size, with its check sum. */
export async function claiming(height: number, width: number): Promise<Buffer> {
  const bytes = await png([1, 2, 3]);
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  bytes.writeUInt32BE(checkSum(bytes.subarray(12, 29)), 29);
  return bytes;
}

/** CRC-32, as PNG's chunks have it. */
function checkSum(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? 0xedb88320 ^ (sum >>> 1) : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
}
