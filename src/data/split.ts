import { ArgumentError } from '../errors.js';
import { checkFlags, checkOptions } from '../options.js';
import { describeValue } from '../describe-value.js';
import { labelCounts } from './labels.js';
import { ascending, splitOrder } from './order.js';
import { checkSeed } from './seed.js';

export interface SplitOptions {
  /** Of what is drawn. Default 0. */
  readonly seed?: number | undefined;
  /** True: examples, or groups, are drawn at random. false: the first of them are the first part, as for a series, of which the future must not be known. Default true. */
  readonly shuffle?: boolean | undefined;
  /** One key an example: examples of one key stay together, so that nobody (a patient, a speaker) is in both parts. The fraction is then of the groups. */
  readonly groups?: ArrayLike<string | number> | undefined;
  /** True: each class has the same share of both parts, as nearly as whole examples allow. Default false. */
  readonly stratify?: boolean | undefined;
}

const KNOWN = ['seed', 'shuffle', 'groups', 'stratify'];

/** The positions of two parts, each ascending. `labels` are the examples' classes, where they have some. */
export function splitPositions(size: number, fraction: number, options: SplitOptions, labels: Int32Array | undefined): [Int32Array, Int32Array] {
  checkOptions('split', options, KNOWN);
  const { seed = 0, shuffle = true, groups, stratify = false } = options;
  checkSeed('split', seed);
  checkFlags('split', options, ['shuffle', 'stratify']);
  if (stratify && !shuffle) throw fail('stratify: got it with shuffle: false, expected one of the two: the classes of a series are where they are.');
  if (stratify && groups !== undefined) throw fail('stratify: got it with groups, expected one of the two.');
  const order = (count: number): Int32Array => (shuffle ? splitOrder(count, seed) : ascending(count));
  const isFirst = new Uint8Array(size);
  if (groups !== undefined) {
    const numbers = groupNumbers(groups, size);
    const count = numbers.reduce((most, number) => Math.max(most, number + 1), 0);
    const inFirst = new Uint8Array(count);
    for (const group of order(count).subarray(0, share(fraction, count, 'groups'))) inFirst[group] = 1;
    numbers.forEach((number, i) => (isFirst[i] = inFirst[number]!));
  } else if (stratify) {
    const left = quotas(labels, share(fraction, size, 'examples') / size, size);
    for (const i of order(size)) {
      const open = left.get(labels![i]!)!;
      isFirst[i] = Number(open > 0);
      left.set(labels![i]!, open - 1);
    }
  } else {
    for (const i of order(size).subarray(0, share(fraction, size, 'examples'))) isFirst[i] = 1;
  }
  const all = ascending(size);
  return [all.filter((i) => isFirst[i] === 1), all.filter((i) => isFirst[i] === 0)];
}

function fail(what: string): ArgumentError {
  return new ArgumentError(`[split] ${what}`, { op: 'split' });
}

/** Returns how many of `count` make the first part. */
function share(fraction: number, count: number, what: string): number {
  const first = typeof fraction === 'number' ? Math.round(fraction * count) : NaN;
  if (first > 0 && first < count) return first;
  throw fail(`fraction: got ${describeValue(fraction)} of ${count} ${what}, expected one that leaves at least one ${what.slice(0, -1)} on each side.`);
}

/** The number of each example's group, by first occurrence. */
function groupNumbers(groups: ArrayLike<string | number>, size: number): Int32Array {
  if (!Array.isArray(groups) && !ArrayBuffer.isView(groups)) throw fail(`groups: got ${describeValue(groups)}, expected an array with one key an example.`);
  if (groups.length !== size) throw fail(`groups: got ${groups.length} keys, expected ${size}, one an example.`);
  const known = new Map<string | number, number>();
  const numbers = new Int32Array(size);
  for (let i = 0; i < size; i++) {
    const key = groups[i]!;
    if (typeof key !== 'string' && !(typeof key === 'number' && !Number.isNaN(key))) throw fail(`groups[${i}]: got ${describeValue(key)}, expected a string or a number.`);
    if (!known.has(key)) known.set(key, known.size);
    numbers[i] = known.get(key)!;
  }
  return numbers;
}

/** Returns how many examples of each class the first part gets: the largest remainders make the whole full, of equal ones the first class. */
function quotas(labels: Int32Array | undefined, fraction: number, size: number): Map<number, number> {
  if (labels === undefined) throw fail('stratify: got float targets, expected class indices. Leave it out, or split by groups.');
  const counts = labelCounts(labels);
  for (const [label, count] of counts) if (count < 2) throw fail(`stratify: class ${label} has one example, expected at least 2, for two parts. Drop it, or leave stratify out.`);
  const exact = [...counts].toSorted(([a], [b]) => a - b).map(([label, count]) => ({ label, whole: Math.floor(fraction * count + 1e-9), rest: fraction * count - Math.floor(fraction * count + 1e-9) }));
  let missing = Math.round(fraction * size) - exact.reduce((sum, { whole }) => sum + whole, 0);
  const quota = new Map(exact.map(({ label, whole }) => [label, whole]));
  for (const { label, whole } of exact.toSorted((a, b) => b.rest - a.rest)) if (missing-- > 0) quota.set(label, whole + 1);
  return quota;
}
