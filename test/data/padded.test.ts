import { describe, expect, it } from 'vitest';
import { data, type Tensor } from 'anneal';

const sequences = [[5, 2, 9], [7], [1, 4], [], [3, 3, 3, 3, 3]];
const y = [0, 1, 1, 0, 1];

/** Shape and elements of each tensor of a record. */
const shown = (record: { readonly [field: string]: Tensor }): object =>
  Object.fromEntries(Object.entries(record).map(([field, tensor]) => [field, [tensor.dtype, tensor.shape, [...tensor.data$!]]]));
const batchesOf = (dataset: unknown, options: data.LoaderOptions = {}) => [...data.loader(dataset as data.Dataset<{ values: [number]; lengths: [] }, [], 'int32'>, options)];
const lengthsOf = async (dataset: unknown, options: data.LoaderOptions) => Promise.all(batchesOf(dataset, options).map(async ([{ lengths }]) => [...(await lengths.data())]));

describe('padded sequences', () => {
  it('have the length of the longest of the batch, and lengths beside them', () => {
    const dataset = data.padded({ x: sequences, y, dtype: 'int32' });
    expect([dataset.size, dataset.shape, dataset.dtype]).toEqual([5, { values: [5], lengths: [] }, { values: 'int32', lengths: 'int32' }]);
    const seen = batchesOf(dataset, { batchSize: 2 });
    expect(seen.map(([inputs]) => shown(inputs))).toEqual([
      { values: ['int32', [2, 3], [5, 2, 9, 7, 0, 0]], lengths: ['int32', [2], [3, 1]] },
      { values: ['int32', [2, 2], [1, 4, 0, 0]], lengths: ['int32', [2], [2, 0]] },
      { values: ['int32', [1, 5], [3, 3, 3, 3, 3]], lengths: ['int32', [1], [5]] },
    ]);
  });

  it('may be typed arrays, have elements of a shape, and another padding', () => {
    const typed = data.padded({ x: sequences.map((one) => Int32Array.from(one)), y, padding: -1 });
    expect(shown(batchesOf(typed, { batchSize: 5 })[0]![0])['values' as never]).toEqual(['int32', [5, 5], [5, 2, 9, -1, -1, 7, -1, -1, -1, -1, 1, 4, -1, -1, -1, -1, -1, -1, -1, -1, 3, 3, 3, 3, 3]]);
    for (const x of [[[[1, 2], [3, 4]], [[5, 6]]], [Float32Array.of(1, 2, 3, 4), [5, 6]]]) {
      const frames = data.padded({ x, y: [0, 1], shape: [null, 2] });
      expect(shown(batchesOf(frames, { batchSize: 2 })[0]![0])).toEqual({ values: ['float32', [2, 2, 2], [1, 2, 3, 4, 5, 6, 0, 0]], lengths: ['int32', [2], [2, 1]] });
    }
    expect(data.padded({ x: [[], [[1, 2]]] as never, y: [0, 1] }).shape).toEqual({ values: [1, 2], lengths: [] });
    expect(shown(batchesOf(data.padded({ x: [[], []], y: [0, 1] }), { batchSize: 2 })[0]![0])).toEqual({ values: ['float32', [2, 1], [0, 0]], lengths: ['int32', [2], [0, 0]] });
  });

  it('are normalised in double before they are rounded, bytes by 255, and padded behind that', async () => {
    const values = (x: data.SequenceValues): unknown => [...batchesOf(data.padded({ x, y: [0, 1], normalize: { mean: 2 ** 30, std: 0.5 } }), { batchSize: 2 })[0]![0].values.data$!];
    const large = [[2 ** 30 + 1.5, 2 ** 30], [2 ** 30 - 0.25]];
    for (const x of [large, large.map((one) => Float64Array.from(one))]) expect(values(x)).toEqual([3, 0, -0.5, 0]);
    const frames = data.padded({ x: large.map((one) => one.map((value) => [value])), y: [0, 1], normalize: { mean: 2 ** 30, std: 0.5 } });
    expect([...batchesOf(frames, { batchSize: 2 })[0]![0].values.data$!]).toEqual([3, 0, -0.5, 0]);
    const bytes = data.padded({ x: { pixels: [Uint8Array.of(255, 0), Uint8Array.of(51)], age: [3, 5] }, shape: { pixels: [null], age: [] }, y: [0, 1], normalize: { pixels: { mean: 0.5, std: 0.5 }, age: { mean: 4, std: 2 } }, padding: 9 });
    const [inputs] = [...data.loader(bytes, { batchSize: 2 })][0]!;
    expect(Array.from(inputs.pixels.data$!, (value) => Math.fround(value))).toEqual([1, -1, Math.fround(-0.6), 9]);
    expect([...(await inputs.age.data())]).toEqual([-0.5, 0.5]);
  });

  it('cannot be normalised as indices, nor by a deviation of 0', () => {
    expect(() => data.padded({ x: [Int32Array.of(1)], y: [0], normalize: { mean: 0, std: 1 } })).toThrow('[data.padded] normalize: got it for x, which is int32, expected floats.');
    expect(() => data.padded({ x: [[1]], y: [0], normalize: { mean: 0, std: 0 } })).toThrow('[data.padded] normalize.std: got 0');
    expect(() => data.padded({ x: { a: [[1]] }, y: [0], shape: { a: [null] }, normalize: { b: { mean: 0, std: 1 } } as never })).toThrow('normalize: got the field b');
  });

  it('are copied', () => {
    const x = [Int32Array.of(1, 2)];
    const dataset = data.padded({ x, y: [0] });
    x[0]!.fill(9);
    expect([...batchesOf(dataset)[0]![0].values.data$!]).toEqual([1, 2]);
  });

  it('go by name, beside arrays of one shape', async () => {
    const dataset = data.padded({ x: { tokens: sequences, age: [1, 2, 3, 4, 5] }, y, shape: { tokens: [null], age: [] }, dtype: { tokens: 'int32' }, weights: [1, 2, 3, 4, 5] });
    expect(dataset.shape).toEqual({ tokens: [5], age: [], lengths: [] });
    const [inputs, , ] = [...data.loader(dataset, { batchSize: 2 })][1]!;
    expect([inputs.tokens.shape, [...inputs.lengths.data$!], [...(await inputs.age.data())]]).toEqual([[2, 2], [2, 0], [3, 4]]);
    expect([...(await [...data.loader(dataset, { batchSize: 2 })][1]!.weights!.data())]).toEqual([3, 4]);
    const translated = data.padded({ x: { source: sequences, target: sequences.toReversed() }, y, shape: { source: [null], target: [null] } });
    const [pair] = [...data.loader(translated, { batchSize: 2 })][0]!;
    expect(shown(pair)).toEqual({
      source: ['float32', [2, 3], [5, 2, 9, 7, 0, 0]],
      sourceLengths: ['int32', [2], [3, 1]],
      target: ['float32', [2, 5], [3, 3, 3, 3, 3, 0, 0, 0, 0, 0]],
      targetLengths: ['int32', [2], [5, 0]],
    });
  });

  it('may be targets: a label for each element as one tensor, padded with -100; by name with their lengths', () => {
    const tags = [Int32Array.of(0, 1, 1), Int32Array.of(1)];
    const tagged = data.padded({ x: [[5, 2, 9], [7]], y: tags, targetShape: [null], dtype: 'int32' });
    const [, labels] = [...data.loader(tagged, { batchSize: 2 })][0]!;
    expect([labels.dtype, labels.shape, [...labels.data$!]]).toEqual(['int32', [2, 3], [0, 1, 1, 1, -100, -100]]);
    const heard = data.padded({ x: [[5, 2, 9], [7]], y: { text: tags }, targetShape: { text: [null] } });
    const [, said] = [...data.loader(heard, { batchSize: 2 })][0]!;
    expect(shown(said)).toEqual({ text: ['int32', [2, 3], [0, 1, 1, 1, 0, 0]], lengths: ['int32', [2], [3, 1]] });
    const described = data.padded({ x: new Float32Array(8), shape: [4], y: [[1, 2], [3]], targetShape: [null], targetPadding: 7 });
    const [images, captions] = [...data.loader(described, { batchSize: 2 })][0]!;
    expect([images.shape, [...captions.data$!]]).toEqual([[2, 4], [1, 2, 3, 7]]);
  });
});

