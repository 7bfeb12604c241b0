import { describeValue } from '../describe-value.js';
import { ArgumentError, FileFormatError } from '../errors.js';
import type { SavedArray } from './file.js';

/** Keys of an object that stands for what JSON does not have. */
const TENSOR = '$tensor';
const NUMBER = '$number';
/** Values nested more deeply are a circle, or a mistake. */
const DEEPEST = 100;

/**
 * Returns `value` as JSON has it: typed arrays go to `arrays`, under the path at which they stood, and numbers that JSON does not have (NaN, infinities, -0) become
 * objects. Throws ArgumentError, naming the path, for what is neither.
 */
export function encode(op: string, value: unknown, path: string, arrays: Map<string, SavedArray>, depth = 0): unknown {
  const fail = (got: string, advice: string): ArgumentError => new ArgumentError(`[${op}] ${path}: got ${got}, expected numbers, texts, booleans, null, typed arrays, and arrays and plain objects of them. ${advice}`, { op });
  if (depth > DEEPEST) throw fail('values in one another without end', 'Leave the circle out.');
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0) ? value : { [NUMBER]: Object.is(value, -0) ? '-0' : String(value) };
  if (typeof value !== 'object') throw fail(describeValue(value), 'Convert it.');
  const array = arrayOf(value);
  if (array !== undefined) {
    arrays.set(path, array);
    return { [TENSOR]: path };
  }
  if (value instanceof Promise || ArrayBuffer.isView(value) || value instanceof Map || value instanceof Set) throw fail(describeValue(value), 'Convert it.');
  if (Array.isArray(value)) return value.map((one, i) => encode(op, one, `${path}.${i}`, arrays, depth + 1));
  const { toJSON } = value as { toJSON?: () => unknown };
  if (typeof toJSON === 'function') return encode(op, toJSON.call(value), path, arrays, depth + 1);
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  const taken = entries.find(([name]) => name === TENSOR || name === NUMBER);
  if (taken !== undefined) throw fail(`the key ${taken[0]}, which the format keeps for itself`, 'Call it something else.');
  return Object.fromEntries(entries.map(([name, one]) => [name, encode(op, one, `${path}.${name}`, arrays, depth + 1)]));
}

/** The other way round. Throws FileFormatError for an array that is not there, and for what encode() does not write. */
export function decode(json: unknown, arrays: ReadonlyMap<string, SavedArray>, depth = 0): unknown {
  if (depth > DEEPEST) throw new FileFormatError(`[checkpoint] the JSON of the checkpoint has more than ${DEEPEST} values in one another, expected fewer. Take another one.`, { op: 'checkpoint' });
  if (Array.isArray(json)) return json.map((one) => decode(one, arrays, depth + 1));
  if (typeof json !== 'object' || json === null) return json;
  if (NUMBER in json) return json[NUMBER] === '-0' ? -0 : Number(json[NUMBER]);
  if (TENSOR in json) {
    const array = arrays.get(String(json[TENSOR]));
    if (array === undefined) throw new FileFormatError(`[checkpoint] the checkpoint lacks the tensor '${String(json[TENSOR])}' that it speaks of. Take another one.`, { op: 'checkpoint' });
    return array.data;
  }
  return Object.fromEntries(Object.entries(json).map(([name, one]) => [name, decode(one, arrays, depth + 1)]));
}

/** A typed array as it is saved; a copy, so that it stays what it is now. Undefined for anything else. */
function arrayOf(value: object): SavedArray | undefined {
  if (value instanceof Float32Array) return { dtype: 'float32', shape: [value.length], data: value.slice() };
  if (value instanceof Float64Array) return { dtype: 'float64', shape: [value.length], data: value.slice() };
  if (value instanceof Int32Array) return { dtype: 'int32', shape: [value.length], data: value.slice() };
  if (value instanceof Uint8Array) return { dtype: 'uint8', shape: [value.length], data: Uint8Array.from(value) };
  return undefined;
}
