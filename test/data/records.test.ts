import { describe, expect, it } from 'vitest';
import { data, type Tensor } from 'anneal';

const tokens = Int32Array.from({ length: 10 }, (_, i) => i);
const lengths = Int32Array.of(2, 1, 2, 1, 2);
const y = Int32Array.of(0, 1, 0, 1, 1);
const shape = { tokens: [2], lengths: [] } as const;
const texts = () => data.fromArrays({ x: { tokens, lengths }, y, shape, name: 'texts' });

const valuesOf = async (tensor: Tensor): Promise<number[]> => [...(await tensor.data())];

describe('a dataset over a record of arrays', () => {
  it('describes each of them', () => {
    expect(texts()).toMatchObject({ size: 5, shape: { tokens: [2], lengths: [] }, dtype: { tokens: 'int32', lengths: 'int32' }, targetShape: [], targetDtype: 'int32' });
  });

  it('gives batches that are records of tensors, whose rows belong together', async () => {
    const seen: number[] = [];
    for (const [{ tokens: t, lengths: l }, labels] of data.loader(texts(), { batchSize: 2, shuffle: true, seed: 3 })) {
      const [B] = l.shape;
      expect(t.shape).toEqual([B, 2]);
      expect([t.dtype, l.dtype, labels.dtype]).toEqual(['int32', 'int32', 'int32']);
      const rows = (await valuesOf(t)).filter((_, i) => i % 2 === 0).map((token) => token / 2);
      expect(await valuesOf(l)).toEqual(rows.map((row) => lengths[row]));
      expect(await valuesOf(labels)).toEqual(rows.map((row) => y[row]));
      seen.push(...rows);
    }
    expect(seen.toSorted((left, right) => left - right)).toEqual([0, 1, 2, 3, 4]);
  });

  it('has dropLast, subsets, splits and weights as any other', async () => {
    const weighted = data.fromArrays({ x: { tokens, lengths }, y, shape, weights: [1, 2, 3, 4, 5] });
    const batches = [...data.loader(weighted.subset([4, 0, 2]), { batchSize: 2, dropLast: true })];
    expect(batches).toHaveLength(1);
    expect(await valuesOf(batches[0]![0].tokens)).toEqual([8, 9, 0, 1]);
    expect(await valuesOf(batches[0]!.weights!)).toEqual([5, 1]);
    expect(weighted.split(0.6, { stratify: true }).map(({ size }) => size)).toEqual([3, 2]);
  });

  it('normalises floats and bytes by field, and leaves the rest', async () => {
    const mixed = data.fromArrays({
      x: { image: Uint8Array.of(0, 255), height: [[1.5], [2.5]], id: Int32Array.of(7, 8) },
      y: [0, 1],
      shape: { image: [1], height: [1], id: [] },
      normalize: { image: { mean: 0, std: 1 }, height: { mean: 2, std: 0.5 } },
    });
    const [{ image, height, id }] = [...data.loader(mixed, { batchSize: 2 })][0]!;
    expect(await valuesOf(image)).toEqual([0, 1]);
    expect(await valuesOf(height)).toEqual([-1, 1]);
    expect([id.dtype, await valuesOf(id)]).toEqual(['int32', [7, 8]]);
  });

  it('may have several targets', async () => {
    const dataset = data.fromArrays({ x: [[1], [2]], y: { kind: Int32Array.of(1, 0), price: [3, 4] }, targetShape: { kind: [], price: [1] } });
    const [, targets] = [...data.loader(dataset, { batchSize: 2 })][0]!;
    expect([targets.kind.dtype, targets.price.dtype, targets.price.shape]).toEqual(['int32', 'float32', [2, 1]]);
    expect(await valuesOf(targets.price)).toEqual([3, 4]);
    expect(dataset.targetDtype).toEqual({ kind: 'int32', price: 'float32' });
  });
});