describe('buckets', () => {
  const N = 100;
  const many = Array.from({ length: N }, (_, i) => Array.from({ length: 1 + ((i * 37) % 23) }, () => i));
  const labels = many.map((_, i) => i % 2);
  const dataset = data.padded({ x: many, y: labels, buckets: [4, 8, 16, 32], dtype: 'int32', name: 'many' });
  const bucket = (length: number) => [4, 8, 16, 32].find((most) => length <= most)!;

  it('are the lengths of batches, each of which is of one bucket', async () => {
    for (const shuffle of [false, true]) {
      const loader = data.loader(dataset, { batchSize: 8, shuffle, seed: 3 });
      const seen: number[] = [];
      const batches = [...loader];
      expect(batches.length).toBe(loader.length);
      for (const [{ values, lengths }, targets] of batches) {
        const each = [...lengths.data$!];
        expect(new Set(each.map(bucket))).toEqual(new Set([values.shape[1]]));
        const firsts = each.map((_, row) => values.data$![row * values.shape[1]]!);
        expect([...(await targets.data())]).toEqual(firsts.map((i) => i % 2));
        seen.push(...firsts);
      }
      expect(seen.toSorted((a, b) => a - b)).toEqual(many.map((_, i) => i));
      expect(seen).toEqual([...loader.order(0)]);
      // Those that are not full come last.
      const sizes = batches.map(([{ lengths }]) => lengths.shape[0]);
      expect(sizes.slice(0, sizes.findIndex((size) => size < 8)).every((size) => size === 8)).toBe(true);
      expect(sizes.slice(sizes.findIndex((size) => size < 8)).every((size) => size < 8)).toBe(true);
    }
  });

  it('have an order that is a function of seed and epoch, and goes on where it stood', async () => {
    const options = { batchSize: 8, shuffle: true, seed: 3 };
    const loader = data.loader(dataset, options);
    const first = await lengthsOf(dataset, options);
    const again = [...loader].map(([{ lengths }]) => [...lengths.data$!]);
    expect(again).toEqual(first);
    expect([...loader].map(([{ lengths }]) => [...lengths.data$!])).not.toEqual(first);
    const stopped = data.loader(dataset, options);
    for (const _ of stopped) if (stopped.stateDict().step === 5) break;
    const resumed = data.loader(dataset, options);
    resumed.loadStateDict(stopped.stateDict());
    expect([...resumed].map(([{ lengths }]) => [...lengths.data$!])).toEqual(first.slice(5));
  });

  it('drop what is not full', () => {
    const loader = data.loader(dataset, { batchSize: 8, dropLast: true });
    expect([...loader].map(([{ lengths }]) => lengths.shape[0])).toEqual(Array.from({ length: loader.length }, () => 8));
    expect(loader.size).toBe(8 * loader.length);
    expect(() => data.loader(dataset, { batchSize: 50, dropLast: true })).toThrow('leaves no batch');
  });

  it('are those of parts of the data', () => {
    const [part] = dataset.split(0.3, { seed: 1, stratify: true });
    expect(part.size).toBe(30);
    for (const [{ values, lengths }] of data.loader(part, { batchSize: 4 })) expect(bucket(Math.max(...lengths.data$!))).toBe(values.shape[1]);
  });
});

