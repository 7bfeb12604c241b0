import { describe, expectTypeOf, it } from 'vitest';
import * as nn from '../../src/nn/index.js';
import { adaptiveAvgPool2d, adaptiveMaxPool2dWithIndices, avgPool2d, maxPool2d, maxPool2dWithIndices } from '../../src/ops/index.js';
import type { Shape } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';
import type { Windows } from '../../src/window-types.js';

declare const images: Tensor<[32, 3, 28, 20], 'float32'>;
declare const some: Tensor<[number, number, number, number], 'float32'>;
declare const anything: Tensor;
declare const size: number;

describe('the number of windows', () => {
  it('is counted', () => {
    expectTypeOf<Windows<28, 2, 2, 0, false>>().toEqualTypeOf<14>();
    expectTypeOf<Windows<7, 2, 2, 0, false>>().toEqualTypeOf<3>();
    expectTypeOf<Windows<7, 2, 2, 0, true>>().toEqualTypeOf<4>();
    expectTypeOf<Windows<224, 3, 2, 1, false>>().toEqualTypeOf<112>();
    expectTypeOf<Windows<999, 3, 1, 1, false>>().toEqualTypeOf<999>();
    expectTypeOf<Windows<4, 2, 2, 1, true>>().toEqualTypeOf<3>();
    expectTypeOf<Windows<3, 2, 3, 0, true>>().toEqualTypeOf<1>();
    expectTypeOf<Windows<3, 2, 2, 1, true>>().toEqualTypeOf<2>();
    expectTypeOf<Windows<3, 4, 1, 0, false>>().toEqualTypeOf<never>();
    expectTypeOf<Windows<0, 2, 1, 1, false>>().toEqualTypeOf<never>();
    expectTypeOf<Windows<1000, 2, 2, 0, false>>().toEqualTypeOf<number>();
    expectTypeOf<Windows<number, 2, 2, 0, false>>().toEqualTypeOf<number>();
    expectTypeOf<Windows<7, 2, 2, 0, boolean>>().toEqualTypeOf<number>();
  });
});

describe('a pooling to a size', () => {
  it('has it, and that of the images where it is null', () => {
    expectTypeOf(adaptiveAvgPool2d(images, [null, 2])).toEqualTypeOf<Tensor<[32, 3, 28, 2], 'float32'>>();
    expectTypeOf(adaptiveAvgPool2d(images, null)).toEqualTypeOf<Tensor<[32, 3, 28, 20], 'float32'>>();
    expectTypeOf(adaptiveAvgPool2d(images, [size, null])).toEqualTypeOf<Tensor<[32, 3, number, 20], 'float32'>>();
    expectTypeOf(nn.sequential([4, 9, 7], nn.adaptiveAvgPool2d([2, null]))).toEqualTypeOf<nn.Sequential<[4, 9, 7], [4, 2, 7]>>();
    // @ts-expect-error two axes
    adaptiveAvgPool2d(images, [null, 1, 2]);
  });
});

describe('maxima and their indices', () => {
  it('have the shape of the windows', () => {
    expectTypeOf(maxPool2dWithIndices(images, 2).indices).toEqualTypeOf<Tensor<[32, 3, 14, 10], 'int32'>>();
    expectTypeOf(adaptiveMaxPool2dWithIndices(images, [1, null]).values).toEqualTypeOf<Tensor<[32, 3, 1, 20], 'float32'>>();
  });
});

describe('avgPool2d', () => {
  it('has the shape of its windows', () => {
    expectTypeOf(avgPool2d(images, 2)).toEqualTypeOf<Tensor<[32, 3, 14, 10], 'float32'>>();
    expectTypeOf(avgPool2d(images, [3, 2], { stride: [2, 1], padding: [1, 0] })).toEqualTypeOf<Tensor<[32, 3, 14, 19], 'float32'>>();
    expectTypeOf(avgPool2d(images, 3, { countIncludePad: false })).toEqualTypeOf<Tensor<[32, 3, 9, 6], 'float32'>>();
    expectTypeOf(avgPool2d(images, size)).toEqualTypeOf<Tensor<[32, 3, number, number], 'float32'>>();
    expectTypeOf(avgPool2d(some, 2)).toEqualTypeOf<Tensor<[number, number, number, number], 'float32'>>();
    expectTypeOf(avgPool2d(anything, 2)).toEqualTypeOf<Tensor<Shape>>();
  });

  it('does not take images that are smaller than its kernel', () => {
    // @ts-expect-error [avgPool2d] the kernel 21 is larger than the padded image
    avgPool2d(images, 21);
    avgPool2d(images, 21, { padding: 1 });
    // @ts-expect-error strides are numbers
    avgPool2d(images, 2, { stride: 'two' });
  });
});

