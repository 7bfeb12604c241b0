import type * as Buffers from 'node:buffer';
import { DataError, FileFormatError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import { lazyRequire } from '../lazy-require.js';

const buffers = lazyRequire<typeof Buffers>('node:buffer');

/** Position of the first byte that belongs to no character. */
function brokenAt(bytes: Uint8Array): number {
  const { isUtf8 } = buffers();
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at]!;
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (!isUtf8(bytes.subarray(at, at + length))) return at;
    at += length;
  }
  return bytes.length;
}

/**
 * Text of pieces that may begin and end within a character: bytes of UTF-8, whose mark of byte order is left out, or strings. `where`: their source, as messages name it.
 * Throws FileFormatError, naming the byte, for what is no UTF-8; DataError for half of a surrogate pair, and for what is neither.
 */
export async function* wholeCharacters(op: string, where: string, pieces: Iterable<unknown> | AsyncIterable<unknown>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const broken = (at: number): FileFormatError => new FileFormatError(`[${op}] ${where} is no UTF-8: got bytes at position ${at} that belong to no character, expected text. Convert it, or correct that place.`, { op });
  /** Bytes before the piece, and those at its end that are a part of a character. */
  let before = 0;
  let begun: Uint8Array = new Uint8Array(0);
  let half = '';
  const decode = (bytes: Uint8Array, stream: boolean): string => {
    try {
      return decoder.decode(bytes, { stream });
    } catch {
      throw broken(before - begun.length + brokenAt(joined(begun, bytes)));
    }
  };
  for await (const piece of pieces) {
    if (piece instanceof Uint8Array) {
      if (piece.length > 0) checkPairs(op, where, half);
      const text = decode(piece, true);
      if (text !== '') yield text;
      begun = unfinished(joined(begun, piece));
      before += piece.length;
    } else if (typeof piece === 'string') {
      if (piece !== '' && begun.length > 0) throw broken(before - begun.length);
      const all = half + piece;
      const isCut = /[\uD800-\uDBFF]$/.test(all);
      half = isCut ? all.slice(-1) : '';
      const text = isCut ? all.slice(0, -1) : all;
      checkPairs(op, where, text);
      if (text !== '') yield text;
    } else throw new DataError(`[${op}] ${where} gave ${describeValue(piece)}, expected strings or bytes (Uint8Array).`, { op });
  }
  checkPairs(op, where, half);
  decode(new Uint8Array(0), false);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Bytes at the end that begin a character. */
function unfinished(bytes: Uint8Array): Uint8Array {
  for (let count = 1; count <= Math.min(3, bytes.length); count++) {
    const first = bytes[bytes.length - count]!;
    if (first < 0x80) break;
    if (first >= 0xc0) return (first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4) > count ? bytes.slice(-count) : new Uint8Array(0);
  }
  return new Uint8Array(0);
}

function checkPairs(op: string, where: string, text: string): void {
  const at = text.search(/\p{Surrogate}/u);
  if (at >= 0) throw new DataError(`[${op}] ${where} is broken: got half of a surrogate pair (U+${text.charCodeAt(at).toString(16).toUpperCase()}) behind ${JSON.stringify(text.slice(Math.max(0, at - 20), at))}, expected whole characters.`, { op });
}
