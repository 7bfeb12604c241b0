import { ArgumentError, DataError, DTypeError } from '../errors.js';
import { shown } from '../shown.js';

/** What a message says of the values at fault: `dataset 'train'`, and the number of the first example among them. */
export interface Source {
  readonly of: string;
  readonly first: number;
}

/** Labels as int32. Throws DataError for one that is no integer, naming the example. The array is always a new one. */
export function toClasses(labels: unknown, from: Source, op: string): Int32Array {
  if (labels instanceof Int32Array) return labels.slice();
  if (labels instanceof Uint8Array) return new Int32Array(labels);
  if (!Array.isArray(labels) && !(labels instanceof Float32Array)) {
    const got = labels === null || typeof labels !== 'object' ? String(labels) : `a ${labels.constructor.name}`;
    throw new DTypeError(`[${op}] y of ${from.of}: got ${got}, expected an Int32Array of classes, or a Float32Array of targets together with targetShape.`, { op });
  }
  const classes = new Int32Array(labels.length);
  for (let i = 0; i < classes.length; i++) {
    const label: unknown = labels[i];
    if (typeof label !== 'number' || label !== (label | 0)) {
      throw new DataError(
        `[${op}] ${from.of}, example ${from.first + i}: the label is ${Array.isArray(label) ? 'an array' : shown(label)}, expected an integer class index. ${typeof label === 'string' ? 'Number the classes: y: labels.map((label) => names.indexOf(label))' : 'For float targets give targetShape, as in { targetShape: [1] }'}.`,
        { op },
      );
    }
    classes[i] = label;
  }
  return classes;
}

/** Checks that every label is in [0, classes). */
export function checkClasses(labels: Int32Array, classes: number, from: Source, op: string): void {
  if (!Number.isInteger(classes) || classes < 1) throw new ArgumentError(`[${op}] classes: got ${classes}, expected an integer of at least 1.`, { op });
  const at = labels.findIndex((label) => label < 0 || label >= classes);
  if (at === -1) return;
  throw new DataError(`[${op}] ${from.of}, example ${from.first + at}: the label is ${labels[at]}, expected a class in [0, ${classes}). Correct the label, or classes.`, { op });
}

/** Looks for NaN and infinity; `values` holds `size` examples of one length. */
export function checkFinite(values: Float32Array, size: number, from: Source, what: string, op: string): void {
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at === -1) return;
  const one = values.length / size;
  throw new DataError(
    `[${op}] ${from.of}, example ${from.first + Math.floor(at / one)}: element ${at % one} of ${what} is ${values[at]}, expected a finite number. Repair or drop the example.`,
    { op, code: 'ANNEAL_NON_FINITE' },
  );
}
