import { describe, expectTypeOf, test } from 'vitest';
import { add, arange, concat, crossEntropy, gather, linear, matmul, sub, tensor, where, zeros } from '../../src/ops/index.js';
import type { Shape } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';
import type { Parameter } from '../../src/parameter.js';

declare const a23: Tensor<[2, 3]>;
declare const f23: Tensor<[2, 3], 'float32'>;
declare const f34: Tensor<[3, 4], 'float32'>;
declare const f3: Tensor<[3], 'float32'>;
declare const i23: Tensor<[2, 3], 'int32'>;
declare const batch: Tensor<[number, 784], 'float32'>;
declare const weight: Tensor<[128, 784], 'float32'>;
declare const parameter: Parameter<[128, 784]>;
declare const some: Tensor;

describe('tensors of known shape', () => {
  test('are tensors of any shape, and not the other way round', () => {
    expectTypeOf(f23).toExtend<Tensor>();
    expectTypeOf(f23).toExtend<Tensor<Shape, 'float32'>>();
    expectTypeOf(f23).toExtend<Tensor<[number, number]>>();
    expectTypeOf(f23).toExtend<Tensor<readonly [2, 3]>>();
    expectTypeOf(parameter).toExtend<Tensor<[128, 784], 'float32'>>();
    expectTypeOf(some).not.toExtend<Tensor<[2, 3]>>();
    expectTypeOf(f23).not.toExtend<Tensor<[3, 2]>>();
    expectTypeOf(f23).not.toExtend<Tensor<[2, 3], 'int32'>>();
  });

  test('keep their type through ops with one operand', () => {
    expectTypeOf(f23.exp().relu().neg().softmax().clamp(0, 1).detach()).toEqualTypeOf(f23);
    expectTypeOf(f23.data()).resolves.toEqualTypeOf<Float32Array>();
    expectTypeOf(i23.data()).resolves.toEqualTypeOf<Int32Array>();
    expectTypeOf(some.exp()).toEqualTypeOf(some);
  });

  test('change their dtype by cast, comparison and argmax', () => {
    expectTypeOf(f23.cast('int32')).toEqualTypeOf(i23);
    expectTypeOf(f23.greater(0)).toEqualTypeOf<Tensor<[2, 3], 'bool'>>();
    expectTypeOf(f23.less(f3)).toEqualTypeOf<Tensor<[2, 3], 'bool'>>();
    expectTypeOf(f23.argmax({ axis: -1 })).toEqualTypeOf<Tensor<[2], 'int32'>>();
    expectTypeOf(f23.greater(0).sum()).toEqualTypeOf<Tensor<[], 'int32'>>();
  });
});

describe('broadcasting', () => {
  test('follows NumPy', () => {
    expectTypeOf(f23.add(1)).toEqualTypeOf(f23);
    expectTypeOf(f23.mul(f3)).toEqualTypeOf(f23);
    expectTypeOf(sub(1, f23)).toEqualTypeOf(f23);
    expectTypeOf(f3.unsqueeze(1).add(f3)).toEqualTypeOf<Tensor<[3, 3], 'float32'>>();
    expectTypeOf(batch.sub(batch.mean({ axis: 0 }))).toEqualTypeOf(batch);
    expectTypeOf(some.add(f23)).toEqualTypeOf<Tensor>();
    expectTypeOf(where(f23.greater(0), f23, 0)).toEqualTypeOf(f23);
  });

  test('fails where sizes do not meet', () => {
    // @ts-expect-error [add] the shapes do not broadcast: 3 and 4
    f23.add(f34);
    // @ts-expect-error [add] the shapes do not broadcast: 3 and 4
    add(f23, f34);
    // @ts-expect-error [mul] operands differ in dtype
    f23.mul(i23);
  });

  test('does not know dimensions of type number', () => {
    const n: number = 5;
    expectTypeOf(zeros([n, 3]).add(f3)).toEqualTypeOf<Tensor<[number, 3], 'float32'>>();
    zeros([n]).add(f34);
  });
});

describe('matmul', () => {
  test('contracts the inner dimensions', () => {
    expectTypeOf(f23.matmul(f34)).toEqualTypeOf<Tensor<[2, 4], 'float32'>>();
    expectTypeOf(matmul(batch, weight.t())).toEqualTypeOf<Tensor<[number, 128], 'float32'>>();
    expectTypeOf(batch.matmul(parameter.t())).toEqualTypeOf<Tensor<[number, 128], 'float32'>>();
    expectTypeOf(f23.matmul(f3)).toEqualTypeOf<Tensor<[2], 'float32'>>();
    expectTypeOf(f3.matmul(f34)).toEqualTypeOf<Tensor<[4], 'float32'>>();
    expectTypeOf(f3.matmul(f3)).toEqualTypeOf<Tensor<[], 'float32'>>();
    expectTypeOf(zeros([5, 2, 3]).matmul(f34)).toEqualTypeOf<Tensor<[5, 2, 4], 'float32'>>();
    expectTypeOf(zeros([5, 1, 2, 3]).matmul(zeros([7, 3, 4]))).toEqualTypeOf<Tensor<[5, 7, 2, 4], 'float32'>>();
    expectTypeOf(some.matmul(f34)).toEqualTypeOf<Tensor>();
  });

  test('fails where they differ', () => {
    // @ts-expect-error [matmul] inner dimensions differ: a has 784, b has 128
    batch.matmul(weight);
    // @ts-expect-error [matmul] inner dimensions differ: a has 3, b has 2
    matmul(f23, f23);
    // @ts-expect-error [matmul] operands differ in dtype
    f34.t().matmul(i23.t());
  });

  test('linear checks the features', () => {
    expectTypeOf(linear(batch, weight)).toEqualTypeOf<Tensor<[number, 128], 'float32'>>();
    // @ts-expect-error [linear] weight takes 784 features, x has 3
    linear(f23, weight);
  });
});