describe('maxPool2d', () => {
  it('has the shape of its windows, which dilation spreads', () => {
    expectTypeOf(maxPool2d(images, 2)).toEqualTypeOf<Tensor<[32, 3, 14, 10], 'float32'>>();
    expectTypeOf(maxPool2d(images, 3, { stride: 1, dilation: [2, 1] })).toEqualTypeOf<Tensor<[32, 3, 24, 18], 'float32'>>();
    expectTypeOf(maxPool2d(images, 3, { stride: 2, padding: 1, ceilMode: true })).toEqualTypeOf<Tensor<[32, 3, 15, 11], 'float32'>>();
    expectTypeOf(maxPool2d(some, 2)).toEqualTypeOf<Tensor<[number, number, number, number], 'float32'>>();
    // @ts-expect-error [maxPool2d] the kernel 11 is larger than the padded image
    maxPool2d(images, 11, { dilation: 3 });
    // @ts-expect-error averages have no dilation
    avgPool2d(images, 2, { dilation: 2 });
  });

  it('has its place in a chain', () => {
    const model = nn.sequential([1, 28, 28], nn.maxPool2d(2), nn.maxPool2d(3, { stride: 2, padding: 1 }), nn.flatten(), nn.linear(49, 10));
    expectTypeOf(model).toEqualTypeOf<nn.Sequential<[1, 28, 28], [10]>>();
    // @ts-expect-error maxPool2d(5) expects images that are not smaller than its kernel, but the input has [1,3,3]
    nn.sequential([1, 3, 3], nn.maxPool2d(5), nn.flatten());
  });
});

describe('adaptiveAvgPool2d', () => {
  it('has the size that it is asked for', () => {
    expectTypeOf(adaptiveAvgPool2d(images, [3, 2])).toEqualTypeOf<Tensor<[32, 3, 3, 2], 'float32'>>();
    expectTypeOf(adaptiveAvgPool2d(some, size)).toEqualTypeOf<Tensor<[number, number, number, number], 'float32'>>();
    expectTypeOf(nn.sequential([3, 9, 9], nn.adaptiveAvgPool2d(1), nn.flatten(), nn.linear(3, 10))).toEqualTypeOf<nn.Sequential<[3, 9, 9], [10]>>();
    // @ts-expect-error adaptiveAvgPool2d(1) expects images [C,H,W], but the input has [9,9]
    nn.sequential([9, 9], nn.adaptiveAvgPool2d(1));
  });
});

describe('the layer', () => {
  it('has its place in a chain', () => {
    const model = nn.sequential([1, 28, 28], nn.avgPool2d(2), nn.avgPool2d(3, { stride: 2, padding: 1, ceilMode: true }), nn.flatten(), nn.linear(64, 10));
    expectTypeOf(model).toEqualTypeOf<nn.Sequential<[1, 28, 28], [10]>>();
    expectTypeOf(nn.avgPool2d(2).forward(images)).toEqualTypeOf<Tensor<[32, 3, 14, 10], 'float32'>>();
  });

  it('is where the error stands, in words', () => {
    // @ts-expect-error avgPool2d(5) expects images that are not smaller than its kernel, but the input has [1,3,3]
    nn.sequential([1, 3, 3], nn.avgPool2d(5), nn.flatten());
    // @ts-expect-error avgPool2d([2,2]) expects images [C,H,W], but the layer before it gives [784]
    nn.sequential([1, 28, 28], nn.flatten(), nn.avgPool2d([2, 2]));
    // @ts-expect-error linear(144, 10) expects 144 features, but the layer before it gives 196
    nn.sequential([1, 28, 28], nn.avgPool2d(2), nn.flatten(), nn.linear(144, 10));
    const layer = nn.avgPool2d(5);
    // @ts-expect-error [avgPool2d] the kernel 5 is larger than the padded image
    layer.forward(0 as unknown as Tensor<[1, 1, 4, 4], 'float32'>);
  });
});
