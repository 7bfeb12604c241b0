import { describe, expect, it } from 'vitest';
import { type Dataset, fromArrays, loader } from '../../src/data/index.js';
import { murmurHash } from '../../src/murmur-hash.js';
import '../../src/runtime/index.js';

/** Examples whose input is their number. */
const numbered = (labels: readonly number[]): Dataset<number[], [], 'int32'> => fromArrays({ x: labels.map((_, i) => [i]), y: labels });
const hundred = numbered(Array.from({ length: 100 }, (_, i) => (i % 10 === 0 ? 2 : i % 2)));

/** The numbers of a dataset's examples. */
const rowsOf = (set: Dataset<number[], [], 'int32'>): number[] => [...loader(set).order(0)];

describe('split', () => {
  it('draws by its seed, by default', () => {
    const [first, second] = hundred.split(0.3, { seed: 4 });
    expect(rowsOf(first)).toHaveLength(30);
    expect(rowsOf(first)).toEqual(rowsOf(hundred.split(0.3, { seed: 4, shuffle: true })[0]));
    expect(rowsOf(first)).not.toEqual(rowsOf(hundred.split(0.3, { seed: 5 })[0]));
    expect([...rowsOf(first), ...rowsOf(second)].toSorted((a, b) => a - b)).toEqual(rowsOf(hundred));
    expect(rowsOf(first)).toEqual(rowsOf(first).toSorted((a, b) => a - b));
  });

  it('cuts a series in two: nothing of the second part comes before the end of the first', () => {
    const [past, future] = hundred.split(0.8, { shuffle: false });
    expect(rowsOf(past)).toEqual(Array.from({ length: 80 }, (_, i) => i));
    expect(rowsOf(future)).toEqual(Array.from({ length: 20 }, (_, i) => 80 + i));
    const reversed = hundred.subset(rowsOf(hundred).toReversed());
    expect(rowsOf(reversed.split(0.1, { shuffle: false })[0])).toEqual([99, 98, 97, 96, 95, 94, 93, 92, 91, 90]);
  });

  it.each([[{}], [{ seed: 3 }], [{ shuffle: false }]])('has no group on both sides: %o', (options) => {
    const groups = Array.from({ length: 100 }, (_, i) => `patient ${i % 7}`);
    const [first, second] = hundred.split(3 / 7, { groups, ...options });
    const of = (set: typeof first): Set<string> => new Set(rowsOf(set).map((row) => groups[row]!));
    expect(of(first).size).toBe(3);
    expect(of(second).size).toBe(4);
    expect([...of(first)].filter((group) => of(second).has(group))).toEqual([]);
    expect(first.size + second.size).toBe(100);
    if ('shuffle' in options) expect([...of(first)]).toEqual(['patient 0', 'patient 1', 'patient 2']);
    expect(rowsOf(hundred.split(3 / 7, { groups: Int32Array.from({ length: 100 }, (_, i) => i % 7), ...options })[0])).toEqual(rowsOf(first));
  });

  it('keeps the share of every class', () => {
    for (const [fraction, seed] of [[0.5, 0], [0.2, 1], [0.9, 2], [0.33, 3]] as const) {
      const [first, second] = hundred.split(fraction, { stratify: true, seed });
      expect(first.size).toBe(Math.round(fraction * 100));
      for (const [label, count] of hundred.labelCounts$()!) {
        const got = first.labelCounts$()!.get(label)!;
        expect(Math.abs(got - count * fraction)).toBeLessThan(1);
        expect(second.labelCounts$()!.get(label)).toBe(count - got);
      }
    }
    expect(rowsOf(hundred.split(0.5, { stratify: true, seed: 0 })[0])).not.toEqual(rowsOf(hundred.split(0.5, { stratify: true, seed: 1 })[0]));
  });

  it('in order of time takes the earliest, whatever the order of the rows, and keeps one time together', () => {
    const days = [5, 1, 4, 2, 2, 3, 2, 9, 0, 7];
    const ten = numbered(days.map(() => 0));
    for (const time of [days, Float64Array.from(days), days.map((day) => new Date(day))]) {
      const [past, future] = ten.split(0.5, { time });
      expect(rowsOf(past)).toEqual([1, 3, 4, 6, 8]);
      expect(rowsOf(future)).toEqual([0, 2, 5, 7, 9]);
    }
    const [past, future] = ten.split(0.4, { time: days });
    expect(rowsOf(past)).toEqual([1, 8]);
    expect(rowsOf(future)).toEqual([0, 2, 3, 4, 5, 6, 7, 9]);
    expect(rowsOf(ten.split(0.5, { time: days, seed: 9 })[0])).toEqual([1, 3, 4, 6, 8]);
  });

  it('leaves a gap between the parts of a series', () => {
    const [past, future] = hundred.split(0.8, { shuffle: false, gap: 10 });
    expect(rowsOf(past)).toEqual(Array.from({ length: 70 }, (_, i) => i));
    expect(rowsOf(future)).toEqual(Array.from({ length: 20 }, (_, i) => 80 + i));
    const [early] = hundred.split(0.5, { time: Array.from({ length: 100 }, (_, i) => -i), gap: 49 });
    expect(rowsOf(early)).toEqual([99]);
  });

  it('by hash leaves an example where it is when others come or go', () => {
    const keys = Array.from({ length: 1000 }, (_, i) => `user ${i % 300}`);
    const thousand = numbered(keys.map(() => 0));
    const [first, second] = thousand.split(0.7, { hash: keys });
    expect(first.size).toBeGreaterThan(600);
    expect(first.size).toBeLessThan(800);
    expect(rowsOf(first)).toEqual(rowsOf(thousand).filter((row) => murmurHash(`0 ${keys[row]}`) / 2 ** 32 < 0.7));
    const of = (part: typeof first, names: readonly string[]): Set<string> => new Set(rowsOf(part).map((row) => names[row]!));
    expect([...of(first, keys)].filter((key) => of(second, keys).has(key))).toEqual([]);
    const fewer = keys.filter((_, i) => i % 3 !== 0).toReversed();
    const [again] = numbered(fewer.map(() => 0)).split(0.7, { hash: fewer });
    expect([...of(again, fewer)].filter((key) => !of(first, keys).has(key))).toEqual([]);
    expect(rowsOf(thousand.split(0.7, { hash: keys, seed: 1 })[0])).not.toEqual(rowsOf(first));
  });

  it.each([
    [{ time: [1, 2] }, '[split] time: got 2 times, expected 100, one an example.'],
    [{ time: Array.from({ length: 100 }, () => 'x') as never }, "[split] time[0]: got 'x', expected a Date or a number."],
    [{ time: new Float64Array(100) }, '[split] time: got 100 examples whose times leave none before the second part, expected some: too many have the earliest time. Give a larger fraction.'],
    [{ hash: Array.from({ length: 100 }, () => 'one') }, '[split] hash: got 100 examples that are all in the'],
    [{ hash: ['a'] }, '[split] hash: got 1 keys, expected 100, one an example.'],
    [{ hash: ['a'], stratify: true }, '[split] hash: got it with stratify, expected one of the two.'],
    [{ gap: 5 }, '[split] gap: got it without an order, expected it with time, or with shuffle: false.'],
    [{ gap: 50, shuffle: false }, '[split] gap: got 50 of 50 examples before it, expected fewer.'],
    [{ gap: -1, shuffle: false }, '[split] gap: got -1, expected an integer of at least 0.'],
  ])('says what is wrong: %o', (options, message) => {
    expect(() => hundred.split(0.5, options)).toThrow(message);
  });

  it('of a subset takes its classes', () => {
    const tens = hundred.subset(rowsOf(hundred).filter((row) => row % 10 === 0 || row % 10 === 1));
    expect(tens.split(0.5, { stratify: true })[0].labelCounts$()).toEqual(new Map([[1, 5], [2, 5]]));
  });

  const floats = fromArrays({ x: [[0], [1]], y: [[0], [1]], targetShape: [1] });
  it.each<[string, () => unknown, string]>([
    ['stratify of floats', () => floats.split(0.5, { stratify: true }), '[split] stratify: got float targets, expected class indices.'],
    ['a class of one', () => numbered([0, 0, 1]).split(0.5, { stratify: true }), '[split] stratify: class 1 has one example, expected at least 2'],
    ['stratify in order', () => hundred.split(0.5, { stratify: true, shuffle: false }), '[split] stratify: got it with shuffle: false'],
    ['stratify by groups', () => hundred.split(0.5, { stratify: true, groups: new Int32Array(100) }), '[split] stratify: got it with groups'],
    ['one group', () => hundred.split(0.5, { groups: new Int32Array(100) }), '[split] fraction: got 0.5 of 1 groups, expected one that leaves at least one group on each side.'],
    ['too few keys', () => hundred.split(0.5, { groups: [1] }), '[split] groups: got 1 keys, expected 100, one an example.'],
    ['keys that are none', () => hundred.split(0.5, { groups: Array.from({ length: 100 }) as never }), '[split] groups[0]: got undefined, expected a string or a number.'],
    ['no fraction', () => hundred.split('0.5' as never), "[split] fraction: got '0.5' of 100 examples"],
    ['all', () => hundred.split(1), '[split] fraction: got 1 of 100 examples, expected one that leaves at least one example on each side.'],
    ['an unknown option', () => hundred.split(0.5, { stratified: true } as never), 'Did you mean stratify?'],
    ['no truth value', () => hundred.split(0.5, { shuffle: 0 } as never), '[split] shuffle: got 0, expected true or false.'],
  ])('refuses %s', (_, fn, text) => expect(fn).toThrow(text));
});
