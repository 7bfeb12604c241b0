import { describe, expectTypeOf, it } from 'vitest';
import * as nn from '../../src/nn/index.js';
import { interpolate, pad, pixelShuffle, pixelUnshuffle } from '../../src/ops/index.js';
import type { Shape } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';

declare const images: Tensor<[8, 12, 32, 28], 'float32'>;
declare const some: Tensor<[number, 12, number, 28], 'float32'>;
declare const anything: Tensor;
declare const size: number;

describe('padding', () => {
  it('adds what stands around', () => {
    expectTypeOf(pad(images, [1, 2])).toEqualTypeOf<Tensor<[8, 12, 32, 31], 'float32'>>();
    expectTypeOf(pad(images, [0, 0, 3, 3, 1, 0], { mode: 'constant' })).toEqualTypeOf<Tensor<[8, 13, 38, 28], 'float32'>>();
    expectTypeOf(pad(images, [-1, 0])).toEqualTypeOf<Tensor<[8, 12, 32, number], 'float32'>>();
    expectTypeOf(pad(some, [1, 1, 1, 1])).toEqualTypeOf<Tensor<[number, 12, number, 30], 'float32'>>();
    expectTypeOf(pad(anything, [1, 1])).toEqualTypeOf<Tensor<Shape>>();
    // @ts-expect-error no such mode
    pad(images, [1, 1], { mode: 'mirror' });
  });

  it('has its place in a chain', () => {
    expectTypeOf(nn.sequential([3, 8, 9], nn.zeroPad2d(1), nn.reflectionPad2d([1, 0, 2, 0]), nn.constantPad2d([-1, 0, 0, 0], 2))).toEqualTypeOf<nn.Sequential<[3, 8, 9], [3, 12, number]>>();
    expectTypeOf(nn.sequential([3, 8], nn.circularPad1d([2, 1]))).toEqualTypeOf<nn.Sequential<[3, 8], [3, 11]>>();
    expectTypeOf(nn.replicationPad3d(size).forward(0 as unknown as Tensor<[1, 2, 3, 4, 5], 'float32'>)).toEqualTypeOf<Tensor<[1, 2, number, number, number], 'float32'>>();
    // @ts-expect-error a padding expects images [C,H,W], but the input has [3,8]
    nn.sequential([3, 8], nn.zeroPad2d(1));
    // @ts-expect-error two numbers are no padding of images
    nn.zeroPad2d([1, 1]);
  });
});

describe('interpolation', () => {
  it('has the sizes that it is told', () => {
    expectTypeOf(interpolate(images, { size: 7 })).toEqualTypeOf<Tensor<[8, 12, 7, 7], 'float32'>>();
    expectTypeOf(interpolate(images, { size: [7, 9], mode: 'bilinear' })).toEqualTypeOf<Tensor<[8, 12, 7, 9], 'float32'>>();
    expectTypeOf(interpolate(images, { scaleFactor: 2 })).toEqualTypeOf<Tensor<[8, 12, 64, 56], 'float32'>>();
    expectTypeOf(interpolate(images, { scaleFactor: [3, 1.5] })).toEqualTypeOf<Tensor<[8, 12, 96, number], 'float32'>>();
    expectTypeOf(interpolate(anything, { size: 7 })).toEqualTypeOf<Tensor<Shape>>();
    expectTypeOf(nn.sequential([4, 7, 7], nn.upsample({ scaleFactor: 2 }), nn.conv2d(4, 2, 3))).toEqualTypeOf<nn.Sequential<[4, 7, 7], [2, 12, 12]>>();
  });
});

describe('pixels as channels', () => {
  it('multiplies and divides sizes', () => {
    expectTypeOf(pixelShuffle(images, 2)).toEqualTypeOf<Tensor<[8, 3, 64, 56], 'float32'>>();
    expectTypeOf(pixelUnshuffle(images, 4)).toEqualTypeOf<Tensor<[8, 192, 8, 7], 'float32'>>();
    expectTypeOf(pixelShuffle(some, 2)).toEqualTypeOf<Tensor<[number, 3, number, 56], 'float32'>>();
    expectTypeOf(nn.sequential([8, 3, 5], nn.pixelShuffle(2), nn.pixelUnshuffle(2))).toEqualTypeOf<nn.Sequential<[8, 3, 5], [8, 3, 5]>>();
  });
});

describe('poolings of other ranks', () => {
  it('count windows of their axes', () => {
    expectTypeOf(nn.sequential([3, 20], nn.maxPool1d(2), nn.avgPool1d(3, { stride: 1, padding: 1 }), nn.lpPool1d(2, 4), nn.adaptiveMaxPool1d(2))).toEqualTypeOf<nn.Sequential<[3, 20], [3, 2]>>();
    expectTypeOf(nn.sequential([2, 8, 9, 10], nn.maxPool3d([1, 2, 3]), nn.adaptiveAvgPool3d([2, 1, 3]))).toEqualTypeOf<nn.Sequential<[2, 8, 9, 10], [2, 2, 1, 3]>>();
    // @ts-expect-error maxPool1d(2) expects sequences [C,L], but the input has [3,8,8]
    nn.sequential([3, 8, 8], nn.maxPool1d(2));
    // @ts-expect-error avgPool1d(9) expects images that are not smaller than its kernel, but the input has [3,8]
    nn.sequential([3, 8], nn.avgPool1d(9));
  });
});
