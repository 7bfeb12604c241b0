import { describe, expect, it } from 'vitest';
import { data, type Tensor } from 'anneal';

const normalize = { mean: [1, 10, 100], std: [1, 2, 4] };
const rows = [[1, 10, 100], [2, 14, 108]];
const expected = [[0, 0, 0], [1, 2, 2]];
const inputsOf = async (dataset: unknown): Promise<unknown> => ([...data.loader(dataset as data.Dataset, { batchSize: 4 })][0]![0] as Tensor).array();

describe('normalize by column', () => {
  it('takes the last dimension of arrays of every kind', async () => {
    const y = [0, 1];
    for (const x of [rows, rows.map((row) => Float64Array.from(row)), Float64Array.from(rows.flat()), Int16Array.from(rows.flat())]) {
      expect(await inputsOf(data.fromArrays({ x, y, shape: [3], normalize }))).toEqual(expected);
    }
    expect(await inputsOf(data.fromArrays({ x: [[rows[0]!, rows[1]!]], y: [0], normalize }))).toEqual([expected]);
    expect(await inputsOf(data.fromArrays({ x: rows, y, normalize: { mean: normalize.mean, std: 2 } }))).toEqual([[0, 0, 0], [0.5, 2, 4]]);
  });

  it('keeps the digits of a column whose mean is large beside its deviation', async () => {
    const time = 1.7e9;
    expect(await inputsOf(data.fromArrays({ x: [[time + 0.25, 1], [time - 0.25, 2]], y: [0, 1], normalize: { mean: [time, 0], std: [1, 1] } }))).toEqual([[0.25, 1], [-0.25, 2]]);
  });

  it('of bytes is that of bytes scaled to 0..1', async () => {
    const x = Uint8Array.of(0, 51, 255, 255, 102, 0);
    const byColumn = await inputsOf(data.fromArrays({ x, y: [0, 1], shape: [3], normalize: { mean: [0, 0.2, 0.5], std: [1, 0.2, 0.5] } }));
    const close = (values: unknown): number[] => (values as number[][]).flat().map((value) => Number(value.toFixed(5)));
    expect(close(byColumn)).toEqual([0, 0, 1, 1, 1, -1]);
  });

  it('is for streams and sequences, too', async () => {
    const stream = data.fromIterable(() => rows.map((x, y) => ({ x, y })), { shape: [3], normalize });
    for await (const [inputs] of data.loader(stream, { batchSize: 2 })) expect(await inputs.array()).toEqual(expected);
    const sequences = data.padded({ x: [Float32Array.from(rows.flat()), rows], y: [0, 1], shape: [null, 3], normalize });
    const [inputs] = [...data.loader(sequences, { batchSize: 2 })][0]! as unknown as [{ values: Tensor }];
    expect(await inputs.values.array()).toEqual([expected, expected]);
  });

  it.each([
    [{ x: rows, y: [0, 1], normalize: { mean: [1, 2], std: 1 } }, "[data.fromArrays] normalize.mean: got 2 numbers for x of dataset 'data', whose examples have the shape [3], expected one number, or one for each of the 3 columns."],
    [{ x: rows, y: [0, 1], normalize: { mean: 0, std: [1, 2, 0] } }, '[data.fromArrays] normalize.std: got 0, expected a finite number above 0.'],
    [{ x: new Float32Array(8), y: [0], shape: [2, 2, 2], normalize: { mean: [1, 2], std: 1 } }, 'expected one number: columns are those of examples [F] or [T,F].'],
  ])('says what is wrong: %#', (arrays, message) => {
    expect(() => data.fromArrays(arrays as never)).toThrow(message);
  });
});
