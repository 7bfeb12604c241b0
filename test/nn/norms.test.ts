// Normalisations: numbers far from 0, layers in a chain, what they say to what does not fit.
import { describe, expect, test } from 'vitest';
import '../../src/runtime/index.js';
import * as nn from '../../src/nn/index.js';
import { groupNorm, instanceNorm, layerNorm, ones, rmsNorm, tensor, zeros } from '../../src/ops/index.js';
import { sizeOf, type Shape } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';
import { refuses } from './fails.js';

const images = (shape: Shape): Tensor => zeros(shape) as Tensor;
const unknown = (value: unknown): never => value as never;
const values = async (x: unknown): Promise<number[]> => [...(await (x as Tensor).data())];

describe('norms', () => {
  test('keep their shapes in a chain, and have the parameters of torch’s', () => {
    const model = nn.sequential([4, 6, 6], nn.conv2d(4, 6, 3), nn.groupNorm(3, 6), nn.batchNorm2d(6), nn.instanceNorm2d(6, { affine: true }), nn.layerNorm([4, 4]), nn.rmsNorm(4), nn.flatten(), nn.linear(96, 2));
    expect(model.output).toEqual([2]);
    expect(String(model)).toBe('sequential([4,6,6], conv2d(4, 6, 3), groupNorm(3, 6), batchNorm2d(6), instanceNorm2d(6), layerNorm([4,4]), rmsNorm([4]), flatten(), linear(96, 2))');
    const shapes = Object.fromEntries([...model.stateDict()].slice(2, -2).map(([name, { shape }]) => [name, shape]));
    expect(shapes).toEqual({
      '1.weight': [6], '1.bias': [6], '2.weight': [6], '2.bias': [6], '2.runningMean': [6], '2.runningVar': [6], '2.numBatchesTracked': [], '3.weight': [6], '3.bias': [6],
      '4.weight': [4, 4], '4.bias': [4, 4], '5.weight': [4],
    });
    expect(model.forward(images([2, 4, 6, 6]) as never).shape).toEqual([2, 2]);
    expect(model.builtin).toBe(true);
  });

  test('have a weight, a bias and running statistics by PyTorch’s defaults and on request', () => {
    const names = (layer: object): string[] => [...(layer as nn.Module).stateDict().keys()];
    expect(names(nn.instanceNorm2d(3))).toEqual([]);
    expect(names(nn.instanceNorm1d(3, { trackRunningStats: true }))).toEqual(['runningMean', 'runningVar', 'numBatchesTracked']);
    expect(names(nn.groupNorm(1, 3, { affine: false }))).toEqual([]);
    expect(names(nn.layerNorm(3, { bias: false }))).toEqual(['weight']);
    expect(names(nn.layerNorm(3, { elementwiseAffine: false }))).toEqual([]);
    expect(names(nn.rmsNorm(3, { elementwiseAffine: false }))).toEqual([]);
    expect([nn.layerNorm(3).eps, nn.groupNorm(1, 3).eps, nn.instanceNorm1d(3).eps, nn.rmsNorm(3).eps, nn.rmsNorm(3, { eps: 1e-6 }).eps]).toEqual([1e-5, 1e-5, 1e-5, 2 ** -23, 1e-6]);
  });

  // The spread of 1 around 10,000 is right to the rounding of such numbers, half of 2^-10; a sum of squares would leave nothing of it.
  test.each<[string, (x: Tensor) => Tensor, Shape]>([
    ['layer norm', (x) => layerNorm(x, 1000), [7, 1000]],
    ['group norm of images', (x) => groupNorm(x, 3), [2, 6, 20, 25]],
    ['instance norm of sequences', (x) => instanceNorm(x), [2, 6, 500]],
    ['batch norm', (x) => nn.batchNorm1d(3).forward(x), [1000, 3]],
    ['batch norm of images', (x) => nn.batchNorm2d(5).forward(x), [3, 5, 17, 19]],
  ])('%s far from 0 keeps the digits of the spread', async (_, norm, shape) => {
    const near = Float32Array.from({ length: sizeOf(shape) }, (_zero, i) => Math.round(Math.sin(i * i * 0.37 + i) * 1024) / 512);
    const far = await values(norm(tensor(near.map((x) => x + 10_000), { shape }) as Tensor));
    const expected = await values(norm(tensor(near, { shape }) as Tensor));
    expect(Math.max(...far.map((y, i) => Math.abs(y - expected[i]!)))).toBeLessThan(2 ** -11);
  });

  test('of nothing are nothing', async () => {
    for (const y of [layerNorm(images([0, 3]), 3), rmsNorm(images([0, 3]), 3), groupNorm(images([0, 4, 2]), 2), instanceNorm(images([0, 4, 2]))]) expect(await values(y)).toEqual([]);
  });

  test('of one element give the bias', async () => {
    const bias = tensor([1, 2]);
    expect(await values(layerNorm(tensor([[5], [-7]]), 1, tensor([3]), tensor([4])))).toEqual([4, 4]);
    expect(await values(groupNorm(tensor([[5, -7]]), 2, undefined, bias))).toEqual([1, 2]);
    expect(await values(groupNorm(images([1, 2, 2, 1]), 1, undefined, bias))).toEqual([1, 1, 2, 2]);
    expect(await values(layerNorm(tensor([[2, 2]]), 2, undefined, bias))).toEqual([1, 2]);
  });

  test('of an empty batch leave running statistics as they are', async () => {
    const layer = nn.instanceNorm1d(2, { trackRunningStats: true });
    expect(await values(layer.forward(images([0, 2, 5])))).toEqual([]);
    expect([await values(layer.runningMean), await values(layer.runningVar), await values(layer.numBatchesTracked)]).toEqual([[0, 0], [1, 1], [0]]);
  });

  test('an instance norm is the same in evaluation, unless it tracks', async () => {
    const x = tensor([[[1, 2, 6]]]) as unknown as Tensor;
    const [plain, tracking] = [nn.instanceNorm1d(1), nn.instanceNorm1d(1, { trackRunningStats: true, momentum: null })];
    const trained = [await values(plain.forward(x)), await values(tracking.forward(x))];
    expect(trained[0]).toEqual(trained[1]);
    expect([await values(tracking.runningMean), await values(tracking.runningVar)]).toEqual([[3], [7]]);
    expect(await values(plain.eval().forward(x))).toEqual(trained[0]);
    const evaluated = await values(tracking.eval().forward(x));
    evaluated.forEach((y, i) => expect(y).toBeCloseTo([-2, -1, 3][i]! / Math.sqrt(7 + 1e-5), 6));
  });
});

