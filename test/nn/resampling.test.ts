// Padding, interpolation, pixels as channels: values, places in a chain, what they say to what does not fit. PyTorch's numbers are in test/parity/resampling.json.
import { describe, expect, test } from 'vitest';
import '../../src/runtime/index.js';
import * as nn from '../../src/nn/index.js';
import { conv2d, interpolate, ones, pad, pixelShuffle, pixelUnshuffle, tensor, uniform, zeros } from '../../src/ops/index.js';
import { key } from '../../src/random.js';
import type { Shape } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';
import { refuses } from './fails.js';

const images = (shape: Shape): Tensor => zeros(shape) as Tensor;
const unknown = (value: unknown): never => value as never;
const values = async (x: Tensor): Promise<number[]> => [...(await x.data())];
const row = tensor([[[1, 2, 3, 4]]]);

describe('pad', () => {
  test('puts around what the mode says', async () => {
    expect(await values(pad(row, [1, 2], { value: 7 }) as Tensor)).toEqual([7, 1, 2, 3, 4, 7, 7]);
    expect(await values(pad(row, [2, 3], { mode: 'reflect' }) as Tensor)).toEqual([3, 2, 1, 2, 3, 4, 3, 2, 1]);
    expect(await values(pad(row, [1, 5], { mode: 'replicate' }) as Tensor)).toEqual([1, 1, 2, 3, 4, 4, 4, 4, 4, 4]);
    expect(await values(pad(row, [4, 1], { mode: 'circular' }) as Tensor)).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 1]);
    expect(await values(pad(row, [-1, 1], { mode: 'circular' }) as Tensor)).toEqual([2, 3, 4, 2]);
    expect(await values(pad(row, [-1, -3]) as Tensor)).toEqual([]);
  });

  test('keeps dtypes, the sign of zero, and what is not finite', async () => {
    const bytes = pad(tensor([1, 2], { dtype: 'uint8' }), [1, 0], { value: 255 });
    expect(bytes.dtype).toBe('uint8');
    expect(await values(bytes as Tensor)).toEqual([255, 1, 2]);
    expect(await values(pad(tensor([[[-0, NaN, Infinity]]]), [2, 1], { mode: 'reflect' }) as Tensor)).toEqual([Infinity, NaN, -0, NaN, Infinity, NaN]);
    expect(await values(pad(row, [1, 0], { value: NaN }) as Tensor)).toEqual([NaN, 1, 2, 3, 4]);
  });

  test('has layers, with places in a chain', async () => {
    const model = nn.sequential([1, 3, 4], nn.zeroPad2d(1), nn.reflectionPad2d([2, 0, 1, 1]), nn.constantPad2d([-1, -2, 0, 0], 3), nn.replicationPad2d([0, 1, 0, 2]), nn.circularPad2d(1));
    expect(model.output).toEqual([1, 11, 8]);
    expect(model.builtin).toBe(true);
    expect(model.forward(images([2, 1, 3, 4]) as never).shape).toEqual([2, 1, 11, 8]);
    expect(String(model)).toBe('sequential([1,3,4], zeroPad2d(1), reflectionPad2d([2,0,1,1]), constantPad2d([-1,-2,0,0], 3), replicationPad2d([0,1,0,2]), circularPad2d(1))');
    expect(nn.replicationPad1d([1, 0]).forward(images([2, 3])).shape).toEqual([2, 4]);
    expect(nn.constantPad3d(1, 2).forward(images([0, 3, 2, 2, 2])).shape).toEqual([0, 3, 4, 4, 4]);
    const names = [nn.constantPad1d(1, 0), nn.zeroPad1d(1), nn.zeroPad3d(1), nn.reflectionPad1d(1), nn.reflectionPad3d(1), nn.replicationPad3d(1), nn.circularPad1d(1), nn.circularPad3d(1)].map(String);
    expect(names).toEqual(['constantPad1d(1, 0)', 'zeroPad1d(1)', 'zeroPad3d(1)', 'reflectionPad1d(1)', 'reflectionPad3d(1)', 'replicationPad3d(1)', 'circularPad1d(1)', 'circularPad3d(1)']);
  });

  test.each<[string, () => unknown, Parameters<typeof refuses>[1], RegExp]>([
    ['an odd number of pads', () => pad(row, unknown([1])), 'ANNEAL_INVALID_ARGUMENT', /\[pad\] pad: got \[1\], expected two whole numbers for each axis/],
    ['too many pads', () => pad(tensor([1]), [1, 1, 0, 0]), 'ANNEAL_INVALID_ARGUMENT', /got \[1,1,0,0\] for 1 dimensions, expected at most 2 numbers/],
    ['half an element', () => pad(row, [0.5, 1]), 'ANNEAL_INVALID_ARGUMENT', /pad: got \[0.5,1\]/],
    ['to leave away more than there is', () => pad(row, [-3, -2]), 'ANNEAL_SHAPE_MISMATCH', /nothing is left along axis 2: got x \[1,1,4\], of which 3 and 2 are to be left away/],
    ['to mirror all of it', () => pad(row, [4, 0], { mode: 'reflect' }), 'ANNEAL_SHAPE_MISMATCH', /the padding is too large for mode 'reflect': got 4 and 0 along axis 2 of x \[1,1,4\], expected at most 3/],
    ['to go around twice', () => pad(row, [0, 5], { mode: 'circular' }), 'ANNEAL_SHAPE_MISMATCH', /too large for mode 'circular': got 0 and 5 along axis 2 of x \[1,1,4\], expected at most 4/],
    ['to repeat nothing', () => pad(images([1, 1, 0]), [0, 1], { mode: 'replicate' }), 'ANNEAL_SHAPE_MISMATCH', /too large for mode 'replicate'.*expected at most 0/],
    ['another mode', () => pad(row, [1, 1], { mode: unknown('reflection') }), 'ANNEAL_INVALID_ARGUMENT', /unknown mode: got 'reflection'.*Did you mean 'reflect'/],
    ['a value where none stands', () => pad(row, [1, 1], { mode: 'reflect', value: 1 }), 'ANNEAL_INVALID_ARGUMENT', /value: got 1 for mode 'reflect'/],
    ['a value that is no byte', () => pad(tensor([1], { dtype: 'uint8' }), [1, 1], { value: 256 }), 'ANNEAL_INVALID_ARGUMENT', /value: got 256 for uint8, expected a whole number from 0 to 255/],
    ['mirrored whole numbers', () => pad(zeros([1, 1, 4], { dtype: 'int32' }), [1, 1], { mode: 'reflect' }), 'ANNEAL_DTYPE_MISMATCH', /\[pad\].*int32 \[1,1,4\], expected float32/],
    ['mirrored batches', () => pad(images([2, 3, 4, 4]), [1, 1], { mode: 'reflect' }), 'ANNEAL_SHAPE_MISMATCH', /mode 'reflect' does not fit: got x \[2,3,4,4\] and 2 numbers/],
    ['two pads of images', () => nn.zeroPad2d(unknown([1, 1])), 'ANNEAL_INVALID_ARGUMENT', /\[zeroPad2d\] padding: got \[1,1\], expected a whole number, or one each: \[left, right, top, bottom\]/],
    ['a value that is no number', () => nn.constantPad1d(1, unknown('1')), 'ANNEAL_INVALID_ARGUMENT', /\[constantPad1d\] value: got '1'/],
    ['a chain of sequences', () => nn.sequential([3, 8], [nn.reflectionPad2d(1) as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /layer 0: reflectionPad2d\(1\) expects images \[C,H,W\]/],
    ['images without channels', () => nn.zeroPad2d(1).forward(images([3, 4])), 'ANNEAL_SHAPE_MISMATCH', /\[zeroPad2d\] the shape does not fit: got x \[3,4\]/],
  ])('refuses %s', (_, call, code, message) => refuses(call, code, message));
});

