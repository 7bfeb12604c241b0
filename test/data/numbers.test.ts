import { describe, expect, it } from 'vitest';
import { fromArrays, fromIterable, loader, type Loader, type Nested, type StreamItem } from '../../src/data/index.js';
import { tensor } from '../../src/ops/index.js';
import '../../src/runtime/index.js';

async function inputsOf(batches: Loader): Promise<number[]> {
  const seen: number[] = [];
  for await (const [inputs] of batches) seen.push(...(await inputs.data()));
  return seen;
}

async function targetsOf(batches: Loader): Promise<number[]> {
  const seen: number[] = [];
  for await (const [, targets] of batches) seen.push(...(await targets.data()));
  return seen;
}

function detached<A extends Float32Array | Int32Array | Uint8Array>(array: A): A {
  structuredClone(array, { transfer: [array.buffer as ArrayBuffer] });
  return array;
}

const y = [0, 0, 0, 0];
/** float32 has 7 digits: an error of two units in the last place at most. */
const DIGITS = 2 * 2 ** -23;

function expectSevenDigits(got: readonly number[], values: ArrayLike<number>, of: (value: number) => number, absolute = 0): void {
  expect(got).toHaveLength(values.length);
  got.forEach((value, i) => {
    const right = of(values[i]!);
    expect(Math.abs(value - right)).toBeLessThanOrEqual(Math.abs(right) * DIGITS + absolute);
  });
}

describe('normalize keeps the digits of float32 for any mean', () => {
  const offsets = [-1.75, -0.3, 0.1, 1.9];

  it.each([0, 1, -1000, 123_456.789, 1.7e9, -1e15])('mean %s, from doubles', async (mean) => {
    const std = Math.max(Math.abs(mean) * 1e-9, 0.25);
    const values = Float64Array.from(offsets, (offset) => mean + offset * std);
    const normalize = { mean, std };
    const of = (value: number): number => (value - mean) / std;
    const rows = [...values].map((value) => [value]);
    for (const x of [values, rows, [...values].map((value) => Float64Array.of(value))]) {
      expectSevenDigits(await inputsOf(loader(fromArrays({ x, y, shape: [1], normalize }))), values, of);
    }
    const items = [...values].map((value, i): StreamItem => ({ x: i % 2 === 0 ? Float64Array.of(value) : [value], y: 0 }));
    expectSevenDigits(await inputsOf(loader(fromIterable(items, { shape: [1], normalize }))), values, of);
  });

  it.each([0.1, 1000.1, 99_999.9])('mean %s, from floats', async (mean) => {
    const values = Float32Array.from(offsets, (offset) => mean + offset * 0.037);
    const normalize = { mean, std: 0.0371 };
    const of = (value: number): number => (value - mean) / 0.0371;
    expectSevenDigits(await inputsOf(loader(fromArrays({ x: values, y, shape: [1], normalize }))), values, of);
    const items = [...values].map((value): StreamItem => ({ x: Float32Array.of(value), y: 0 }));
    expectSevenDigits(await inputsOf(loader(fromIterable(items, { shape: [1], normalize }))), values, of);
  });

  it.each([[0.1307, 0.3081], [0.5, 0.001], [0.987654321, 1e-5], [1 / 3, 1e-6], [400, 0.01]])('mean %s and std %s, from bytes', async (mean, std) => {
    const values = Uint8Array.from({ length: 256 }, (_, i) => i);
    const normalize = { mean, std };
    const of = (value: number): number => (value / 255 - mean) / std;
    // What is left of a mean that is rounded to 48 bits, in units of the result.
    const absolute = (Math.abs(mean) / std) * 2 ** -46;
    expectSevenDigits(await inputsOf(loader(fromArrays({ x: values, y: new Uint8Array(256), shape: [1], normalize }), { batchSize: 256 })), values, of, absolute);
    const items = [{ x: values, y: new Int32Array(256) }];
    expectSevenDigits(await inputsOf(loader(fromIterable(items, { shape: [1], normalize, batches: true }))), values, of, absolute);
  });

  it('and refuses what floats cannot scale bytes by', () => {
    for (const normalize of [{ mean: 1e38, std: 1 }, { mean: 0, std: 1e-44 }, { mean: 0, std: 1e300 }]) {
      expect(() => fromArrays({ x: new Uint8Array(4), y, shape: [1], normalize })).toThrow('[data.fromArrays] normalize of bytes: got mean');
    }
  });
});

