import type { FileFormatError } from '../errors.js';
import { FILE_DTYPES, type FileDType, type StoredDType } from './file-dtypes.js';
import { duplicateKey } from './json-keys.js';
import { nestingFault } from './json-nesting.js';

/** Limit of the format's own reader: 100 MB. */
export const MAX_HEADER = 100_000_000;
const MAX_RANK = 64;

/** One tensor of a file: bytes begin to end of the data that follows the header. */
export interface Entry {
  readonly name: string;
  /** Its dtype by the format's name, and what that is. */
  readonly code: StoredDType;
  readonly stored: FileDType;
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  /** By position in the file. */
  readonly entries: Entry[];
  readonly metadata: Map<string, string>;
}

/** An error that names the file and says what is wrong with it. */
export type Wrong = (what: string) => FileFormatError;

/**
 * Checks a header down to the last byte: known dtypes, sizes that agree with the shapes, and data that are covered from the first
 * to the last of `dataBytes` bytes, without gap or overlap.
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, wrong: Wrong): Header {
  const parsed = parseJson(bytes, 'its header', wrong);
  const entries: Entry[] = [];
  let metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(parsed)) {
    if (name === '__metadata__') metadata = parseMetadata(value, wrong);
    else entries.push(parseEntry(name, value, (what) => wrong(`tensor '${shorten(name)}' ${what}`)));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(entries, dataBytes, wrong);
  return { entries, metadata };
}

/** The object that bytes of a file are as JSON, in which no name is given twice; `what` is that part of the file. */
export function parseJson(bytes: Uint8Array, what: string, wrong: Wrong): object {
  let parsed: unknown;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw wrong(`its header is no valid JSON (${(error as Error).message})`);
  }
  const fault = nestingFault(text);
  if (fault !== undefined) throw wrong(`its header ${fault}`);
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw wrong(`${what} is no valid JSON (${(error as Error).message})`);
  }
  if (!isObject(parsed) || !text.startsWith('{')) throw wrong(`${what} is no JSON object`);
  const twice = duplicateKey(text);
  if (twice !== undefined) throw wrong(`${what} has the name '${shorten(twice)}' twice`);
  return parsed;
}

function parseMetadata(value: unknown, wrong: Wrong): Map<string, string> {
  if (!isObject(value)) throw wrong('its __metadata__ is no JSON object');
  const pairs = Object.entries(value);
  if (pairs.some(([, text]) => typeof text !== 'string')) throw wrong('its __metadata__ holds something that is no string');
  return new Map(pairs);
}

function parseEntry(name: string, value: unknown, wrong: Wrong): Entry {
  if (!isObject(value)) throw wrong('is not described by a JSON object');
  const { dtype: code, shape, data_offsets: offsets, ...rest } = value as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw wrong(`has an unknown field '${shorten(unknown)}'`);
  if (typeof code !== 'string' || !Object.hasOwn(FILE_DTYPES, code)) {
    throw wrong(`has the dtype ${shorten(JSON.stringify(code) ?? 'undefined')}, expected one of ${Object.keys(FILE_DTYPES).join(', ')}: convert the file to one of them`);
  }
  const stored = FILE_DTYPES[code as StoredDType];
  if (!isCounts(shape) || shape.length > MAX_RANK) throw wrong(`has the shape ${shorten(JSON.stringify(shape) ?? 'undefined')}, expected integers of at least 0`);
  if (!isCounts(offsets) || offsets.length !== 2) throw wrong(`has the offsets ${shorten(JSON.stringify(offsets) ?? 'undefined')}, expected two integers`);
  const [begin, end] = offsets as [number, number];
  const size = bytesOf(shape, stored.bytes);
  if (size === undefined) throw wrong(`has the shape [${shape.join(',')}], which is too large`);
  if (end - begin !== size) throw wrong(`has ${end - begin} bytes, expected ${size} for ${code} of the shape [${shape.join(',')}]`);
  return { name, code: code as StoredDType, stored, shape, begin, end };
}

/** The bytes of a tensor, or undefined beyond what a double counts exactly. A size of 0 does not excuse the other ones. */
function bytesOf(shape: readonly number[], bytes: number): number | undefined {
  let size = bytes;
  for (const dim of shape) {
    size *= Math.max(dim, 1);
    if (size > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return shape.includes(0) ? 0 : size;
}

function checkCoverage(entries: readonly Entry[], dataBytes: number, wrong: Wrong): void {
  let covered = 0;
  for (const { name, begin, end } of entries) {
    if (end > dataBytes) throw wrong(`tensor '${shorten(name)}' ends at byte ${end} of the data, of which there are ${dataBytes}: the file is truncated`);
    if (begin < covered) throw wrong(`tensor '${shorten(name)}' begins at byte ${begin} of the data, inside the one before it`);
    if (begin > covered) throw wrong(`bytes ${covered} to ${begin} of its data belong to no tensor`);
    covered = end;
  }
  if (covered !== dataBytes) throw wrong(`its last ${dataBytes - covered} bytes belong to no tensor`);
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** Text of a file that is not to be trusted, as it may stand in a message. */
export function shorten(text: string): string {
  const plain = text.replaceAll(/\p{Cc}/gu, '?');
  return plain.length > 60 ? `${plain.slice(0, 60)}...` : plain;
}