describe('paddingMode of a convolution', () => {
  test.each(['reflect', 'replicate', 'circular'] as const)('%s pads as pad() does', async (paddingMode) => {
    const x = uniform([2, 3, 6, 5], key('images')) as Tensor;
    const layer = nn.conv2d(3, 4, [3, 2], { padding: [2, 1], paddingMode });
    const padded = pad(x, [1, 1, 2, 2], { mode: paddingMode }) as Tensor;
    expect(await values(layer.forward(x) as Tensor)).toEqual(await values(conv2d(padded, layer.weight as Tensor, layer.bias as Tensor)));
    expect(nn.sequential([3, 6, 5], layer).output).toEqual([4, 8, 6]);
    expect((layer.forward(x.slice(0, 1).squeeze(0) as Tensor) as Tensor).shape).toEqual([4, 8, 6]);
  });

  test("goes with padding 'same' of even kernels", async () => {
    const layer = nn.conv1d(1, 1, 4, { padding: 'same', paddingMode: 'circular', bias: false });
    await layer.loadStateDict({ weight: Float32Array.of(1, 10, 100, 1000) });
    expect(await values(layer.forward(row) as Tensor)).toEqual([3214, 4321, 1432, 2143]);
  });

  test('refuses others', () => {
    refuses(() => nn.conv2d(1, 1, 3, { paddingMode: unknown('mirror') }), 'ANNEAL_INVALID_ARGUMENT', /\[conv2d\] unknown paddingMode: got 'mirror', expected one of 'zeros', 'reflect'/);
    refuses(() => nn.conv2d(1, 1, 5, { padding: 2, paddingMode: 'reflect' }).forward(images([1, 1, 2, 2])), 'ANNEAL_SHAPE_MISMATCH', /\[conv2d\] the padding is too large for mode 'reflect'/);
    refuses(() => conv2d(images([1, 1, 4, 4]), images([1, 1, 3, 3]), undefined, unknown({ paddingMode: 'reflect' })), 'ANNEAL_UNKNOWN_OPTION', /paddingMode/);
  });
});

