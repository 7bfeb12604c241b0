import 'anneal';
import { describe, expect, it } from 'vitest';
import { fromArrays, loader } from '../../src/data/index.js';

const floats = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => i);
const classes = (length: number): Int32Array => Int32Array.from({ length }, (_, i) => i % 3);

describe('fromArrays', () => {
  it('describes what it holds', () => {
    const dataset = fromArrays({ x: floats(24), y: classes(4), shape: [2, 3], classes: 3, name: 'small' });
    expect(dataset).toMatchObject({ name: 'small', size: 4, shape: [2, 3], targetShape: [], targetDtype: 'int32', classes: 3 });
    const curve = fromArrays({ x: [[0], [1]], y: [[0.5, 1], [2, 3]], targetShape: [2] });
    expect(curve).toMatchObject({ name: 'data', size: 2, shape: [1], targetShape: [2], targetDtype: 'float32' });
  });

  const cases: [string, object, object][] = [
    ['another number of labels', { x: floats(8), y: classes(3), shape: [2] }, { code: 'ANNEAL_DATA', message: "dataset 'data' has 4 examples in x, but 3 in y, expected as many. Example 3 has no partner" }],
    ['an incomplete example', { x: floats(7), y: classes(3), shape: [2], name: 'train' }, { code: 'ANNEAL_DATA', message: "x of dataset 'train': got 7 elements, expected a multiple of 2, the elements of one example of [2]: example 3 has only 1." }],
    ['no examples', { x: floats(0), y: classes(0), shape: [2] }, { code: 'ANNEAL_DATA', message: "x of dataset 'data' is empty" }],
    ['no examples in arrays', { x: [], y: [], shape: [2] }, { code: 'ANNEAL_DATA', message: "x of dataset 'data' is empty" }],
    ['ragged arrays', { x: [[1, 2], [3]], y: [0, 1] }, { code: 'ANNEAL_DATA', message: "x of dataset 'data'[1] is not like the rest" }],
    ['arrays of another shape', { x: [[1, 2, 3]], y: [0], shape: [2] }, { code: 'ANNEAL_DATA', message: 'its examples have the shape [3], which does not fit shape [2]' }],
    ['flat data without a shape', { x: floats(8), y: classes(4) }, { code: 'ANNEAL_INVALID_ARGUMENT', message: "x of dataset 'data' is flat: got no shape" }],
    ['a shape with a 0', { x: floats(8), y: classes(4), shape: [0] }, { code: 'ANNEAL_INVALID_ARGUMENT', message: 'shape: got [0]' }],
    ['another kind of array', { x: new BigInt64Array(8), y: classes(4), shape: [2] }, { code: 'ANNEAL_DTYPE_MISMATCH', message: "x of dataset 'data': got a BigInt64Array, expected a typed array of numbers or arrays of numbers" }],
    ['no x', { y: classes(4), shape: [2] }, { code: 'ANNEAL_DTYPE_MISMATCH', message: 'got undefined' }],
    ['a label that is no integer', { x: floats(4), y: [0, 1.5], shape: [2] }, { code: 'ANNEAL_DATA', message: "dataset 'data', example 1: the label is 1.5, expected an integer class index. For float targets give targetShape" }],
    ['float targets without a shape', { x: floats(4), y: Float32Array.of(1, 0.5), shape: [2] }, { code: 'ANNEAL_DATA', message: 'example 1: the label is 0.5' }],
    ['a label of another type', { x: floats(4), y: [0, '1'], shape: [2] }, { code: 'ANNEAL_DATA', message: "example 1: the label is '1', expected an integer class index. Number the classes: y: labels.map((label) => names.indexOf(label))." }],
    ['text of a file', { x: [[1, 2], ['3', 4]], y: [0, 1] }, { code: 'ANNEAL_DATA', message: 'got a string, expected a number. Convert text by Number(text)' }],
    ['a gap', { x: [[1, 2], [3, undefined]], y: [0, 1] }, { code: 'ANNEAL_DATA', message: 'got undefined, expected a number. Fill the gap' }],
    ['a shape that is a number', { x: floats(4), y: [0, 1], shape: 2 }, { code: 'ANNEAL_INVALID_ARGUMENT', message: 'shape: got 2, expected integers of at least 1, the shape of one example without the batch, as in { shape: [4] }.' }],
    ['a target shape that is a number', { x: [[1]], y: [[1]], targetShape: 1 }, { code: 'ANNEAL_INVALID_ARGUMENT', message: 'targetShape: got 1, expected integers' }],
    ['a class out of range', { x: floats(8), y: Int32Array.of(0, 9, 10, -1), shape: [2], classes: 10 }, { code: 'ANNEAL_DATA', message: 'example 2: the label is 10, expected a class in [0, 10)' }],
    ['NaN', { x: Float32Array.of(0, 1, 2, NaN), y: [0, 1], shape: [2], check: 'finite' }, { code: 'ANNEAL_NON_FINITE', message: "dataset 'data', example 1: element 1 of x is NaN" }],
    ['infinity in a target', { x: floats(4), y: [[0], [-Infinity]], shape: [2], targetShape: [1], check: 'finite' }, { code: 'ANNEAL_NON_FINITE', message: 'example 1: element 0 of y is -Infinity' }],
    ['an unknown check', { x: floats(4), y: [0, 1], shape: [2], check: 'infinite' }, { code: 'ANNEAL_INVALID_ARGUMENT', message: "check: got 'infinite', expected 'finite'" }],
    ['an unknown option', { x: floats(4), y: [0, 1], shap: [2] }, { code: 'ANNEAL_UNKNOWN_OPTION', message: 'Did you mean shape?' }],
    ['a std of 0', { x: floats(4), y: [0, 1], shape: [2], normalize: { mean: 0, std: 0 } }, { code: 'ANNEAL_INVALID_ARGUMENT', message: 'normalize.std: got 0' }],
    ['a misspelt std', { x: floats(4), y: [0, 1], shape: [2], normalize: { mean: 0, stdd: 1 } }, { code: 'ANNEAL_UNKNOWN_OPTION', message: 'Did you mean std?' }],
    ['classes with float targets', { x: floats(4), y: floats(2), shape: [2], targetShape: [1], classes: 2 }, { code: 'ANNEAL_INVALID_ARGUMENT', message: 'classes and targetShape' }],
  ];
  it.each(cases)('refuses %s', (_, given, { code, message }: { code?: string; message?: string }) => {
    expect(() => fromArrays(given as never)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message!) as unknown }));
    expect(() => fromArrays(given as never)).toThrow('[data.fromArrays');
  });

  it('does not look for NaN unless asked', () => {
    expect(fromArrays({ x: Float32Array.of(NaN), y: [0], shape: [1] }).size).toBe(1);
  });
});