describe('shapes of', () => {
  test('reductions', () => {
    expectTypeOf(f23.sum()).toEqualTypeOf<Tensor<[], 'float32'>>();
    expectTypeOf(f23.sum({ axis: 0 })).toEqualTypeOf(f3);
    expectTypeOf(f23.mean({ axis: -1, keepdim: true })).toEqualTypeOf<Tensor<[2, 1], 'float32'>>();
    expectTypeOf(zeros([2, 3, 4]).var({ axis: [0, -1] })).toEqualTypeOf(f3);
    expectTypeOf(f23.max({ keepdim: true })).toEqualTypeOf<Tensor<[1, 1], 'float32'>>();
    const axis: number = 0;
    expectTypeOf(f23.sum({ axis })).toEqualTypeOf<Tensor<Shape, 'float32'>>();
    expectTypeOf(some.sum()).toEqualTypeOf<Tensor<[], 'float32' | 'int32'>>();
  });

  test('views', () => {
    expectTypeOf(f23.t()).toEqualTypeOf<Tensor<[3, 2], 'float32'>>();
    expectTypeOf(zeros([2, 3, 4]).permute([2, 0, 1])).toEqualTypeOf<Tensor<[4, 2, 3], 'float32'>>();
    expectTypeOf(zeros([2, 3, 4]).transpose(0, -1)).toEqualTypeOf<Tensor<[4, 3, 2], 'float32'>>();
    expectTypeOf(f23.reshape([6])).toEqualTypeOf<Tensor<[6], 'float32'>>();
    expectTypeOf(f23.reshape([3, -1])).toEqualTypeOf<Tensor<[3, number], 'float32'>>();
    expectTypeOf(f3.unsqueeze(0)).toEqualTypeOf<Tensor<[1, 3], 'float32'>>();
    expectTypeOf(f3.unsqueeze(-1)).toEqualTypeOf<Tensor<[3, 1], 'float32'>>();
    expectTypeOf(f3.expand([2, 3])).toEqualTypeOf(f23);
    expectTypeOf(f3.expand([2, -1])).toEqualTypeOf(f23);
    expectTypeOf(f23.slice(0, 1)).toEqualTypeOf<Tensor<[number, 3], 'float32'>>();
    expectTypeOf(f23.slice(0, 1, { axis: 1 })).toEqualTypeOf<Tensor<[2, number], 'float32'>>();
    expectTypeOf(f23.split([1, 2], 1)).toEqualTypeOf<Tensor<[2, number], 'float32'>[]>();
    expectTypeOf(f23.chunk(2)).toEqualTypeOf<Tensor<[number, 3], 'float32'>[]>();
    expectTypeOf(concat([f23, f23])).toEqualTypeOf<Tensor<[number, number], 'float32'>>();
    expectTypeOf(gather(f23, arange(5))).toEqualTypeOf<Tensor<[number, 3], 'float32'>>();
  });

  test('constructors', () => {
    expectTypeOf(tensor([[1, 2, 3], [4, 5, 6]])).toEqualTypeOf(f23);
    expectTypeOf(tensor(1)).toEqualTypeOf<Tensor<[], 'float32'>>();
    expectTypeOf(tensor([true, false])).toEqualTypeOf<Tensor<[2], 'bool'>>();
    expectTypeOf(tensor(new Uint8Array(6), { shape: [2, 3] })).toEqualTypeOf<Tensor<[2, 3], 'uint8'>>();
    expectTypeOf(tensor(new Int32Array(6))).toEqualTypeOf<Tensor<[number], 'int32'>>();
    const loaded = { shape: [2, 3] as readonly number[], dtype: 'float32' as 'float32' | 'int32', data: new Float32Array(6) };
    expectTypeOf(tensor(loaded)).toEqualTypeOf<Tensor<readonly number[], 'float32' | 'int32'>>();
    expectTypeOf(tensor(loaded, { shape: [3, 2], dtype: 'int32' })).toEqualTypeOf<Tensor<[3, 2], 'int32'>>();
    expectTypeOf(tensor([1, 2, 3], { dtype: 'int32' })).toEqualTypeOf<Tensor<[3], 'int32'>>();
    const rows: number[][] = [];
    expectTypeOf(tensor(rows)).toEqualTypeOf<Tensor<[number, number], 'float32'>>();
    expectTypeOf(zeros([2, 3])).toEqualTypeOf(f23);
    expectTypeOf(zeros([2, 3], { dtype: 'int32' })).toEqualTypeOf(i23);
  });
});

test('cross-entropy takes class indices or probabilities', () => {
  expectTypeOf(crossEntropy(f23, arange(2))).toEqualTypeOf<Tensor<Shape, 'float32'>>();
  expectTypeOf(crossEntropy(some, some)).toEqualTypeOf<Tensor<Shape, 'float32'>>();
  expectTypeOf(crossEntropy(f23, f23)).toEqualTypeOf<Tensor<Shape, 'float32'>>();
  // @ts-expect-error float32 targets of crossEntropy are probabilities, one for each logit: cast class indices to int32
  crossEntropy(f23, f3);
});

test('a plain Tensor takes part in everything', () => {
  const plain = (x: Tensor, w: Tensor): Tensor => x.matmul(w.t()).add(w).mul(x.mean()).softmax().sub(f23).div(a23);
  expectTypeOf(plain).returns.toEqualTypeOf<Tensor>();
});