describe('interpolate', () => {
  test('has elements between elements', async () => {
    const x = tensor([[[0, 2]]]);
    expect(await values(interpolate(x, { size: 4, mode: 'linear' }) as Tensor)).toEqual([0, 0.5, 1.5, 2]);
    expect(await values(interpolate(x, { size: 5, mode: 'linear', alignCorners: true }) as Tensor)).toEqual([0, 0.5, 1, 1.5, 2]);
    expect(await values(interpolate(x, { scaleFactor: 2 }) as Tensor)).toEqual([0, 0, 2, 2]);
    expect(await values(interpolate(row, { size: 3, mode: 'nearest-exact' }) as Tensor)).toEqual([1, 3, 4]);
    expect(await values(interpolate(row, { size: 3 }) as Tensor)).toEqual([1, 2, 3]);
  });

  test('of nothing is nothing', () => {
    expect(interpolate(images([0, 3, 4, 4]), { size: 2, mode: 'bilinear' }).shape).toEqual([0, 3, 2, 2]);
    expect(interpolate(images([2, 0, 4, 4]), { scaleFactor: 1.5, mode: 'bicubic' }).shape).toEqual([2, 0, 6, 6]);
  });

  test('has a layer, with a place in a chain', async () => {
    const model = nn.sequential([4, 5, 7], nn.upsample({ scaleFactor: 2 }), nn.upsample({ size: [3, 9], mode: 'bicubic' }), nn.upsample({ scaleFactor: [1.5, 0.5], mode: 'bilinear', alignCorners: true }));
    expect(model.output).toEqual([4, 4, 4]);
    expect(model.builtin).toBe(true);
    expect(model.forward(images([2, 4, 5, 7]) as never).shape).toEqual([2, 4, 4, 4]);
    expect(String(nn.sequential([1, 4], nn.upsample({ size: 8, mode: 'linear' })))).toBe("sequential([1,4], upsample({ size: 8, mode: 'linear' }))");
    expect(nn.sequential([1, 2, 2, 2], nn.upsample({ scaleFactor: 2, mode: 'trilinear' })).output).toEqual([1, 4, 4, 4]);
  });

  test.each<[string, () => unknown, Parameters<typeof refuses>[1], RegExp]>([
    ['neither size nor factor', () => interpolate(row, {}), 'ANNEAL_INVALID_ARGUMENT', /\[interpolate\] got neither size nor scaleFactor/],
    ['both', () => nn.upsample({ size: 2, scaleFactor: 2 }), 'ANNEAL_INVALID_ARGUMENT', /\[upsample\] got both size and scaleFactor/],
    ['images by a mode of sequences', () => interpolate(images([1, 1, 4, 4]), { size: 2, mode: 'linear' }), 'ANNEAL_INVALID_ARGUMENT', /mode: got 'linear' for images of 2 spatial axes, expected 'bilinear' or 'bicubic'/],
    ['sequences by a mode of images', () => nn.sequential([1, 4], nn.upsample({ size: 2, mode: 'bilinear' })), 'ANNEAL_INVALID_ARGUMENT', /\[upsample\] mode: got 'bilinear' for images of 1 spatial axis, expected 'linear'/],
    ['a filter of the nearest', () => interpolate(row, { size: 2, antialias: true }), 'ANNEAL_INVALID_ARGUMENT', /antialias: got it for mode 'nearest', expected 'bilinear' or 'bicubic'/],
    ['corners of the nearest', () => interpolate(row, { size: 2, alignCorners: true }), 'ANNEAL_INVALID_ARGUMENT', /alignCorners: got true for mode 'nearest'/],
    ['a factor of 0', () => interpolate(row, { scaleFactor: 0 }), 'ANNEAL_INVALID_ARGUMENT', /scaleFactor: got 0, expected a number above 0/],
    ['two factors of sequences', () => interpolate(row, { scaleFactor: unknown([2, 2]) }), 'ANNEAL_INVALID_ARGUMENT', /scaleFactor: got \[2,2\].* each of 1 spatial axes/],
    ['a size of 0', () => interpolate(row, { size: 0 }), 'ANNEAL_INVALID_ARGUMENT', /size: got 0, expected a whole number of at least 1/],
    ['a factor that leaves nothing', () => interpolate(row, { scaleFactor: 0.2 }), 'ANNEAL_SHAPE_MISMATCH', /sizes of 0: got x \[1,1,4\], which would become \[0\]/],
    ['another mode', () => interpolate(row, { size: 2, mode: unknown('cubic') }), 'ANNEAL_INVALID_ARGUMENT', /unknown mode: got 'cubic'/],
    ['images without a batch', () => interpolate(images([4, 4]), { size: 2 }), 'ANNEAL_SHAPE_MISMATCH', /\[interpolate\] the shape does not fit: got x \[4,4\]/],
    ['whole numbers', () => interpolate(zeros([1, 1, 4], { dtype: 'int32' }), { size: 2 }), 'ANNEAL_DTYPE_MISMATCH', /int32 \[1,1,4\], expected float32/],
    ['a chain of features', () => nn.sequential([10], [nn.upsample({ size: 2 }) as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /expects images \[C,..\] of one to three axes, but the input has \[10\]/],
  ])('refuses %s', (_, call, code, message) => refuses(call, code, message));
});

describe('pixelShuffle', () => {
  test('makes channels pixels, and back', async () => {
    const x = tensor(Float32Array.from({ length: 8 }, (_, i) => i), { shape: [1, 4, 1, 2] });
    const y = pixelShuffle(x, 2);
    expect(y.shape).toEqual([1, 1, 2, 4]);
    expect(await values(y as Tensor)).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
    expect(await values(pixelUnshuffle(y, 2) as Tensor)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const model = nn.sequential([8, 3, 5], nn.pixelShuffle(2), nn.zeroPad2d([0, 0, 0, 0]), nn.pixelUnshuffle(2));
    expect(model.output).toEqual([8, 3, 5]);
    expect(model.builtin).toBe(true);
    expect(String(model)).toBe('sequential([8,3,5], pixelShuffle(2), zeroPad2d([0,0,0,0]), pixelUnshuffle(2))');
    expect(model.forward(ones([2, 8, 3, 5])).shape).toEqual([2, 8, 3, 5]);
  });

  test.each<[string, () => unknown, Parameters<typeof refuses>[1], RegExp]>([
    ['channels that are no squares', () => pixelShuffle(images([1, 6, 2, 2]), 2), 'ANNEAL_SHAPE_MISMATCH', /\[pixelShuffle\] 6 channels do not divide into squares of 2x2: got x \[1,6,2,2\], expected a multiple of 4/],
    ['images that are no squares', () => pixelUnshuffle(images([1, 6, 3, 2]), 2), 'ANNEAL_SHAPE_MISMATCH', /\[pixelUnshuffle\] the images do not divide into squares of 2x2/],
    ['a factor of 0', () => nn.pixelShuffle(0), 'ANNEAL_INVALID_ARGUMENT', /\[pixelShuffle\] upscaleFactor: got 0/],
    ['half a factor', () => nn.pixelUnshuffle(0.5), 'ANNEAL_INVALID_ARGUMENT', /\[pixelUnshuffle\] downscaleFactor: got 0.5/],
    ['two dimensions', () => pixelShuffle(images([4, 4]), 2), 'ANNEAL_SHAPE_MISMATCH', /\[pixelShuffle\] the shape does not fit: got x \[4,4\], expected \[..,C,H,W\]/],
    ['a chain of other channels', () => nn.sequential([6, 2, 2], [nn.pixelShuffle(2) as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /layer 0: pixelShuffle\(2\) expects images \[C,H,W\] whose channels 4 divides, but the input has \[6,2,2\]/],
    ['a chain of odd sizes', () => nn.sequential([6, 3, 2], [nn.pixelUnshuffle(2) as nn.Module]), 'ANNEAL_SHAPE_MISMATCH', /expects images \[C,H,W\] whose sizes 2 divides/],
  ])('refuses %s', (_, call, code, message) => refuses(call, code, message));
});
