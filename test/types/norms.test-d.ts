import { describe, expectTypeOf, it } from 'vitest';
import * as nn from '../../src/nn/index.js';
import { groupNorm, instanceNorm, layerNorm, rmsNorm } from '../../src/ops/index.js';
import type { Tensor } from '../../src/tensor.js';

declare const images: Tensor<[8, 6, 32, 28], 'float32'>;
declare const words: Tensor<[8, 16, 64], 'float32'>;
declare const anything: Tensor;
declare const channels: number;
type Vector<N extends number> = Tensor<[N], 'float32'>;

describe('functions', () => {
  it('keep the shape', () => {
    expectTypeOf(groupNorm(images, 3)).toEqualTypeOf<Tensor<[8, 6, 32, 28], 'float32'>>();
    expectTypeOf(groupNorm(images, channels, 0 as unknown as Vector<6>, 0 as unknown as Vector<6>)).toEqualTypeOf<Tensor<[8, 6, 32, 28], 'float32'>>();
    expectTypeOf(instanceNorm(images)).toEqualTypeOf<Tensor<[8, 6, 32, 28], 'float32'>>();
    expectTypeOf(layerNorm(words, 64)).toEqualTypeOf<Tensor<[8, 16, 64], 'float32'>>();
    expectTypeOf(rmsNorm(words, [16, 64], undefined, { eps: null })).toEqualTypeOf<Tensor<[8, 16, 64], 'float32'>>();
    expectTypeOf(layerNorm(anything, [channels])).toEqualTypeOf<Tensor>();
  });

  it('say what does not fit', () => {
    // @ts-expect-error [groupNorm] 6 channels do not divide into 4 groups
    groupNorm(images, 4);
    // @ts-expect-error [groupNorm] weight and bias are [6], got [5]
    groupNorm(images, 3, 0 as unknown as Vector<5>);
    // @ts-expect-error [instanceNorm] weight and bias are [6], got [32]
    instanceNorm(images, 0 as unknown as Vector<6>, 0 as unknown as Vector<32>);
    // @ts-expect-error [layerNorm] x ends in other sizes than [16]
    layerNorm(words, 16);
    // @ts-expect-error [layerNorm] weight and bias are [64], got [16]
    layerNorm(words, 64, 0 as unknown as Vector<16>);
    // @ts-expect-error [rmsNorm] x ends in other sizes than [8,64]
    rmsNorm(words, [8, 64]);
  });
});

describe('layers', () => {
  it('keep the shape in a chain', () => {
    const model = nn.sequential([6, 8, 8], nn.batchNorm2d(6), nn.groupNorm(2, 6), nn.instanceNorm2d(6), nn.layerNorm([8, 8]), nn.rmsNorm(8), nn.flatten(), nn.batchNorm1d(384), nn.layerNorm(384), nn.linear(384, 3));
    expectTypeOf(model).toEqualTypeOf<nn.Sequential<[6, 8, 8], [3]>>();
    expectTypeOf(nn.sequential([6, 8, 8], nn.batchNorm2d(channels), nn.groupNorm(2, channels), nn.layerNorm(channels), nn.flatten())).toEqualTypeOf<nn.Sequential<[6, 8, 8], [384]>>();
    expectTypeOf(nn.layerNorm(64).forward(words)).toEqualTypeOf<Tensor<[8, 16, 64], 'float32'>>();
  });

  it('are where the error stands, in words', () => {
    // @ts-expect-error batchNorm2d(16) expects [16,H,W], but the input has [6,8,8]
    nn.sequential([6, 8, 8], nn.batchNorm2d(16));
    // @ts-expect-error batchNorm1d(16) expects [16] or [16,L], but the input has [8]
    nn.sequential([8], nn.batchNorm1d(16));
    // @ts-expect-error batchNorm2d(6) expects [6,H,W], but the input has [6]
    nn.sequential([6], nn.batchNorm2d(6));
    // @ts-expect-error instanceNorm1d(6) expects [6,L], but the input has [6]
    nn.sequential([6], nn.instanceNorm1d(6));
    // @ts-expect-error instanceNorm3d(4) expects [4,D,H,W], but the input has [4,8,8]
    nn.sequential([4, 8, 8], nn.instanceNorm3d(4));
    // @ts-expect-error groupNorm(2, 8) expects 8 channels, but the layer before it gives 6
    nn.sequential([3, 8, 8], nn.conv2d(3, 6, 3), nn.groupNorm(2, 8));
    // @ts-expect-error [groupNorm] 6 channels do not divide into 4 groups
    nn.groupNorm(4, 6);
    // @ts-expect-error layerNorm([8,9]) expects examples that end in [8,9], but the input has [6,8,8]
    nn.sequential([6, 8, 8], nn.layerNorm([8, 9]));
    // @ts-expect-error rmsNorm([6]) expects examples that end in [6], but the input has [6,8]
    nn.sequential([6, 8], nn.rmsNorm(6));
    // @ts-expect-error [layerNorm] x ends in other sizes than [16]
    nn.layerNorm(16).forward(words);
  });
});
