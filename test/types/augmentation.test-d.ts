import { describe, expectTypeOf, it } from 'vitest';
import { data, losses, nn, optim, Trainer } from '../../src/index.js';
import type { Tensor } from '../../src/tensor.js';

declare const photos: data.Dataset<[3, 32, 32], [], 'int32', 'float32'>;
declare const digits: data.Dataset<[28, 28], [], 'int32', 'float32'>;
declare const flat: data.Dataset<[784], [], 'int32', 'float32'>;
declare const some: data.Dataset<[number, number, number], [], 'int32', 'float32'>;
declare const several: data.Dataset<{ a: [28, 28] }, [], 'int32'>;
declare const folder: data.ImageFolder<[3, 32, 32]>;
const { colorJitter, cutMix, mixUp, randomAffine, randomCrop, randomHorizontalFlip, randomResizedCrop } = data.transforms;

describe('shapes through the chain', () => {
  it('stay, or are what the last crop makes them', () => {
    expectTypeOf(photos.augment(randomHorizontalFlip(), colorJitter(), randomAffine(3)).shape).toEqualTypeOf<[3, 32, 32]>();
    expectTypeOf(photos.augment(randomCrop(24), randomHorizontalFlip()).shape).toEqualTypeOf<[3, 24, 24]>();
    expectTypeOf(photos.augment(randomResizedCrop([64, 48])).shape).toEqualTypeOf<[3, 64, 48]>();
    expectTypeOf(digits.augment(randomResizedCrop([64, 48]), randomCrop(20)).shape).toEqualTypeOf<[20, 20]>();
    expectTypeOf(photos.augment(randomCrop(40, { padding: 4 })).shape).toEqualTypeOf<[3, 40, 40]>();
    expectTypeOf(some.augment(randomCrop(24)).shape).toEqualTypeOf<[number, 24, 24]>();
    expectTypeOf(folder.augment(randomCrop(24)).shape).toEqualTypeOf<[3, 24, 24]>();
  });

  it('reach the batches, and mixing makes probabilities of classes', () => {
    for (const [x, y] of data.loader(photos.augment(randomCrop(24)))) {
      expectTypeOf(x).toEqualTypeOf<Tensor<[number, 3, 24, 24], 'float32'>>();
      expectTypeOf(y).toEqualTypeOf<Tensor<[number], 'int32'>>();
    }
    for (const [, y] of data.loader(photos.augment(randomCrop(24), mixUp()))) expectTypeOf(y).toEqualTypeOf<Tensor<[number, number], 'float32'>>();
    expectTypeOf(folder.augment(cutMix()).targetDtype).toEqualTypeOf<'float32'>();
  });
});

describe('does not compile', () => {
  it('without images', () => {
    // @ts-expect-error augmentation takes images [C,H,W] or [H,W], but the examples are [784]
    flat.augment(randomHorizontalFlip());
    // @ts-expect-error augmentation takes one array of images, but the data has the fields a
    several.augment(randomHorizontalFlip());
    // @ts-expect-error no transform
    photos.augment('flip');
    // @ts-expect-error not called
    photos.augment(randomHorizontalFlip);
  });

  it('with crops that are larger than what is there', () => {
    // @ts-expect-error randomCrop(40) with padding 0 expects images at least as large, but the examples are [3,32,32]
    photos.augment(randomCrop(40));
    // @ts-expect-error randomCrop(41) with padding 4
    photos.augment(randomCrop(41, { padding: 4 }));
    // @ts-expect-error the one before leaves [3,24,24]
    photos.augment(randomCrop(24), randomCrop([25, 24]));
  });

  it('with options that there are not', () => {
    // @ts-expect-error unknown
    randomCrop(24, { pad: 4 });
    // @ts-expect-error unknown
    randomHorizontalFlip({ prob: 1 });
    // @ts-expect-error one number
    colorJitter({ hue: [0] });
  });

  it('where the model takes another size', async () => {
    const model = nn.sequential([3, 32, 32], nn.flatten(), nn.linear(3072, 10));
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters()) });
    await trainer.fit(photos.augment(randomHorizontalFlip(), mixUp()));
    // @ts-expect-error the model takes examples of [3,32,32], but the data's are of [3,24,24]
    await trainer.fit(photos.augment(randomCrop(24)));
  });
});
