import { describe, expectTypeOf, it } from 'vitest';
import { type Batch, type Dataset, fromArrays, fromCifar, fromIdx, fromImageFolder, fromIterable, type ImageFolder, loader } from '../../src/data/index.js';
import type { Tensor } from '../../src/tensor.js';

const x = new Float32Array(8);
const y = new Int32Array(2);

describe('data carries the shape of an example', () => {
  it('from arrays', () => {
    expectTypeOf(fromArrays({ x, y, shape: [4] })).toEqualTypeOf<Dataset<[4], [], 'int32'>>();
    expectTypeOf(fromArrays({ x, y: [0, 1], shape: [1, 2, 2] })).toEqualTypeOf<Dataset<[1, 2, 2], [], 'int32'>>();
    expectTypeOf(fromArrays({ x, y: x, shape: [4], targetShape: [4] })).toEqualTypeOf<Dataset<[4], [4], 'float32'>>();
    expectTypeOf(fromArrays({ x: [[1], [2]], y })).toEqualTypeOf<Dataset<number[], [], 'int32'>>();
    const shape: number[] = [4];
    expectTypeOf(fromArrays({ x, y, shape })).toEqualTypeOf<Dataset<number[], [], 'int32'>>();
  });

  it('from files and streams', () => {
    expectTypeOf(fromIdx('images', 'labels', { shape: [784] })).resolves.toEqualTypeOf<Dataset<[784], [], 'int32'>>();
    expectTypeOf(fromIdx('images', 'labels')).resolves.toEqualTypeOf<Dataset<number[], [], 'int32'>>();
    expectTypeOf(loader(fromIterable([], { shape: [4] }))).toExtend<AsyncIterable<Batch<[4], [], 'int32'>>>();
    expectTypeOf(loader(fromIterable([], { shape: [4], targetShape: [2] }))).toExtend<AsyncIterable<Batch<[4], [2], 'float32'>>>();
  });

  it('from files of images', async () => {
    expectTypeOf(fromCifar(['batch'])).resolves.toEqualTypeOf<Dataset<[3, 32, 32], [], 'int32', 'float32'>>();
    expectTypeOf(fromImageFolder('images', { size: [64, 48] })).resolves.toEqualTypeOf<ImageFolder<[3, 64, 48]>>();
    const grey = await fromImageFolder('images', { size: [64, 48], channels: 1 });
    expectTypeOf(grey.split(0.5)[0]).toEqualTypeOf<ImageFolder<[1, 64, 48]>>();
    expectTypeOf(grey.load()).resolves.toEqualTypeOf<Dataset<[1, 64, 48], [], 'int32', 'float32'>>();
    expectTypeOf(loader(grey)).toExtend<AsyncIterable<Batch<[1, 64, 48], [], 'int32'>>>();
    // @ts-expect-error images of one batch have one size
    void fromImageFolder('images', { channels: 1 });
    // @ts-expect-error there are no images of two channels
    void fromImageFolder('images', { size: [64, 48], channels: 2 });
  });

  it('through subsets into batches', () => {
    const [train] = fromArrays({ x, y, shape: [4] }).split(0.5);
    expectTypeOf(train).toEqualTypeOf<Dataset<[4], [], 'int32'>>();
    expectTypeOf(loader(train, { batchSize: 2 })).toExtend<AsyncIterable<[Tensor<[number, 4], 'float32'>, Tensor<[number], 'int32'>]>>();
  });

  it('so that another shape does not fit', () => {
    expectTypeOf<Dataset<[4], [], 'int32'>>().not.toExtend<Dataset<[5], [], 'int32'>>();
    expectTypeOf<Dataset<[4], [], 'int32'>>().not.toExtend<Dataset<[2, 2], [], 'int32'>>();
    expectTypeOf<Dataset<[4], [1], 'float32'>>().not.toExtend<Dataset<[4], [1], 'int32'>>();
    expectTypeOf<Dataset<[4], [], 'int32'>>().toExtend<Dataset<readonly [4], readonly [], 'int32'>>();
    expectTypeOf<Dataset<[4], [], 'int32'>>().toExtend<Dataset>();
  });

  it('and takes only what it understands', () => {
    // @ts-expect-error float targets need a targetShape
    fromArrays({ x, y: x, shape: [4] });
    // @ts-expect-error 64-bit integers are no input
    fromArrays({ x: new BigInt64Array(8), y, shape: [4] });
    // @ts-expect-error no such option
    loader(fromArrays({ x, y, shape: [4] }), { batchsize: 4 });
    // @ts-expect-error streams are not shuffled
    loader(fromIterable([], { shape: [4] }), { shuffle: true });
  });
});