describe('inputs, targets and weights', () => {
  const kinds = [Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Uint8Array, Uint8ClampedArray, Uint16Array, Uint32Array];

  it.each(kinds)('come in %o', async (kind) => {
    const x = kind.of(1, 2, 3, 4);
    expect(await inputsOf(loader(fromArrays({ x, y, shape: [1] })))).toEqual([1, 2, 3, 4]);
    expect(await targetsOf(loader(fromArrays({ x, y: x, shape: [1], targetShape: [1] })))).toEqual([1, 2, 3, 4]);
    expect(await targetsOf(loader(fromArrays({ x, y: x as Int32Array, shape: [1], weights: x })))).toEqual([1, 2, 3, 4]);
    const items = [...x].map((value) => ({ x: kind.of(value), y: kind.of(value) }));
    expect(await inputsOf(loader(fromIterable(items, { shape: [1] })))).toEqual([1, 2, 3, 4]);
    expect(await targetsOf(loader(fromIterable(items, { shape: [1], targetShape: [1] })))).toEqual([1, 2, 3, 4]);
    expect(await targetsOf(loader(fromIterable(items, { shape: [1] })))).toEqual([1, 2, 3, 4]);
  });

  it('come in rows that are typed arrays', async () => {
    const x = [Float32Array.of(1, 2), Float32Array.of(3, 4)];
    const set = fromArrays({ x, y: [0, 1] });
    expect(set.shape).toEqual([2]);
    expect(await inputsOf(loader(set, { batchSize: 2 }))).toEqual([1, 2, 3, 4]);
    expect(fromArrays({ x: [x, x, x], y: [0, 1, 0] }).shape).toEqual([2, 2]);
    expect(() => fromArrays({ x: [Float32Array.of(1, 2), Float32Array.of(3)], y: [0, 1] })).toThrow('x of dataset \'data\'[1] is not like the rest');
    expect(() => fromArrays({ x: [Float32Array.of(1, 2), detached(Float32Array.of(1, 2))], y: [0, 1] })).toThrow('[data.fromArrays]');

    const rows = tensor([Float32Array.of(1, 2), Float32Array.of(3, 4), Float32Array.of(5, 6)]);
    expect(rows).toMatchObject({ shape: [3, 2], dtype: 'float32' });
    expect([...(await rows.data())]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(tensor([Int32Array.of(1, 2)])).toMatchObject({ shape: [1, 2], dtype: 'int32' });
    expect(() => tensor([Float32Array.of(1, 2), Int32Array.of(1, 2)] as never)).toThrow('[tensor]');
  });

  it('are refused where their memory is gone', () => {
    const message = 'got a detached array, whose memory was transferred elsewhere';
    const x = Float32Array.of(1, 2, 3, 4);
    expect(() => fromArrays({ x: detached(Float32Array.of(1)), y, shape: [1] })).toThrow(`[data.fromArrays] x of dataset 'data': ${message}`);
    expect(() => fromArrays({ x: detached(Uint8Array.of(1)), y, shape: [1] })).toThrow(message);
    expect(() => fromArrays({ x, y: detached(Int32Array.of(1)), shape: [1] })).toThrow(`y of dataset 'data': ${message}`);
    expect(() => fromArrays({ x, y: detached(Float32Array.of(1)), shape: [1], targetShape: [1] })).toThrow(message);
    expect(() => fromArrays({ x, y, shape: [1], weights: detached(Float32Array.of(1)) })).toThrow(`weights of dataset 'data': ${message}`);
    expect(() => tensor(detached(Float32Array.of(1)))).toThrow(`[tensor] values: ${message}`);
    expect(() => tensor(detached(Uint8Array.of(1)))).toThrow(message);
  });

  it('are refused where they hold themselves, or are nested without end', () => {
    const ring: unknown[] = [];
    ring.push(ring);
    const x = ring as unknown as Nested;
    expect(() => fromArrays({ x, y })).toThrow("[data.fromArrays] x of dataset 'data': got arrays nested more than 8 deep, or one that holds itself");
    expect(() => fromArrays({ x: [[1]], y: x, targetShape: [1] })).toThrow('or one that holds itself');
    expect(() => tensor(ring as never)).toThrow('[tensor] too many dimensions');
    const second: unknown[] = [1];
    second.push(second);
    expect(() => tensor(second as never)).toThrow('[tensor]');
    expect(() => fromArrays({ x: second as unknown as Nested, y: [0, 1], shape: [1] })).toThrow('[data.fromArrays]');
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i++) deep = [deep];
    expect(() => tensor(deep as never)).toThrow('[tensor] too many dimensions');
    expect(() => fromArrays({ x: deep as Nested, y })).toThrow('[data.fromArrays]');
  });

  it('are refused where they are longer than memory, without filling it', () => {
    const sparse = Array.from({ length: 0 }) as number[];
    sparse.length = 2 ** 32 - 1;
    expect(() => fromArrays({ x: sparse, y, shape: [1] })).toThrow('[data.fromArrays]');
    expect(() => fromArrays({ x: [1, 2, 3, 4], y: sparse, shape: [1] })).toThrow('[data.fromArrays]');
    expect(() => fromArrays({ x: [1, 2, 3, 4], y, shape: [1], weights: sparse })).toThrow('[data.fromArrays]');
    expect(() => tensor(sparse)).toThrow('[tensor]');
    const row = new Float32Array(1 << 20);
    expect(() => fromArrays({ x: Array.from({ length: 1 << 20 }, () => row), y })).toThrow(expect.objectContaining({ code: 'ANNEAL_OUT_OF_MEMORY' }));
  });
});

describe('labels', () => {
  const x = [[1], [2], [3]];

  it('from 1 are explained', () => {
    expect(() => fromArrays({ x, y: [1, 3, 2], classes: 3 })).toThrow('the label is 3, expected a class in [0, 3). Classes count from 0: subtract 1 from every label.');
    expect(() => fromArrays({ x, y: [0, 3, 2], classes: 3 })).toThrow('expected a class in [0, 3). Correct the label, or classes.');
  });

  it('in one-hot rows are explained', () => {
    const advice = 'Of one-hot rows pass the index of each 1, as in y: rows.map((row) => row.indexOf(1)); or, as float targets, { targetShape: [3] }.';
    expect(() => fromArrays({ x, y: [[0, 1, 0], [1, 0, 0], [0, 0, 1]] as never })).toThrow(`example 0: the label is an array, expected an integer class index. ${advice}`);
    expect(() => fromArrays({ x, y: [Float32Array.of(0, 1, 0)] as never })).toThrow(advice);
    expect(() => fromArrays({ x, y: Uint8Array.of(0, 1, 0, 1, 0, 0, 0, 0, 1) })).toThrow(`has 3 examples in x, but 9 in y, expected as many. ${advice}`);
    expect(() => fromArrays({ x, y: [[0.5, 0.5], [1, 0], [0, 1]] as never })).toThrow('For float targets give targetShape, as in { targetShape: [1] }.');
  });
});
