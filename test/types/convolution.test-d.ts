import { describe, expectTypeOf, it } from 'vitest';
import * as nn from '../../src/nn/index.js';
import { conv2d, conv1d } from '../../src/ops/index.js';
import type { Shape } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';

declare const images: Tensor<[8, 3, 32, 28], 'float32'>;
declare const weight: Tensor<[16, 3, 3, 5], 'float32'>;
declare const anything: Tensor;
declare const channels: number;

describe('conv2d', () => {
  it('has the shape of its windows', () => {
    expectTypeOf(conv2d(images, weight)).toEqualTypeOf<Tensor<[8, 16, 30, 24], 'float32'>>();
    expectTypeOf(conv2d(images, weight, undefined, { stride: [2, 1], padding: 1 })).toEqualTypeOf<Tensor<[8, 16, 16, 26], 'float32'>>();
    expectTypeOf(conv2d(images, weight, undefined, { dilation: [3, 2] })).toEqualTypeOf<Tensor<[8, 16, 26, 20], 'float32'>>();
    expectTypeOf(conv2d(images, weight, undefined, { padding: 'same' })).toEqualTypeOf<Tensor<[8, 16, 32, 28], 'float32'>>();
    expectTypeOf(conv2d(0 as unknown as Tensor<[3, 32, 28], 'float32'>, weight)).toEqualTypeOf<Tensor<[16, 30, 24], 'float32'>>();
    expectTypeOf(conv2d(anything, anything)).toEqualTypeOf<Tensor<Shape>>();
    expectTypeOf(conv1d(0 as unknown as Tensor<[2, 4, 100], 'float32'>, 0 as unknown as Tensor<[6, 4, 10], 'float32'>, undefined, { stride: 3 })).toEqualTypeOf<Tensor<[2, 6, 31], 'float32'>>();
  });

  it('does not take other channels, or images that are smaller than its kernel', () => {
    // @ts-expect-error [conv2d] weight takes 4 channels, x has 3
    conv2d(images, 0 as unknown as Tensor<[16, 4, 3, 3], 'float32'>);
    // @ts-expect-error [conv2d] the kernel does not fit into the padded images
    conv2d(images, 0 as unknown as Tensor<[16, 3, 33, 3], 'float32'>);
    conv2d(images, 0 as unknown as Tensor<[16, 3, 33, 3], 'float32'>, undefined, { padding: 1 });
  });
});

describe('the layer', () => {
  it('has its place in a chain', () => {
    const model = nn.sequential([1, 28, 28], nn.conv2d(1, 32, 3, { padding: 1 }), nn.relu(), nn.avgPool2d(2), nn.conv2d(32, 64, 3), nn.batchNorm2d(64), nn.flatten(), nn.linear(9216, 10));
    expectTypeOf(model).toEqualTypeOf<nn.Sequential<[1, 28, 28], [10]>>();
    expectTypeOf(nn.conv2d(3, 16, 3).forward(images)).toEqualTypeOf<Tensor<[8, 16, 30, 26], 'float32'>>();
    const some = nn.sequential([3, 32, 32], nn.conv2d(3, channels, 3));
    expectTypeOf(some).toEqualTypeOf<nn.Sequential<[3, 32, 32], [number, 30, 30]>>();
  });

  it('is where the error stands, in words', () => {
    // @ts-expect-error conv2d(3, 16, 3) expects 3 channels, but the input has 1
    nn.sequential([1, 28, 28], nn.conv2d(3, 16, 3));
    // @ts-expect-error conv2d(1, 4, 5) expects images that are not smaller than its kernel, but the input has [1,4,4]
    nn.sequential([1, 4, 4], nn.conv2d(1, 4, 5));
    // @ts-expect-error conv2d(1, 4, 3) expects images [C,H,W], but the layer before it gives [784]
    nn.sequential([1, 28, 28], nn.flatten(), nn.conv2d(1, 4, 3));
    // @ts-expect-error [conv2d] 6 output channels do not divide into 4 groups
    nn.conv2d(4, 6, 3, { groups: 4 });
    // @ts-expect-error linear(100, 10) expects 100 features, but the layer before it gives 21632
    nn.sequential([1, 28, 28], nn.conv2d(1, 32, 3), nn.flatten(), nn.linear(100, 10));
    // @ts-expect-error convTranspose2d(16, 8) expects 16 channels, but the input has 3
    nn.sequential([3, 7, 7], nn.convTranspose2d(16, 8, 4));
  });
});