describe('subset and split', () => {
  const all = fromArrays({ x: floats(20), y: classes(10), shape: [2] });

  it('takes examples by position, through subsets of subsets', () => {
    const odd = all.subset([1, 3, 5, 7, 9]);
    const last = odd.subset([4, 2]);
    expect(last.size).toBe(2);
    expect([...loader(last).order(0)]).toEqual([9, 5]);
  });

  it('splits without overlap, the same way for the same seed', () => {
    const [train, rest] = all.split(0.7, { seed: 3 });
    const orders = [train, rest].map((part) => [...loader(part).order(0)]);
    expect(orders.map((order) => order.length)).toEqual([7, 3]);
    expect(orders.flat().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect([...loader(all.split(0.7, { seed: 3 })[1]).order(0)]).toEqual(orders[1]);
    expect([...loader(all.split(0.7, { seed: 4 })[1]).order(0)]).not.toEqual(orders[1]);
  });

  it('refuses what leaves nothing, or does not exist', () => {
    expect(() => all.split(1)).toThrow('[split] fraction: got 1 of 10 examples');
    expect(() => all.split(NaN)).toThrow('[split] fraction');
    expect(() => all.split(0.5, { sed: 1 } as never)).toThrow('Did you mean seed?');
    expect(() => all.subset([])).toThrow('[subset] got no indices');
    expect(() => all.subset([0, 10])).toThrow("[subset] indices[1]: got 10, expected an integer in [0, 10), the examples of dataset 'data'");
    expect(() => all.subset([0.5])).toThrow('[subset] indices[0]: got 0.5');
  });
});