describe('what cannot be padded is refused', () => {
  const bad: [string, object, string][] = [
    ['one array', { x: new Float32Array(5) }, "[data.padded] x of dataset 'texts': got a Float32Array, expected an array with a sequence for each example, as in [Int32Array.of(5, 2), Int32Array.of(7)]."],
    ['numbers', { x: [1, 2] }, "[data.padded] dataset 'texts', example 0: x is 1, expected an array of the elements of one sequence. Put it into an array: [value]."],
    ['text', { x: ['a', 'b'] }, "[data.padded] dataset 'texts', example 0: x is 'a', expected an array of the elements of one sequence. Convert it, as in Float32Array.from(sequence, Number)."],
    ['text in a sequence', { x: [['a']] }, "[data.padded] x[0] of dataset 'texts'[0] is not like the rest of x[0] of dataset 'texts': got a string, expected a number. Convert text by Number(text); names of categories become columns of 0 and 1."],
    ['nothing', { x: [], y: [] }, "[data.padded] x of dataset 'texts' is empty: got no sequences, expected at least one."],
    ['a long sequence', { buckets: [2, 4] }, "[data.padded] dataset 'texts', example 4: x has the length 5, expected at most 4, the greatest bucket. Add a bucket, or cut the sequence."],
    ['buckets that fall', { buckets: [4, 2] }, '[data.padded] buckets: got [4, 2], expected lengths that grow, integers of at least 1, as in { buckets: [16, 32, 64] }.'],
    ['no buckets', { buckets: [] }, '[data.padded] buckets: got [], expected lengths that grow, integers of at least 1, as in { buckets: [16, 32, 64] }.'],
    ['another number of targets', { y: [0] }, "[data.padded] dataset 'texts' has 5 examples in x, but 1 in y, expected as many. Example 1 has no partner; check shape and the arrays."],
    ['another number in a field', { x: { tokens: sequences, age: [1] }, shape: { tokens: [null], age: [] } }, "[data.padded] dataset 'texts' has 5 examples in x.tokens, but 1 in x.age, expected as many. Example 1 has no partner; check shape and the arrays."],
    ['half an element', { shape: [null, 2] }, "[data.padded] dataset 'texts', example 0: x has 3 elements, expected a multiple of 2, as shape [null,2] says. Correct shape, or the sequence."],
    ['elements of other shapes', { x: [[[1, 2]], [[1, 2, 3]]], y: [0, 1] }, "[data.padded] dataset 'texts', example 1: x has elements of shape [3], expected [2]. Give every sequence elements of one shape, and shape: [null,2]."],
    ['fractions among integers', { x: [[1], [0.5], [], [], []], dtype: 'int32' }, "[data.padded] dataset 'texts', example 1: element 0 of x is 0.5, expected an integer of 32 bits. Correct it, or leave dtype: 'int32' out."],
    ['NaN', { x: [[1], [1, NaN], [], [], []], check: 'finite' }, "[data.padded] dataset 'texts', example 1: element 1 of x is NaN, expected a finite number. Repair or drop the example."],
    ['nothing to pad', { x: new Float32Array(5), shape: [1] }, '[data.padded] shape: got no sequences, expected the shape of at least one with null in front, as in { shape: [null] }. Of arrays of one shape make data.fromArrays().'],
    ['two lengths', { shape: [null, null] }, '[data.padded] shape: got [null, null], expected null in front alone: one dimension can differ.'],
    ['a record of shapes for one list', { shape: { tokens: [null] } }, '[data.padded] x: got an Array, expected a record of arrays with the fields of shape: tokens. Make it one, or shape a shape.'],
    ['a field called lengths', { x: { tokens: sequences, lengths: y }, shape: { tokens: [null], lengths: [] } }, '[data.padded] x.lengths: got a field of this name, expected another one: batches have the lengths of x.tokens there. Rename it, or leave it out if it is the lengths.'],
    ['a padding that is no integer', { dtype: 'int32', padding: 0.5 }, '[data.padded] padding: got 0.5 for x, which is int32, expected an integer of 32 bits.'],
    ['a padding that is no number', { padding: '0' }, "[data.padded] padding: got '0', expected a number."],
    ['classes of sequences', { y: sequences, targetShape: [null], classes: 2 }, '[data.padded] classes: got it with targetShape, expected one class index an example. Leave it out.'],
    ['a padding of class indices', { targetPadding: 0 }, '[data.padded] targetPadding: got it without targetShape, expected class indices alone. Leave it out, or give { targetShape: [null] } for sequences.'],
    ['an unknown option', { bucket: [2] }, '[data.padded] unknown option: got bucket, expected one of x, y, shape'],
  ];
  it.each(bad)('%s', (_, given, message) => {
    expect(() => data.padded({ x: sequences, y, name: 'texts', ...given } as never)).toThrow(message);
  });
});
