import { ArgumentError, DataError, DTypeError } from '../errors.js';
import { checkAttached, allocate, isNumericArray } from '../numeric-array.js';
import { describeValue } from '../describe-value.js';

/** Values at fault, as a message names them: `dataset 'train'`, and the number of the first example among them. */
export interface Source {
  readonly of: string;
  readonly first: number;
}

/** Labels as int32. Throws DataError for one that is no integer, naming the example. The array is always a new one. */
export function toClasses(labels: unknown, from: Source, op: string): Int32Array {
  if (isNumericArray(labels)) checkAttached(op, `y of ${from.of}`, labels);
  else if (!Array.isArray(labels)) {
    throw new DTypeError(`[${op}] y of ${from.of}: got ${describeValue(labels)}, expected an Int32Array of classes, or a Float32Array of targets together with targetShape.`, { op });
  }
  if (labels instanceof Int32Array) return labels.slice();
  const classes = allocate(op, `y of ${from.of}`, labels.length, () => new Int32Array(labels.length));
  for (let i = 0; i < classes.length; i++) {
    const label: unknown = labels[i];
    if (typeof label !== 'number' || label !== (label | 0)) {
      throw new DataError(
        `[${op}] ${from.of}, example ${from.first + i}: the label is ${Array.isArray(label) ? 'an array' : describeValue(label)}, expected an integer class index. ${adviceOn(label)}`,
        { op },
      );
    }
    classes[i] = label;
  }
  return classes;
}

function adviceOn(label: unknown): string {
  if (typeof label === 'string') return 'Number the classes: y: labels.map((label) => names.indexOf(label)).';
  if ((Array.isArray(label) || isNumericArray(label)) && isOneHot(label, 1)) return oneHotAdvice(label.length);
  return 'For float targets give targetShape, as in { targetShape: [1] }.';
}

/** Returns whether these are `rows` rows of several numbers, in each a single 1 among zeros. */
export function isOneHot(values: ArrayLike<unknown>, rows: number): boolean {
  const columns = values.length / rows;
  if (!Number.isInteger(columns) || columns < 2) return false;
  for (let row = 0; row < rows; row++) {
    let ones = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) {
      if (values[i] === 1) ones++;
      else if (values[i] !== 0) return false;
    }
    if (ones !== 1) return false;
  }
  return true;
}

/** Returns advice on what to pass instead of rows with a 1 at each class. */
export function oneHotAdvice(classes: number): string {
  return `Of one-hot rows pass the index of each 1, as in y: rows.map((row) => row.indexOf(1)); or, as float targets, { targetShape: [${classes}] }.`;
}

/** The name of a dataset or a stream, which stands in messages. */
export function nameOf(op: string, name: unknown, otherwise: string): string {
  if (name === undefined) return otherwise;
  if (typeof name === 'string') return name;
  throw new ArgumentError(`[${op}] name: got ${describeValue(name)}, expected a string.`, { op });
}

/** The number of classes, if it is given. */
export function checkClassCount(op: string, classes: unknown): void {
  if (classes === undefined || (Number.isSafeInteger(classes) && (classes as number) >= 1)) return;
  throw new ArgumentError(`[${op}] classes: got ${describeValue(classes)}, expected an integer of at least 1.`, { op });
}

/** Checks that every label is in [0, classes). */
export function checkClasses(labels: Int32Array, classes: number, from: Source, op: string): void {
  checkClassCount(op, classes);
  const at = labels.findIndex((label) => label < 0 || label >= classes);
  if (at === -1) return;
  throw new DataError(`[${op}] ${from.of}, example ${from.first + at}: the label is ${labels[at]}, expected a class in [0, ${classes}). ${fromOne(labels, classes) ? 'Classes count from 0: subtract 1 from every label' : 'Correct the label, or classes'}.`, { op });
}

/** Returns whether the labels are 1 to classes. */
function fromOne(labels: Int32Array, classes: number): boolean {
  return labels.every((label) => label >= 1 && label <= classes);
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
