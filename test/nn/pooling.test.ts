// Layers of pooling: in a chain, of no image and of one, what they say to what does not fit.
import { describe, expect, test } from 'vitest';
import '../../src/runtime/index.js';
import * as nn from '../../src/nn/index.js';
import { grad } from '../../src/graph/grad.js';
import {
  adaptiveAvgPool2d, adaptiveMaxPool1dWithIndices, adaptiveMaxPool2d, adaptiveMaxPool2dWithIndices, adaptiveMaxPool3d, adaptiveMaxPool3dWithIndices, avgPool2d, concat, interpolate, lpPool2d, maxPool1d,
  maxPool1dWithIndices, maxPool2d, maxPool2dWithIndices, maxPool3dWithIndices, maxUnpool1d, maxUnpool2d, maxUnpool3d, pad, sum, tensor, zeros,
} from '../../src/ops/index.js';
import type { Shape } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';
import { asParameter } from '../parity/gradients.js';
import { fails, refuses } from './fails.js';

const images = (shape: Shape): Tensor => zeros(shape) as Tensor;
const unknown = (value: unknown): never => value as never;

describe('avgPool2d', () => {
  test('has means of windows, in a chain', async () => {
    const model = nn.sequential([1, 4, 4], nn.avgPool2d(2), nn.avgPool2d([1, 2], { stride: 1 }), nn.flatten());
    const x = tensor(Float32Array.from({ length: 16 }, (_, i) => i), { shape: [1, 1, 4, 4] });
    expect([...(await model.forward(x).data())]).toEqual([3.5, 11.5]);
    expect(model.output).toEqual([2]);
    expect(String(model)).toBe('sequential([1,4,4], avgPool2d(2), avgPool2d([1,2]), flatten())');
    expect(nn.summary(model).layers[0]).toMatchObject({ kind: 'avgPool2d(2)', output: [1, 2, 2], parameters: 0 });
  });

  test('knows what its windows leave', () => {
    const options = { stride: [3, 1], padding: [1, 0], ceilMode: true } as const;
    const model = nn.sequential([2, 9, 7], nn.avgPool2d([2, 3], options));
    expect(model.output).toEqual([2, 4, 5]);
    expect(model.forward(images([5, 2, 9, 7]) as Tensor<[5, 2, 9, 7]>).shape).toEqual([5, 2, 4, 5]);
  });

  test('of nothing is nothing', async () => {
    expect(avgPool2d(images([0, 3, 4, 4]), 2).shape).toEqual([0, 3, 2, 2]);
    expect([...(await avgPool2d(images([2, 0, 4, 4]), 2).data())]).toEqual([]);
  });

  test('of -0 is 0, as torch has it', async () => {
    expect([...(await avgPool2d(tensor([[[[-0, -0]]]]), [1, 2]).data())]).toEqual([0]);
  });

  test('does not mind single pixels of larger images', async () => {
    const x = tensor(Float32Array.from({ length: 36 }, (_, i) => i), { shape: [2, 2, 3, 3] });
    const pixels = x.slice(1, 2, { axis: 2 }).slice(2, 3, { axis: 3 });
    expect([...(await avgPool2d(pixels as never, 1).data())]).toEqual([5, 14, 23, 32]);
    expect([...(await maxPool2d(pixels as never, 1).data())]).toEqual([5, 14, 23, 32]);
    const leaf = asParameter(tensor(Float32Array.of(1, 2, 3, 4), { shape: [1, 2, 1, 2] }) as Tensor);
    const joined = concat([zeros([1, 2, 1, 2]), avgPool2d(leaf as Tensor, [1, 2])] as Tensor[], 3);
    const dy = tensor(Float32Array.of(1, 2, 4, 8, 16, 32), { shape: [1, 2, 1, 3] });
    expect([...(await grad(sum(joined.mul(dy as never) as Tensor), [leaf as Tensor])[0].data())]).toEqual([2, 2, 16, 16]);
  });

  test('does not mind transposed images', async () => {
    const x = tensor(Float32Array.from({ length: 24 }, (_, i) => i), { shape: [2, 3, 4, 1] });
    const turned: Tensor = x.permute([0, 3, 2, 1]);
    expect([...(await avgPool2d(turned, [2, 3]).data())]).toEqual([4.5, 6.5, 16.5, 18.5]);
  });

  test.each<[string, () => unknown, Parameters<typeof refuses>[1], RegExp]>([
    ['two dimensions', () => avgPool2d(images([8, 8]), 2), 'ANNEAL_SHAPE_MISMATCH', /\[avgPool2d\] the shape does not fit: got x \[8,8\], expected \[N,C,H,W\]/],
    ['a kernel that is too large', () => avgPool2d(images([1, 1, 3, 8]), [5, 2]), 'ANNEAL_SHAPE_MISMATCH', /the kernel \[5,2\] is larger than the padded image: got x \[1,1,3,8\], padding \[0,0\], expected at least 5x2\. Take a smaller/],
    ['images without height', () => avgPool2d(images([1, 1, 0, 8]), 2, { padding: 1 }), 'ANNEAL_SHAPE_MISMATCH', /expected at least 1x1/],
    ['whole numbers', () => avgPool2d(zeros([1, 1, 4, 4], { dtype: 'int32' }), 2), 'ANNEAL_DTYPE_MISMATCH', /got int32 \[1,1,4,4\], expected float32/],
    ['a kernel of 0', () => nn.avgPool2d(0), 'ANNEAL_INVALID_ARGUMENT', /kernelSize: got 0, expected a whole number of at least 1, or one each: \[height, width\]/],
    ['three sizes', () => nn.avgPool2d(unknown([1, 2, 3])), 'ANNEAL_INVALID_ARGUMENT', /kernelSize: got \[1,2,3\], expected/],
    ['no kernel', () => nn.avgPool2d(unknown(undefined)), 'ANNEAL_INVALID_ARGUMENT', /kernelSize: got undefined, expected/],
    ['a stride of a half', () => nn.avgPool2d(2, { stride: 0.5 }), 'ANNEAL_INVALID_ARGUMENT', /stride: got 0.5, expected/],
    ['too much padding', () => nn.avgPool2d([2, 5], { padding: 2 }), 'ANNEAL_INVALID_ARGUMENT', /padding: got 2 for kernelSize \[2,5\], expected at most half of the kernel/],
    ['a divisor of 0', () => nn.avgPool2d(2, { divisorOverride: 0 }), 'ANNEAL_INVALID_ARGUMENT', /divisorOverride: got 0, expected a whole number that is not 0/],
    ['no flag', () => nn.avgPool2d(2, { ceilMode: unknown(1) }), 'ANNEAL_INVALID_ARGUMENT', /ceilMode: got 1, expected true or false/],
    ['another name', () => nn.avgPool2d(2, unknown({ strides: 2 })), 'ANNEAL_UNKNOWN_OPTION', /got strides, expected one of stride, .*Did you mean stride\?/],
    ['a chain without channels', () => nn.sequential([28, 28], [nn.avgPool2d(2) as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /layer 0: avgPool2d\(2\) expects images \[C,H,W\], but the input has \[28,28\]\. Put/],
    ['a chain of small images', () => nn.sequential([1, 3, 3], [nn.avgPool2d(2), nn.avgPool2d(2)]), 'ANNEAL_SHAPE_MISMATCH', /layer 1: avgPool2d\(2\) expects .* gives \[1,1,1\]\. Take a smaller kernel/],
  ])('refuses %s', (_, call, code, message) => refuses(call, code, message));
});

describe('maxPool2d', () => {
  test('has maxima of windows, in a chain', async () => {
    const model = nn.sequential([1, 4, 4], nn.maxPool2d(2), nn.maxPool2d([1, 2], { stride: 1 }), nn.flatten());
    const x = tensor(Float32Array.from({ length: 16 }, (_, i) => i), { shape: [1, 1, 4, 4] });
    expect([...(await model.forward(x).data())]).toEqual([7, 15]);
    expect(String(model)).toBe('sequential([1,4,4], maxPool2d(2), maxPool2d([1,2]), flatten())');
    expect(nn.summary(model).layers[0]).toMatchObject({ kind: 'maxPool2d(2)', output: [1, 2, 2], parameters: 0 });
  });

  test('knows what its windows leave', () => {
    const model = nn.sequential([2, 9, 7], nn.maxPool2d([2, 3], { stride: [3, 1], padding: [1, 0], dilation: 2, ceilMode: true }));
    expect(model.output).toEqual([2, 4, 3]);
    expect(model.forward(images([5, 2, 9, 7]) as Tensor<[5, 2, 9, 7]>).shape).toEqual([5, 2, 4, 3]);
  });

  test('of nothing is nothing', async () => {
    expect(maxPool2d(images([0, 3, 4, 4]), 2).shape).toEqual([0, 3, 2, 2]);
    expect([...(await maxPool2d(images([2, 0, 4, 4]), 2).data())]).toEqual([]);
  });

  test('gives the gradient to the first of equals, and to the NaN that wins', async () => {
    const of = async (values: number[]): Promise<number[]> => {
      const x = asParameter(tensor(values).reshape([1, 1, 1, 4]));
      return [...(await grad(sum(maxPool2d(x, [1, 4]) as Tensor), [x as Tensor])[0].data())];
    };
    expect(await of([1, 3, 3, 2])).toEqual([0, 1, 0, 0]);
    expect(await of([-Infinity, -Infinity, -Infinity, -Infinity])).toEqual([1, 0, 0, 0]);
    expect(await of([5, NaN, 7, 2])).toEqual([0, 1, 0, 0]);
  });

  test.each<[string, () => unknown, Parameters<typeof refuses>[1], RegExp]>([
    ['two dimensions', () => maxPool2d(images([8, 8]), 2), 'ANNEAL_SHAPE_MISMATCH', /\[maxPool2d\] the shape does not fit: got x \[8,8\], expected \[N,C,H,W\]/],
    ['a kernel that dilation makes too large', () => maxPool2d(images([1, 1, 4, 4]), 3, { dilation: 2 }), 'ANNEAL_SHAPE_MISMATCH', /the kernel \[3,3\] with dilation \[2,2\] is larger than the padded image.*expected at least 5x5/],
    ['whole numbers', () => maxPool2d(zeros([1, 1, 4, 4], { dtype: 'int32' }), 2), 'ANNEAL_DTYPE_MISMATCH', /got int32 \[1,1,4,4\], expected float32/],
    ['too much padding', () => nn.maxPool2d([2, 5], { padding: 2 }), 'ANNEAL_INVALID_ARGUMENT', /padding: got 2 for kernelSize \[2,5\], expected at most half of the kernel/],
    ['a dilation of 0', () => nn.maxPool2d(2, { dilation: 0 }), 'ANNEAL_INVALID_ARGUMENT', /dilation: got 0, expected a whole number of at least 1/],
    ['a kernel that no index numbers', () => nn.maxPool2d(65536), 'ANNEAL_INVALID_ARGUMENT', /kernelSize: got \[65536,65536\], expected at most 2147483647 elements/],
    ['options of averages', () => nn.maxPool2d(2, unknown({ countIncludePad: false })), 'ANNEAL_UNKNOWN_OPTION', /got countIncludePad, expected one of stride/],
  ])('refuses %s', (_, call, code, message) => refuses(call, code, message));
});

describe('adaptiveAvgPool2d', () => {
  test('has the mean of each channel, and windows that overlap', async () => {
    const x = tensor([[[[1, 2, 3], [4, 5, 6]]]]);
    expect([...(await adaptiveAvgPool2d(x, 1).data())]).toEqual([3.5]);
    expect([...(await adaptiveAvgPool2d(x, [1, 2]).data())]).toEqual([3, 4]);
    expect([...(await adaptiveAvgPool2d(x, [3, 2]).data())]).toEqual([1.5, 2.5, 3, 4, 4.5, 5.5]);
    expect(adaptiveAvgPool2d(images([2, 5, 7]), [null, 2]).shape).toEqual([2, 5, 2]);
    expect(nn.sequential([4, 9, 7], nn.adaptiveAvgPool2d([2, null]), nn.adaptiveMaxPool2d(null)).output).toEqual([4, 2, 7]);
    expect(String(nn.adaptiveMaxPool2d([null, 3]))).toBe('adaptiveMaxPool2d([null,3])');
    expect(String(nn.sequential([1, 2, 3], nn.adaptiveAvgPool2d([1, 2])))).toBe('sequential([1,2,3], adaptiveAvgPool2d([1,2]))');
    expect(nn.sequential([4, 9, 9], nn.adaptiveAvgPool2d(3), nn.adaptiveAvgPool2d([1, 2])).output).toEqual([4, 1, 2]);
  });

  test.each<[string, () => unknown, Parameters<typeof refuses>[1], RegExp]>([
    ['a size that is neither', () => nn.adaptiveAvgPool2d(unknown([undefined, 2])), 'ANNEAL_INVALID_ARGUMENT', /outputSize: got \[undefined,2\], expected a whole number of at least 1/],
    ['maxima of two dimensions', () => adaptiveMaxPool2dWithIndices(images([8, 8]), 2), 'ANNEAL_SHAPE_MISMATCH', /\[adaptiveMaxPool2d\] the shape does not fit: got x \[8,8\]/],
    ['two dimensions', () => adaptiveAvgPool2d(images([8, 8]), 2), 'ANNEAL_SHAPE_MISMATCH', /\[adaptiveAvgPool2d\] the shape does not fit: got x \[8,8\]/],
    ['images without height', () => adaptiveAvgPool2d(images([1, 3, 0, 8]), 2), 'ANNEAL_SHAPE_MISMATCH', /got x \[1,3,0,8\]/],
    ['a size of 0', () => nn.adaptiveAvgPool2d(0), 'ANNEAL_INVALID_ARGUMENT', /outputSize: got 0, expected a whole number of at least 1/],
    ['a chain without channels', () => nn.sequential([28, 28], [nn.adaptiveAvgPool2d(2) as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /layer 0: adaptiveAvgPool2d\(2\) expects images \[C,H,W\]/],
  ])('refuses %s', (_, call, code, message) => refuses(call, code, message));
});

describe('other poolings', () => {
  test('have places in chains of sequences and volumes, and names', () => {
    const sequences = nn.sequential([3, 20], nn.maxPool1d(2), nn.avgPool1d(3, { stride: 1, padding: 1 }), nn.lpPool1d(2, 2), nn.adaptiveMaxPool1d(2), nn.flatten());
    expect(sequences.output).toEqual([6]);
    expect(sequences.builtin).toBe(true);
    expect(String(sequences)).toBe('sequential([3,20], maxPool1d(2), avgPool1d(3), lpPool1d(2, 2), adaptiveMaxPool1d(2), flatten())');
    const volumes = nn.sequential([2, 8, 9, 10], nn.maxPool3d(2), nn.avgPool3d([1, 2, 2]), nn.adaptiveAvgPool3d([2, 1, 1]), nn.adaptiveMaxPool3d(1));
    expect(volumes.output).toEqual([2, 1, 1, 1]);
    expect(volumes.forward(images([3, 2, 8, 9, 10]) as never).shape).toEqual([3, 2, 1, 1, 1]);
    expect(nn.sequential([2, 8, 9], nn.lpPool2d(2, 3), nn.adaptiveMaxPool2d([1, 2])).output).toEqual([2, 1, 2]);
  });

  test('of nothing are nothing', () => {
    expect(maxPool1d(images([0, 3, 4]), 2).shape).toEqual([0, 3, 2]);
    expect(adaptiveMaxPool3d(images([0, 3, 4, 4, 4]), 2).shape).toEqual([0, 3, 2, 2, 2]);
    expect(lpPool2d(images([0, 3, 4, 4]), 2, 2).shape).toEqual([0, 3, 2, 2]);
    expect(maxUnpool2d(images([0, 3, 2, 2]), zeros([0, 3, 2, 2], { dtype: 'int32' }), 2).shape).toEqual([0, 3, 4, 4]);
  });

  test('to a size give the gradient to the first of equals, row by row', async () => {
    const values = Float32Array.from({ length: 25 }, (_, i) => (i === 1 || i === 5 ? 1 : 0));
    const x = asParameter(tensor(values, { shape: [1, 1, 5, 5] }) as Tensor) as Tensor;
    const first = adaptiveMaxPool2d(x, 3).slice(0, 1, { axis: 2 }).slice(0, 1, { axis: 3 });
    const [dx] = grad(sum(first as Tensor), [x]);
    expect([...(await dx.data())].indexOf(1)).toBe(1);
  });

  test('tell where maxima stand, and put them back', async () => {
    const x = tensor([[[[1, 9, 3, 4], [5, 6, 7, 8]], [[-1, -1, 0, 0], [-1, 2, 0, NaN]]]]);
    const { values, indices } = maxPool2dWithIndices(x, 2);
    expect([...(await values.data())]).toEqual([9, 8, 2, NaN]);
    expect(indices.dtype).toBe('int32');
    expect([...(await indices.data())]).toEqual([1, 7, 5, 7]);
    expect([...(await maxUnpool2d(values, indices, 2).data())]).toEqual([0, 9, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 2, 0, NaN]);
    const layer = nn.maxUnpool2d([2, 2], { outputSize: [2, 4] });
    expect(String(layer)).toBe('maxUnpool2d([2,2])');
    expect(await layer.forward(values as Tensor, indices as Tensor).data()).toEqual(await maxUnpool2d(values, indices, 2).data());
    expect(nn.maxUnpool1d(2).forward(images([3, 2]), zeros([3, 2], { dtype: 'int32' }) as Tensor).shape).toEqual([3, 4]);
    // Padding counts for no place; of equals the first one.
    const padded = maxPool1dWithIndices(tensor([[2, 2, -Infinity]]), 3, { stride: 2, padding: 1 });
    expect([...(await padded.indices.data())]).toEqual([0, 1]);
    const channelsSideBySide = maxPool2dWithIndices(x.permute([0, 2, 3, 1]).mul(1).permute([0, 3, 1, 2]) as typeof x, 2);
    expect([...(await channelsSideBySide.indices.data())]).toEqual([1, 7, 5, 7]);
  });

  test('stand in a channel of one, two or three axes, also of windows that overlap or differ in size', async () => {
    const x = tensor(Float32Array.from({ length: 30 }, (_, i) => (i * 7) % 30), { shape: [1, 2, 3, 5] });
    const values = await x.data();
    for (const [shape, { values: maxima, indices }] of [
      [[1, 2, 15], maxPool1dWithIndices(x.reshape([1, 2, 15]), 4, { stride: 1 })],
      [[1, 2, 15], adaptiveMaxPool1dWithIndices(x.reshape([1, 2, 15]), 4)],
      [[1, 2, 3, 5], adaptiveMaxPool2dWithIndices(x, [2, 3])],
      [[1, 2, 3, 5], adaptiveMaxPool2dWithIndices(x, [null, 1])],
      [[1, 2, 3, 1, 5], maxPool3dWithIndices(x.reshape([1, 2, 3, 1, 5]), [2, 1, 2])],
      [[1, 2, 3, 1, 5], adaptiveMaxPool3dWithIndices(x.reshape([1, 2, 3, 1, 5]), [2, 1, 4])],
    ] as unknown as [Shape, { values: Tensor; indices: Tensor }][]) {
      const [found, at] = [await maxima.data(), await indices.data()];
      const own = found.length / 2;
      expect(indices.shape, String(shape)).toEqual(maxima.shape);
      found.forEach((one, i) => expect(values[Math.floor(i / own) * 15 + at[i]!]).toBe(one));
    }
  });

  test('come from layers, and gradients go through the maxima', async () => {
    const x = asParameter(tensor(Float32Array.from({ length: 24 }, (_, i) => (i * 7) % 24), { shape: [1, 2, 3, 4] }) as Tensor);
    for (const [layer, plain] of [[nn.maxPool2dWithIndices(2, { stride: 1 }), nn.maxPool2d(2, { stride: 1 })], [nn.adaptiveMaxPool2dWithIndices([2, 3]), nn.adaptiveMaxPool2d([2, 3])]] as [nn.PoolWithIndices, nn.Module][]) {
      const { values } = layer.forward(x);
      const own = (grad(sum(values.mul(values)), [x]) as readonly Tensor[])[0]!;
      const other = plain.forward(x) as Tensor;
      expect(await own.data()).toEqual(await (grad(sum(other.mul(other)), [x]) as readonly Tensor[])[0]!.data());
    }
    expect(String(nn.maxPool3dWithIndices([1, 2, 2]))).toBe('maxPool3dWithIndices([1,2,2])');
    expect(String(nn.adaptiveMaxPool1dWithIndices(3))).toBe('adaptiveMaxPool1dWithIndices(3)');
    const { values, indices } = nn.maxPool3dWithIndices(2).forward(images([2, 4, 4, 4]));
    expect(nn.maxUnpool3d(2).forward(values, indices).shape).toEqual([2, 4, 4, 4]);
    expect(maxUnpool3d(values, indices, 2, { outputSize: [5, 4, 4] }).shape).toEqual([2, 5, 4, 4]);
  });

  test('put a place that is named twice down once, with the last', async () => {
    const twice = maxUnpool1d(tensor([[[5, 6]]]), tensor([[[1, 1]]], { dtype: 'int32' }), 2);
    expect([...(await twice.data())]).toEqual([0, 6, 0, 0]);
  });

  test('fail where an index is not within its channel', async () => {
    const outside = async (): Promise<unknown> => maxUnpool1d(tensor([[[5, 6]]]), tensor([[[1, 4]]], { dtype: 'int32' }), 2).data();
    await fails(outside(), 'ANNEAL_INDEX_OUT_OF_RANGE', /\[maxUnpool1d\].*4/);
  });

  test.each<[string, () => unknown, Parameters<typeof refuses>[1], RegExp]>([
    ['a norm of order 0', () => nn.lpPool2d(0, 2), 'ANNEAL_INVALID_ARGUMENT', /\[lpPool2d\] normType: got 0, expected a number that is not 0/],
    ['maxima as a norm', () => nn.lpPool1d(Infinity, 2), 'ANNEAL_INVALID_ARGUMENT', /\[lpPool1d\] normType: got Infinity.*maxPool1d\(\)/],
    ['padding of norms', () => nn.lpPool2d(2, 2, unknown({ padding: 1 })), 'ANNEAL_UNKNOWN_OPTION', /got padding, expected one of stride, ceilMode/],
    ['images for sequences', () => nn.sequential([3, 8, 8], [nn.maxPool1d(2) as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /layer 0: maxPool1d\(2\) expects sequences \[C,L\], but the input has \[3,8,8\]/],
    ['sequences for volumes', () => nn.sequential([3, 8], [nn.adaptiveMaxPool3d(2) as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /adaptiveMaxPool3d\(2\) expects volumes \[C,D,H,W\]/],
    ['a kernel of two sizes', () => nn.avgPool3d(unknown([2, 2])), 'ANNEAL_INVALID_ARGUMENT', /\[avgPool3d\] kernelSize: got \[2,2\], .* \[depth, height, width\]/],
    ['indices of another shape', () => maxUnpool2d(images([1, 1, 2, 2]), zeros([1, 1, 2, 3], { dtype: 'int32' }), 2), 'ANNEAL_SHAPE_MISMATCH', /\[maxUnpool2d\] the shapes differ: got x \[1,1,2,2\], indices \[1,1,2,3\]/],
    ['indices that are float', () => maxUnpool2d(images([1, 1, 2, 2]), images([1, 1, 2, 2]), 2), 'ANNEAL_DTYPE_MISMATCH', /\[maxUnpool2d\].*float32.*int32/],
    ['a kernel of 0', () => nn.maxUnpool2d(0), 'ANNEAL_INVALID_ARGUMENT', /\[maxUnpool2d\] kernelSize: got 0, expected a whole number of at least 1/],
    ['a size that no pooling leaves', () => maxUnpool2d(images([1, 1, 2, 2]), zeros([1, 1, 2, 2], { dtype: 'int32' }), 2, { outputSize: 6 }), 'ANNEAL_INVALID_ARGUMENT', /\[maxUnpool2d\] outputSize: got \[6,6\] for x \[1,1,2,2\], expected less than a stride from \[4,4\]/],
  ])('refuse %s', (_, call, code, message) => refuses(call, code, message));
});

// Images whose channels lie side by side, as convolutions leave them, against row-major ones.
describe('both layouts', () => {
  const [N, C, H, W] = [2, 19, 7, 6];
  const at = (n: number, c: number, h: number, w: number): number => Math.fround(Math.sin(n + 3 * c + 7 * h * h + 11 * w));
  const planes = Float32Array.from({ length: N * C * H * W }, (_, i) => at(Math.floor(i / (C * H * W)), Math.floor(i / (H * W)) % C, Math.floor(i / W) % H, i % W));
  const behind = Float32Array.from({ length: N * C * H * W }, (_, i) => at(Math.floor(i / (C * H * W)), i % C, Math.floor(i / (W * C)) % H, Math.floor(i / C) % W));
  const rowMajor = (): Tensor => asParameter(tensor(planes, { shape: [N, C, H, W] }) as Tensor) as Tensor;
  const channelsLast = (): Tensor => (asParameter(tensor(behind, { shape: [N, H, W, C] }) as Tensor) as Tensor).permute([0, 3, 1, 2]);

  const poolings: Record<string, (x: Tensor) => Tensor> = {
    avgPool2d: (x) => avgPool2d(x, 3, { stride: 2, padding: 1, countIncludePad: false }),
    'avgPool2d, stride 1': (x) => avgPool2d(x, [2, 3], { stride: 1, padding: 1, ceilMode: true }),
    maxPool2d: (x) => maxPool2d(x, 2),
    'maxPool2d, padded': (x) => maxPool2d(x, 3, { stride: 2, padding: 1, ceilMode: true }),
    'maxPool2d, apart': (x) => maxPool2d(x, [2, 3], { stride: 1, dilation: 2 }),
    'maxPool2d, all of it': (x) => maxPool2d(x, [H, W]),
    adaptiveMaxPool2d: (x) => adaptiveMaxPool2d(x, [3, 4]),
    'pad, mirrored': (x) => pad(x, [2, 1, 3, 0], { mode: 'reflect' }),
    'pad, zeros': (x) => pad(x, [2, 1, 3, -1]),
    'interpolate, bilinear': (x) => interpolate(x, { scaleFactor: 1.7, mode: 'bilinear' }),
    'interpolate, bicubic': (x) => interpolate(x, { size: [4, 9], mode: 'bicubic', alignCorners: true }),
  };
  test.each(Object.keys(poolings))('%s has the same bits in both, and so have its gradient and that one\'s', async (name) => {
    const results = await Promise.all([rowMajor(), channelsLast()].map(async (x) => {
      const y = poolings[name]!(x);
      const [dx] = grad(sum(y.mul(y).mul(y) as Tensor), [x], { createGraph: true });
      const [ddx] = grad(sum(dx!.mul(dx!) as Tensor), [x]);
      return Promise.all([y.data(), dx!.data(), ddx!.data()]);
    }));
    expect(results[0]![0].some((v) => v !== 0)).toBe(true);
    expect(results[1]).toEqual(results[0]);
  });
});
