// Layers of convolution: in a chain, their parameters, what they say to what does not fit.
import { describe, expect, test } from 'vitest';
import '../../src/runtime/index.js';
import * as nn from '../../src/nn/index.js';
import { conv1d, conv2d, convTranspose1d, convTranspose2d, ones, uniform, zeros } from '../../src/ops/index.js';
import { key } from '../../src/random.js';
import type { Shape } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';
import { refuses } from './fails.js';

const images = (shape: Shape): Tensor => zeros(shape) as Tensor;
const unknown = (value: unknown): never => value as never;

describe('conv2d', () => {
  test('counts its windows in a chain, and has the parameters of torch.nn.Conv2d', () => {
    const model = nn.sequential([3, 32, 32], nn.conv2d(3, 16, 3, { padding: 1 }), nn.relu(), nn.conv2d(16, 8, [3, 5], { stride: 2, groups: 2, bias: false }), nn.flatten(), nn.linear(1680, 10));
    expect(model.output).toEqual([10]);
    expect(Object.fromEntries([...model.namedParameters()].map(([name, { shape }]) => [name, shape]))).toEqual({
      '0.weight': [16, 3, 3, 3], '0.bias': [16], '2.weight': [8, 8, 3, 5], '4.weight': [10, 1680], '4.bias': [10],
    });
    expect(String(model)).toBe('sequential([3,32,32], conv2d(3, 16, 3), relu(), conv2d(16, 8, [3,5]), flatten(), linear(1680, 10))');
    expect(nn.summary(model).layers[0]).toMatchObject({ output: [16, 32, 32], parameters: 448 });
  });

  test('starts within 1 / sqrt(fan in), as torch.nn.Conv2d does', async () => {
    const weight = await nn.conv2d(4, 32, 3, { groups: 2 }).weight.data();
    const bound = 1 / Math.sqrt(2 * 9);
    expect(Math.max(...weight.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(Math.max(...weight.map(Math.abs))).toBeGreaterThan(0.95 * bound);
  });

  test('of no image is none', async () => {
    expect(conv2d(images([0, 3, 4, 4]), images([2, 3, 3, 3])).shape).toEqual([0, 2, 2, 2]);
    expect([...(await conv2d(images([0, 3, 4, 4]), images([2, 3, 3, 3])).data())]).toEqual([]);
  });

  test('keeps what is computed element by element in its own order, and reads row-major', async () => {
    const x = ones([1, 2, 2, 3]) as Tensor;
    const weight = images([2, 2, 1, 1]).add(1) as Tensor;
    const y = conv2d(x, weight, undefined).mul(2) as Tensor;
    expect([...(await y.data())]).toEqual(Array.from({ length: 12 }, () => 4));
  });

  test('multiplies what it pads with: an infinite weight gives NaN at the border, and nowhere else', async () => {
    const weight = images([1, 1, 1, 3]).add(Infinity) as Tensor;
    expect([...(await conv2d(ones([1, 1, 1, 4]) as Tensor, weight, undefined, { padding: [0, 1] }).data())]).toEqual([NaN, Infinity, Infinity, NaN]);
  });

  test('takes images without a batch', async () => {
    const x = uniform([3, 6, 5], key('images'));
    const [layer, larger] = [nn.conv2d(3, 4, 3), nn.convTranspose2d(3, 2, 2, { stride: 2 })];
    for (const one of [layer, larger] as nn.Module[]) {
      const [got, want] = [one.forward(x as Tensor), one.forward(x.unsqueeze(0) as Tensor)];
      expect([1, ...got.shape]).toEqual(want.shape);
      expect(await got.data()).toEqual(await want.data());
    }
    expect(conv2d(x, layer.weight as never, undefined).shape).toEqual([4, 4, 3]);
    expect(conv1d(ones([2, 7]), ones([3, 2, 3])).shape).toEqual([3, 5]);
  });

  test.each<[string, () => unknown, Parameters<typeof refuses>[1], RegExp]>([
    ['images without channels', () => conv2d(images([8, 8]), images([2, 3, 3, 3])), 'ANNEAL_SHAPE_MISMATCH', /\[conv2d\] the shape does not fit: got x \[8,8\], expected \[N,C,H,W\]/],
    ['other channels', () => conv2d(images([1, 4, 8, 8]), images([2, 3, 3, 3])), 'ANNEAL_SHAPE_MISMATCH', /the channels differ: got x \[1,4,8,8\], weight \[2,3,3,3\], expected 3 channels/],
    ['groups that do not divide', () => conv2d(images([1, 6, 8, 8]), images([5, 3, 3, 3]), undefined, { groups: 2 }), 'ANNEAL_SHAPE_MISMATCH', /5 output channels do not divide into 2 groups/],
    ['a bias of another size', () => conv2d(images([1, 3, 8, 8]), images([2, 3, 3, 3]), images([3])), 'ANNEAL_SHAPE_MISMATCH', /bias does not fit: got \[3\], expected \[2\]/],
    ['a kernel that is too large', () => conv2d(images([1, 1, 3, 8]), images([1, 1, 5, 2])), 'ANNEAL_SHAPE_MISMATCH', /the kernel \[5,2\] does not fit into the padded images \[3,8\]/],
    ['a kernel that dilation makes too large', () => conv2d(images([1, 1, 4, 4]), images([1, 1, 3, 3]), undefined, { dilation: 2 }), 'ANNEAL_SHAPE_MISMATCH', /with dilation \[2,2\] does not fit/],
    ['whole numbers', () => conv2d(zeros([1, 1, 4, 4], { dtype: 'int32' }) as Tensor, images([1, 1, 3, 3])), 'ANNEAL_DTYPE_MISMATCH', /int32/],
    ["padding 'same' with a stride", () => nn.conv2d(1, 1, 3, { padding: 'same', stride: 2 }), 'ANNEAL_INVALID_ARGUMENT', /padding 'same' with a stride of \[2,2\]/],
    ['a stride of 0', () => nn.conv2d(1, 1, 3, { stride: 0 }), 'ANNEAL_INVALID_ARGUMENT', /stride: got 0, expected a whole number of at least 1, or one each: \[height, width\]/],
    ['three sizes of a kernel', () => nn.conv2d(1, 1, unknown([1, 2, 3])), 'ANNEAL_INVALID_ARGUMENT', /kernelSize: got \[1,2,3\]/],
    ['no channels', () => nn.conv2d(0, 1, 3), 'ANNEAL_INVALID_ARGUMENT', /inChannels: got 0, expected a whole number of at least 1/],
    ['groups that do not divide a layer', () => nn.conv2d(4, 6, 3, unknown({ groups: 4 })), 'ANNEAL_INVALID_ARGUMENT', /groups: got 4 for 6 output channels/],
    ['another name', () => nn.conv2d(1, 1, 3, unknown({ strides: 2 })), 'ANNEAL_UNKNOWN_OPTION', /got strides, .*Did you mean stride\?/],
    ['a chain of other channels', () => nn.sequential([1, 8, 8], [nn.conv2d(3, 4, 3) as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /layer 0: conv2d\(3, 4, 3\) expects 3 channels, but the input has 1/],
    ['a chain without channels', () => nn.sequential([28, 28], [nn.conv2d(1, 4, 3) as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /expects images \[C,H,W\], but the input has \[28,28\]/],
    ['a chain of small images', () => nn.sequential([1, 2, 2], [nn.conv2d(1, 4, 3) as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /expects images that are not smaller than its kernel/],
    ['a sequence of images', () => conv1d(images([1, 1, 4, 4]), images([1, 1, 3])), 'ANNEAL_SHAPE_MISMATCH', /\[conv1d\] the shape does not fit: got x \[1,1,4,4\], expected \[N,C,L\]/],
  ])('refuses %s', (_, call, code, message) => refuses(call, code, message));
});

describe('convTranspose2d', () => {
  test('doubles images, as torch does', () => {
    const model = nn.sequential([16, 7, 7], nn.convTranspose2d(16, 8, 4, { stride: 2, padding: 1 }), nn.relu(), nn.conv2d(8, 1, 3, { padding: 1 }));
    expect(model.output).toEqual([1, 14, 14]);
    expect(model.forward(images([2, 16, 7, 7]) as never).shape).toEqual([2, 1, 14, 14]);
  });

  test.each<[string, () => unknown, Parameters<typeof refuses>[1], RegExp]>([
    ['more outputPadding than a stride', () => nn.convTranspose2d(1, 1, 3, { stride: 2, outputPadding: 2 }), 'ANNEAL_INVALID_ARGUMENT', /outputPadding: got \[2,2\], expected less than the stride/],
    ["padding 'same'", () => nn.convTranspose2d(1, 1, 3, unknown({ padding: 'same' })), 'ANNEAL_INVALID_ARGUMENT', /\[convTranspose2d\] padding: got 'same', expected a whole number of at least 0/],
    ["padding 'valid'", () => convTranspose1d(images([1, 1, 4]), images([1, 1, 3]), undefined, unknown({ padding: 'valid' })), 'ANNEAL_INVALID_ARGUMENT', /\[convTranspose1d\] padding: got 'valid', expected a whole number/],
    ['padding that leaves nothing', () => convTranspose2d(images([1, 1, 1, 1]), images([1, 1, 2, 2]), undefined, { padding: 1 }), 'ANNEAL_SHAPE_MISMATCH', /nothing is left of the images/],
    ['other channels', () => convTranspose2d(images([1, 2, 3, 3]), images([3, 1, 2, 2])), 'ANNEAL_SHAPE_MISMATCH', /the channels differ: got x \[1,2,3,3\], weight \[3,1,2,2\], expected 3/],
  ])('refuses %s', (_, call, code, message) => refuses(call, code, message));
});
