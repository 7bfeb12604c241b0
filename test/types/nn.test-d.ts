import { describe, expectTypeOf, it } from 'vitest';
import * as losses from '../../src/losses/index.js';
import * as nn from '../../src/nn/index.js';
import type { Fitting } from '../../src/nn/shape-mismatch.js';
import { tensor, zeros } from '../../src/ops/index.js';
import type { Shape } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';

declare const images: Tensor<[number, 784], 'float32'>;
declare const anything: Tensor;
declare const labels: Tensor<[number], 'int32'>;
declare const size: number;

/** A module that says which shapes it takes and gives. */
class Declared extends nn.Module<[4], [3]> {
  readonly inner = nn.linear(4, 3);

  override forward(x: Tensor<[number, 4]>): Tensor<[number, 3]> {
    return this.inner.forward(x);
  }
}

/** A module that says nothing. */
class Plain extends nn.Module {
  readonly inner = nn.linear(4, 3);

  override forward(x: Tensor) {
    return this.inner.forward(x).relu();
  }
}

describe('a chain of layers that fit', () => {
  it('has the shapes of its input and of its last layer', () => {
    const model = nn.sequential([784], nn.linear(784, 256), nn.relu(), nn.dropout(0.1), nn.linear(256, 10));
    expectTypeOf(model).toEqualTypeOf<nn.Sequential<[784], [10]>>();
    expectTypeOf(model.forward(images)).toEqualTypeOf<Tensor<[number, 10], 'float32'>>();
    expectTypeOf(model).toExtend<nn.Module>();
  });

  it('may make one dimension several', () => {
    expectTypeOf(nn.sequential([6, 5], nn.unflatten(1, [2, 3]), nn.identity(), nn.dropout2d())).toEqualTypeOf<nn.Sequential<[6, 5], [2, 3, 5]>>();
    expectTypeOf(nn.sequential([6], nn.unflatten(1, [2, -1]))).toEqualTypeOf<nn.Sequential<[6], [2, number]>>();
    expectTypeOf(zeros([4, 6]).unflatten(-1, [2, 3])).toEqualTypeOf<Tensor<[4, 2, 3], 'float32'>>();
    // @ts-expect-error unflatten(1, [2,4]) expects 8 elements, but the input has 6
    nn.sequential([6], nn.unflatten(1, [2, 4]));
    // @ts-expect-error dropout2d expects images [C,H,W], but the input has [28,28]
    nn.sequential([28, 28], nn.dropout2d());
  });

  it('may begin with images, which flatten makes one dimension', () => {
    expectTypeOf(nn.sequential([3, 28, 28], nn.flatten(), nn.linear(2352, 10))).toEqualTypeOf<nn.Sequential<[3, 28, 28], [10]>>();
  });

  it('works on the last dimension of sequences', () => {
    expectTypeOf(nn.sequential([16, 8], nn.linear(8, 4), nn.gelu({ approximate: 'tanh' }))).toEqualTypeOf<nn.Sequential<[16, 8], [16, 4]>>();
  });

  it('may hold another chain', () => {
    const encoder = nn.sequential([784], nn.linear(784, 64), nn.tanh());
    expectTypeOf(nn.sequential([784], encoder, nn.sigmoid(), nn.linear(64, 2))).toEqualTypeOf<nn.Sequential<[784], [2]>>();
  });

  it('may be long', () => {
    const model = nn.sequential(
      [10],
      nn.linear(10, 20), nn.relu(), nn.linear(20, 30), nn.relu(), nn.linear(30, 40), nn.relu(), nn.linear(40, 50), nn.relu(),
      nn.linear(50, 60), nn.relu(), nn.linear(60, 70), nn.relu(), nn.linear(70, 80), nn.relu(), nn.linear(80, 90), nn.relu(),
      nn.linear(90, 100), nn.relu(), nn.linear(100, 110), nn.relu(), nn.linear(110, 120), nn.dropout(0.5), nn.linear(120, 5),
    );
    expectTypeOf(model).toEqualTypeOf<nn.Sequential<[10], [5]>>();
  });
});

