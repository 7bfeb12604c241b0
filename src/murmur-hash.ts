const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

const encoder = new TextEncoder();
let bytes = new Uint8Array(256);

/**
 * MurmurHash3 (x86, 32 bits) of a text's UTF-8 bytes, as an unsigned integer: the same on every platform. As sklearn.utils.murmurhash3_32.
 */
export function murmurHash(text: string, seed = 0): number {
  // A code unit is at most 3 bytes.
  if (3 * text.length > bytes.length) bytes = new Uint8Array(6 * text.length);
  const { written: length } = encoder.encodeInto(text, bytes);
  const whole = length - (length % 4);
  let hash = seed | 0;
  for (let i = 0; i < whole; i += 4) {
    hash ^= scrambled(bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let i = length - 1; i >= whole; i--) tail = (tail << 8) | bytes[i]!;
  if (length > whole) hash ^= scrambled(tail);
  return mixBits(hash ^ length);
}

function scrambled(block: number): number {
  const product = Math.imul(block, C1);
  return Math.imul((product << 15) | (product >>> 17), C2);
}

/** Mixes all bits of a hash, as MurmurHash3 does at its end. An unsigned integer. */
export function mixBits(hash: number): number {
  let mixed = hash;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