describe('refuses', () => {
  test.each<[string, () => unknown, Parameters<typeof refuses>[1], RegExp]>([
    ['groups that do not divide', () => groupNorm(images([2, 6, 3]), 4), 'ANNEAL_SHAPE_MISMATCH', /\[groupNorm\] the channels do not divide into groups: got x \[2,6,3\] and 4 groups, expected a multiple of 4/],
    ['no group', () => groupNorm(images([2, 6]), 0), 'ANNEAL_INVALID_ARGUMENT', /\[groupNorm\] numGroups: got 0, expected a whole number of at least 1/],
    ['groups of nothing', () => groupNorm(images([6]), 2), 'ANNEAL_SHAPE_MISMATCH', /got x \[6\], expected \[N,C\] or \[N,C,..\]/],
    ['a weight of another size', () => groupNorm(images([2, 6]), 2, images([5]), images([6])), 'ANNEAL_SHAPE_MISMATCH', /weight does not fit: got \[5\], expected \[6\], for x \[2,6\]/],
    ['a bias of another size', () => layerNorm(images([2, 6]), 6, images([6]), images([1])), 'ANNEAL_SHAPE_MISMATCH', /\[layerNorm\] bias does not fit: got \[1\], expected \[6\]/],
    ['a bias of another size without a weight', () => groupNorm(images([2, 6]), 2, undefined, images([1])), 'ANNEAL_SHAPE_MISMATCH', /does not fit: got \[1\], expected \[6\]/],
    ['no tensor for a bias', () => layerNorm(images([2, 6]), 6, undefined, unknown(1)), 'ANNEAL_INVALID_ARGUMENT', /\[layerNorm\]/],
    ['whole numbers', () => rmsNorm(zeros([2, 3], { dtype: 'int32' }) as Tensor, 3), 'ANNEAL_DTYPE_MISMATCH', /\[rmsNorm\].*int32/],
    ['a shape that is not the end', () => layerNorm(images([4, 5, 6]), [4, 5]), 'ANNEAL_SHAPE_MISMATCH', /got x \[4,5,6\], expected one that ends in normalizedShape \[4,5\]/],
    ['more dimensions than x has', () => rmsNorm(images([4]), [1, 4]), 'ANNEAL_SHAPE_MISMATCH', /expected one that ends in normalizedShape \[1,4\]/],
    ['no dimensions', () => layerNorm(images([4]), []), 'ANNEAL_INVALID_ARGUMENT', /normalizedShape: got \[\], expected at least one size/],
    ['a size of 0', () => nn.layerNorm(0), 'ANNEAL_INVALID_ARGUMENT', /normalizedShape: got \[0\]/],
    ['a text for sizes', () => nn.rmsNorm(unknown('64')), 'ANNEAL_INVALID_ARGUMENT', /\[rmsNorm\] the shape is not an array: got '64'/],
    ['a negative eps', () => layerNorm(images([4]), 4, undefined, undefined, { eps: -1 }), 'ANNEAL_INVALID_ARGUMENT', /\[layerNorm\] eps: got -1, expected a number of at least 0/],
    ['another name', () => nn.layerNorm(4, unknown({ affine: true })), 'ANNEAL_UNKNOWN_OPTION', /got affine, expected one of eps, elementwiseAffine, bias/],
    ['one value a channel', () => instanceNorm(images([4, 3])), 'ANNEAL_SHAPE_MISMATCH', /one value a channel has no variance: got x \[4,3\]/],
    ['one value a channel of a layer', () => nn.instanceNorm2d(3).forward(images([4, 3, 1, 1])), 'ANNEAL_SHAPE_MISMATCH', /\[instanceNorm2d\] one value a feature has no variance: got x \[4,3,1,1\], expected more positions. Take a group norm\./],
    ['a batch of one', () => nn.batchNorm1d(3).forward(images([1, 3])), 'ANNEAL_SHAPE_MISMATCH', /expected a larger batch. Drop the last one \(dropLast\), or call eval\(\)\./],
    ['a batch of one, in evaluation without running statistics', () => nn.batchNorm1d(3, { trackRunningStats: false }).eval().forward(images([1, 3])), 'ANNEAL_SHAPE_MISMATCH', /Drop the last one \(dropLast\)\./],
    ['another rank', () => nn.instanceNorm1d(3).forward(images([1, 3, 4, 4])), 'ANNEAL_SHAPE_MISMATCH', /\[instanceNorm1d\] the shape does not fit: got x \[1,3,4,4\], expected \[N,3,L\]/],
    ['other channels', () => nn.groupNorm(2, 4).forward(images([1, 3, 4])), 'ANNEAL_SHAPE_MISMATCH', /\[groupNorm\] the shape does not fit: got x \[1,3,4\], expected \[N,4\] or \[N,4,..\]/],
    ['groups of a layer that do not divide', () => nn.groupNorm(4, unknown(6)), 'ANNEAL_INVALID_ARGUMENT', /numGroups: got 4 for 6 channels, expected a number that divides them/],
    ['a chain of other channels', () => nn.sequential([8, 4, 4], [nn.batchNorm2d(16) as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /layer 0: batchNorm2d\(16\) expects \[16,H,W\], but the input has \[8,4,4\]/],
    ['a chain of other channels for groups', () => nn.sequential([8, 4, 4], [nn.groupNorm(2, 16) as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /layer 0: groupNorm\(2, 16\) expects 16 channels, but the input has 8/],
    ['a chain that ends in other sizes', () => nn.sequential([8, 4], [nn.layerNorm([8, 5]) as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /layerNorm\(\[8,5\]\) expects examples that end in \[8,5\], but the input has \[8,4\]/],
  ])('%s', (_, call, code, message) => refuses(call, code, message));
});

test('weights that start as 1 change nothing', async () => {
  const x = tensor([[1, 2, 4, 8]]) as unknown as Tensor;
  expect(await values(nn.layerNorm(4).forward(x))).toEqual(await values(layerNorm(x, 4, ones([4]) as Tensor)));
});