describe('a layer that does not fit', () => {
  it('is where the error stands, in words', () => {
    nn.sequential(
      [784],
      nn.linear(784, 128),
      nn.relu(),
      // @ts-expect-error linear(64, 10) expects 64 features, but the layer before it gives 128
      nn.linear(64, 10),
    );
    nn.sequential(
      [784],
      // @ts-expect-error linear(64, 10) expects 64 features, but the input has 784
      nn.linear(64, 10),
      nn.relu(),
    );
    nn.sequential(
      [1, 28, 28],
      nn.flatten(),
      // @ts-expect-error linear(28, 10) expects 28 features, but the layer before it gives 784
      nn.linear(28, 10),
    );
    type Layers = [nn.Linear<784, 128>, nn.Activation, nn.Linear<64, 10>];
    expectTypeOf<Fitting<[784], Layers>>().toEqualTypeOf<
      [nn.Linear<784, 128>, nn.Activation, 'linear(64, 10) expects 64 features, but the layer before it gives 128']
    >();
  });

  it('is found at the end of a long chain', () => {
    nn.sequential(
      [10],
      nn.linear(10, 20), nn.relu(), nn.linear(20, 30), nn.relu(), nn.linear(30, 40), nn.relu(), nn.linear(40, 50), nn.relu(),
      nn.linear(50, 60), nn.relu(), nn.linear(60, 70), nn.relu(), nn.linear(70, 80), nn.relu(), nn.linear(80, 90), nn.relu(),
      nn.linear(90, 100), nn.relu(), nn.linear(100, 110), nn.relu(), nn.linear(110, 120), nn.dropout(0.5),
      // @ts-expect-error linear(121, 5) expects 121 features, but the layer before it gives 120
      nn.linear(121, 5),
    );
  });

  it('is found after a chain in the chain and around modules that declare their shapes', () => {
    const encoder = nn.sequential([784], nn.linear(784, 64));
    // @ts-expect-error linear(32, 2) expects 32 features, but the layer before it gives 64
    nn.sequential([784], encoder, nn.linear(32, 2));
    // @ts-expect-error this module expects [784], but the input has [28]
    nn.sequential([28], encoder);
    // @ts-expect-error this module expects [4], but the layer before it gives [5]
    nn.sequential([2], nn.linear(2, 5), new Declared());
    // @ts-expect-error linear(4, 1) expects 4 features, but the layer before it gives 3
    nn.sequential([4], new Declared(), nn.linear(4, 1));
  });
});

describe('what is not known while compiling', () => {
  it('is a size of type number, before or after a literal one', () => {
    expectTypeOf(nn.sequential([size], nn.linear(784, 10))).toEqualTypeOf<nn.Sequential<[number], [10]>>();
    expectTypeOf(nn.sequential([784], nn.linear(size, 10))).toEqualTypeOf<nn.Sequential<[784], [10]>>();
    const model = nn.sequential([784], nn.linear(784, size), nn.relu(), nn.linear(size, 10), nn.linear(10, 2));
    expectTypeOf(model).toEqualTypeOf<nn.Sequential<[784], [2]>>();
    // @ts-expect-error linear(11, 2) expects 11 features: what comes after is known again
    nn.sequential([784], nn.linear(784, size), nn.relu(), nn.linear(size, 10), nn.linear(11, 2));
    expectTypeOf(nn.sequential([1, size, 28], nn.flatten(), nn.linear(784, 10))).toEqualTypeOf<nn.Sequential<[1, number, 28], [10]>>();
  });

  it('is an array of layers', () => {
    const layers: nn.Module[] = [nn.linear(784, 10)];
    expectTypeOf(nn.sequential([784], layers)).toEqualTypeOf<nn.Sequential<[784], Shape>>();
    expectTypeOf(nn.sequential([784], ...layers)).toEqualTypeOf<nn.Sequential<[784], Shape>>();
    const sizes = [784, 128, 10];
    const made = sizes.slice(1).flatMap((to, i) => [nn.linear(sizes[i]!, to), nn.relu()]);
    expectTypeOf(nn.sequential([sizes[0]!], made)).toEqualTypeOf<nn.Sequential<[number], Shape>>();
  });

  it('is a shape of unknown rank', () => {
    const shape: number[] = [784];
    expectTypeOf(nn.sequential(shape, nn.linear(784, 10)).forward(anything)).toExtend<Tensor>();
  });

  it('is a custom module without declared shapes', () => {
    expectTypeOf(nn.sequential([4], new Plain(), nn.linear(3, 2))).toExtend<nn.Module>();
    expectTypeOf(nn.sequential([4], new Declared(), nn.linear(3, 2))).toEqualTypeOf<nn.Sequential<[4], [2]>>();
  });
});

describe('forward', () => {
  it('takes batches of the shape that the model declares', () => {
    const model = nn.sequential([784], nn.linear(784, 10));
    // @ts-expect-error the model takes examples of [784], but these are of [64]
    model.forward(zeros([32, 64]));
    // @ts-expect-error the model takes examples of [784], but these are of []
    model.forward(zeros([784]));
    model.forward(anything);
    model.forward(tensor(new Float32Array(784 * size), { shape: [size, 784] }));
    model.forward(tensor(new Float32Array(size * size), { shape: [size, size] }));
  });

  it('of a layer alone', () => {
    expectTypeOf(nn.linear(4, 3).forward(zeros([2, 4]))).toEqualTypeOf<Tensor<[2, 3], 'float32'>>();
    expectTypeOf(nn.linear(4, 3).forward(zeros([2, 5, 4]))).toEqualTypeOf<Tensor<[2, 5, 3], 'float32'>>();
    expectTypeOf(nn.relu().forward(zeros([2, 4]))).toEqualTypeOf<Tensor<[2, 4], 'float32'>>();
    expectTypeOf(nn.flatten().forward(zeros([2, 4, 5]))).toEqualTypeOf<Tensor<[2, 20], 'float32'>>();
    // @ts-expect-error weight takes 4 features, x has 5
    nn.linear(4, 3).forward(zeros([2, 5]));
  });

  it('gives what losses take, whatever is known of the model', () => {
    losses.crossEntropy(nn.sequential([784], nn.linear(784, 10)).forward(images), labels);
    losses.crossEntropy(new Plain().forward(anything), labels);
    losses.crossEntropy(new Declared().forward(zeros([2, 4])), labels);
    const model: nn.Module = new Plain();
    losses.crossEntropy(model.forward(anything), labels);
  });
});