describe('int32 inputs', () => {
  it('come from an Int32Array, or by dtype', async () => {
    const of = (arrays: object): Tensor => [...data.loader(data.fromArrays(arrays as never))][0]![0] as Tensor;
    expect(of({ x: Int32Array.of(2 ** 24 + 1), y: [0], shape: [1] }).dtype).toBe('int32');
    expect(await valuesOf(of({ x: Int32Array.of(2 ** 24 + 1), y: [0], shape: [1] }))).toEqual([2 ** 24 + 1]);
    expect(await valuesOf(of({ x: [2 ** 24 + 1], y: [0], shape: [1], dtype: 'int32' }))).toEqual([2 ** 24 + 1]);
    expect(of({ x: [[1, 2]], y: [0], dtype: 'int32' }).dtype).toBe('int32');
    expect(of({ x: Uint8Array.of(65), y: [0], shape: [1], dtype: 'int32' }).dtype).toBe('int32');
    expect(of({ x: Int32Array.of(1), y: [0], shape: [1], dtype: 'float32' }).dtype).toBe('float32');
  });
});

describe('records that do not fit', () => {
  const bad: [string, object, string][] = [
    ['an unknown field of shape', { shape: { tokens: [2], lenghts: [] } }, '[data.fromArrays] shape: got the field lenghts, expected one of those of x: tokens, lengths. Did you mean lengths? Leave it out, or give x an array of that name.'],
    ['a shape missing', { shape: { tokens: [2] } }, "[data.fromArrays] x.lengths of dataset 'texts' is flat: got no shape.lengths, expected the shape of one example. Give shape.lengths, as in { shape: { lengths: [784] } }."],
    ['one shape for all', { shape: [2] }, '[data.fromArrays] shape: got [2], expected a record with the fields of x: tokens, lengths. Name the field, as in { shape: { tokens: [64] } }.'],
    ['different counts', { x: { tokens, lengths: lengths.slice(1) } }, "[data.fromArrays] dataset 'texts' has 5 examples in x.tokens, but 4 in x.lengths, expected as many. Example 4 has no partner; check shape and the arrays."],
    ['fewer labels', { y: [0] }, "[data.fromArrays] dataset 'texts' has 5 examples in x.tokens, but 1 in y, expected as many. Example 1 has no partner; check shape and the arrays."],
    ['no field', { x: {}, shape: {} }, '[data.fromArrays] x: got a record without fields, expected at least one array, as in { tokens: new Int32Array(64) }.'],
    ['no array in a field', { x: { tokens, lengths: 'two' } }, "[data.fromArrays] x.lengths of dataset 'texts': got 'two', expected a typed array of numbers or arrays of numbers. Convert it, as in Float32Array.from(x.lengths, Number)."],
    ['an array beside a record of shapes', { x: tokens }, '[data.fromArrays] x: got an Int32Array, expected a record of arrays with the fields of shape: tokens, lengths. Make it one, or shape a shape.'],
    ['an unknown dtype', { dtype: { tokens: 'int64' } }, "[data.fromArrays] dtype.tokens: got 'int64', expected 'int32' or 'float32'. Bytes stay bytes in memory with 'float32'."],
    ['a dtype for all', { dtype: 'int32' }, "[data.fromArrays] dtype: got 'int32', expected a record with the fields of x: tokens, lengths. Name the field, as in { dtype: { tokens: 'int32' } }."],
    ['a dtype that the values have not', { x: { tokens: new Float32Array(10).fill(0.5), lengths }, dtype: { tokens: 'int32' } }, "[data.fromArrays] x.tokens of dataset 'texts', element 0: got 0.5, expected an integer of 32 bits. Correct it, or give { dtype: 'float32' }."],
    ['integers to normalise', { normalize: { tokens: { mean: 0, std: 1 } } }, "[data.fromArrays] normalize: got it for x.tokens, which is int32, expected floats. Leave it out, or give { dtype: 'float32' }."],
    ['NaN in a field', { x: { tokens: new Float32Array(10).fill(NaN), lengths }, check: 'finite' }, "[data.fromArrays] dataset 'texts', example 0: element 0 of x.tokens is NaN, expected a finite number. Repair or drop the example."],
    ['classes of several targets', { y: { a: y }, targetShape: { a: [] }, classes: 2 }, '[data.fromArrays] classes: got it with a record of targets, expected one array of class indices. Leave it out.'],
    ['targetDtype of one array', { targetDtype: 'int32' }, '[data.fromArrays] targetDtype: got it with one array of targets, expected a record of them. Leave it out: targets are int32 without targetShape, float32 with it.'],
  ];
  it.each(bad)('%s', (_, given, message) => {
    expect(() => data.fromArrays({ x: { tokens, lengths }, y, shape, name: 'texts', ...given } as never)).toThrow(expect.objectContaining({ message }));
  });
});
