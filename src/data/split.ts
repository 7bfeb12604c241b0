import { ArgumentError } from '../errors.js';
import { checkFlags, checkOptions } from '../options.js';
import { describeValue } from '../describe-value.js';
import { murmurHash } from '../murmur-hash.js';
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
  /** One time an example, a Date or a number: the earliest ones are the first part, whatever their order. Those of one time stay together. */
  readonly time?: ArrayLike<number | Date> | undefined;
  /**
   * One key an example: a hash of the key and the seed says in which part it is, so that it stays there when others come or go. The fraction is then met nearly, by chance; examples of
   * one key stay together.
   */
  readonly hash?: ArrayLike<string | number> | undefined;
  /** Of a series (`time`, or `shuffle: false`): examples left out between the two parts, as those whose windows would reach into both. Default 0. */
  readonly gap?: number | undefined;
}

export const SPLIT_OPTIONS = ['seed', 'shuffle', 'groups', 'stratify', 'time', 'hash', 'gap'] as const;

/** Ways to choose, of which there is one at a time. */
const WAYS = ['groups', 'stratify', 'time', 'hash'] as const;

/** Returns whether the second part comes behind the first one, as of a series. */
export function isInOrder({ shuffle, time }: Pick<SplitOptions, 'shuffle' | 'time'>): boolean {
  return shuffle === false || time !== undefined;
}

/** The positions of two parts, each ascending. `labels` are the examples' classes, where they have some. */
export function splitPositions(size: number, fraction: number, options: SplitOptions, labels: Int32Array | undefined): [Int32Array, Int32Array] {
  checkOptions('split', options, SPLIT_OPTIONS);
  const { seed = 0, shuffle = true, groups, stratify = false, time, hash, gap = 0 } = options;
  checkSeed('split', seed);
  checkFlags('split', options, ['shuffle', 'stratify']);
  if (stratify && !shuffle) throw fail('stratify: got it with shuffle: false, expected one of the two: the classes of a series are where they are.');
  const ways = WAYS.filter((way) => options[way] !== undefined && options[way] !== false);
  if (ways.length > 1) throw fail(`${ways[1]}: got it with ${ways[0]}, expected one of the two.`);
  if (!(Number.isSafeInteger(gap) && gap >= 0)) throw fail(`gap: got ${describeValue(gap)}, expected an integer of at least 0.`);
  if (gap > 0 && !isInOrder(options)) throw fail('gap: got it without an order, expected it with time, or with shuffle: false.');
  const order = (count: number): Int32Array => (shuffle ? splitOrder(count, seed) : ascending(count));
  if (time !== undefined) return byTime(timesOf(time, size), fraction, gap);
  if (hash !== undefined) return parts(byHash(hash, size, fraction, seed));
  if (groups !== undefined) return parts(byGroups(groups, size, fraction, order));
  if (stratify) return parts(byClass(labels, size, fraction, order));
  const first = share(fraction, size, 'examples');
  if (!shuffle) return withGap(ascending(size), first, gap);
  const isFirst = new Uint8Array(size);
  for (const i of order(size).subarray(0, first)) isFirst[i] = 1;
  return parts(isFirst);
}

/** Positions of those that are first, and of the others. */
function parts(isFirst: Uint8Array): [Int32Array, Int32Array] {
  const all = ascending(isFirst.length);
  return [all.filter((i) => isFirst[i] === 1), all.filter((i) => isFirst[i] === 0)];
}

type Order = (count: number) => Int32Array;

function byGroups(groups: ArrayLike<string | number>, size: number, fraction: number, order: Order): Uint8Array {
  const numbers = groupNumbers(groups, size);
  const count = numbers.reduce((most, number) => Math.max(most, number + 1), 0);
  const inFirst = new Uint8Array(count);
  for (const group of order(count).subarray(0, share(fraction, count, 'groups'))) inFirst[group] = 1;
  return Uint8Array.from(numbers, (number) => inFirst[number]!);
}

function byClass(labels: Int32Array | undefined, size: number, fraction: number, order: Order): Uint8Array {
  const left = quotas(labels, share(fraction, size, 'examples') / size, size);
  const isFirst = new Uint8Array(size);
  for (const i of order(size)) {
    const open = left.get(labels![i]!)!;
    isFirst[i] = Number(open > 0);
    left.set(labels![i]!, open - 1);
  }
  return isFirst;
}

/** By a hash of each key in [0, 1). */
function byHash(keys: ArrayLike<string | number>, size: number, fraction: number, seed: number): Uint8Array {
  share(fraction, size, 'examples');
  const isFirst = Uint8Array.from(checkedKeys('hash', keys, size), (key) => Number(murmurHash(`${seed} ${key}`) / 2 ** 32 < fraction));
  const first = isFirst.reduce((sum, one) => sum + one, 0);
  if (first === 0 || first === size) throw fail(`hash: got ${size} examples that are all in ${first === 0 ? 'the second' : 'the first'} part by their keys, expected at least one on each side. Take keys that differ more, or another seed.`);
  return isFirst;
}

function byTime(times: Float64Array, fraction: number, gap: number): [Int32Array, Int32Array] {
  const order = ascending(times.length).sort((a, b) => times[a]! - times[b]! || a - b);
  const cut = times[order[share(fraction, times.length, 'examples')]!]!;
  const first = order.findIndex((i) => times[i] === cut);
  if (first === 0) throw fail(`time: got ${times.length} examples whose times leave none before the second part, expected some: too many have the earliest time. Give a larger fraction.`);
  return withGap(order, first, gap);
}

/** The first of an order, without the last `gap` of them, and the rest. */
function withGap(order: Int32Array, first: number, gap: number): [Int32Array, Int32Array] {
  if (gap >= first) throw fail(`gap: got ${gap} of ${first} examples before it, expected fewer.`);
  return [order.slice(0, first - gap).sort(), order.slice(first).sort()];
}

function timesOf(time: ArrayLike<number | Date>, size: number): Float64Array {
  if (!Array.isArray(time) && !ArrayBuffer.isView(time)) throw fail(`time: got ${describeValue(time)}, expected an array with one time an example.`);
  if (time.length !== size) throw fail(`time: got ${time.length} times, expected ${size}, one an example.`);
  return Float64Array.from(time as ArrayLike<number | Date>, (one, i) => {
    const value = one instanceof Date ? one.getTime() : one;
    if (typeof value === 'number' && !Number.isNaN(value)) return value;
    throw fail(`time[${i}]: got ${describeValue(one)}, expected a Date or a number.`);
  });
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
  const known = new Map<string | number, number>();
  return Int32Array.from(checkedKeys('groups', groups, size), (key) => {
    if (!known.has(key)) known.set(key, known.size);
    return known.get(key)!;
  });
}

function checkedKeys(option: string, keys: ArrayLike<string | number>, size: number): (string | number)[] {
  if (!Array.isArray(keys) && !ArrayBuffer.isView(keys)) throw fail(`${option}: got ${describeValue(keys)}, expected an array with one key an example.`);
  if (keys.length !== size) throw fail(`${option}: got ${keys.length} keys, expected ${size}, one an example.`);
  return Array.from(keys as ArrayLike<string | number>, (key, i) => {
    if (typeof key === 'string' || (typeof key === 'number' && !Number.isNaN(key))) return key;
    throw fail(`${option}[${i}]: got ${describeValue(key)}, expected a string or a number.`);
  });
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
