// Shapes and dtypes of results, and what errors say, where the call is made: nothing here runs.
import { describe, expect, test } from 'vitest';
import type { DType } from '../../src/dtype.js';
import { AnnealError } from '../../src/errors.js';
import { withoutTracking } from '../../src/graph/recorder.js';
import * as ops from '../../src/ops/index.js';
import { gatherRows } from '../../src/ops/indexing.js';
import { fromArray } from '../../src/ops/leaf.js';
import { sizeOf, type Shape } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';

/** A tensor of zeros, as code sees it that knows nothing of its shape. */
function of(shape: Shape, dtype: DType = 'float32'): Tensor {
  const array = { float32: Float32Array, int32: Int32Array, bool: Uint8Array, uint8: Uint8Array }[dtype];
  return fromArray(new array(sizeOf(shape)), shape, dtype) as Tensor;
}

const key = of([5], 'int32');

const results: [string, () => Tensor, Shape, DType][] = [
  ['add broadcasts', () => of([2, 1, 4]).add(of([3, 1])), [2, 3, 4], 'float32'],
  ['add of a number to int32', () => of([3], 'int32').add(2), [3], 'int32'],
  ['sub from a number', () => ops.sub(1, of([3])), [3], 'float32'],
  ['comparison', () => of([2, 3]).less(of([3])), [2, 3], 'bool'],
  ['equality of truth values', () => of([3], 'bool').equal(of([3], 'bool')), [3], 'bool'],
  ['where', () => ops.where(of([3], 'bool'), of([2, 1]), 0), [2, 3], 'float32'],
  ['where of two numbers', () => ops.where(of([3], 'bool'), 1, 0), [3], 'float32'],
  ['clamp', () => of([3]).clamp(undefined, 1), [3], 'float32'],
  ['cast', () => of([3], 'uint8').cast('float32'), [3], 'float32'],
  ['sum of truth values counts', () => of([2, 3], 'bool').sum({ axis: 0 }), [3], 'int32'],
  ['mean', () => of([2, 3, 4]).mean({ axis: [0, -1], keepdim: true }), [1, 3, 1], 'float32'],
  ['sum of everything', () => of([2, 3]).sum(), [], 'float32'],
  ['sum of a scalar', () => of([]).sum(), [], 'float32'],
  ['argmax', () => of([2, 3]).argmax({ axis: -1 }), [2], 'int32'],
  ['argmax of bytes, flattened', () => of([2, 3], 'uint8').argmax(), [], 'int32'],
  ['any', () => of([2, 3]).any({ axis: 1 }), [2], 'bool'],
  ['matmul', () => of([3, 4]).matmul(of([4, 5])), [3, 5], 'float32'],
  ['matmul of a vector', () => of([4]).matmul(of([4, 5])), [5], 'float32'],
  ['matmul by a vector', () => of([2, 3, 4]).matmul(of([4])), [2, 3], 'float32'],
  ['matmul of vectors', () => of([4]).matmul(of([4])), [], 'float32'],
  ['matmul in batches', () => of([2, 1, 3, 4]).matmul(of([5, 4, 6])), [2, 5, 3, 6], 'float32'],
  ['linear', () => ops.linear(of([2, 3, 4]), of([5, 4]), of([5])), [2, 3, 5], 'float32'],
  ['linear of a vector', () => ops.linear(of([4]), of([5, 4])), [5], 'float32'],
  ['reshape with -1', () => of([2, 6]).reshape([3, -1]), [3, 4], 'float32'],
  ['reshape of nothing', () => of([0, 3]).reshape([3, 0]), [3, 0], 'float32'],
  ['transpose', () => of([2, 3, 4]).transpose(0, -1), [4, 3, 2], 'float32'],
  ['permute', () => of([2, 3, 4]).permute([2, 0, -2]), [4, 2, 3], 'float32'],
  ['t', () => of([2, 3]).t(), [3, 2], 'float32'],
  ['squeeze', () => of([1, 3, 1]).squeeze(), [3], 'float32'],
  ['squeeze of one axis', () => of([1, 3, 1]).squeeze(-1), [1, 3], 'float32'],
  ['squeeze of axes that are not of size 1', () => of([1, 3, 1]).squeeze([0, 1]), [3, 1], 'float32'],
  ['squeeze of a scalar', () => of([]).squeeze(0), [], 'float32'],
  ['sum of a scalar along its axis', () => of([]).sum({ axis: -1, keepdim: true }), [], 'float32'],
  ['mean of a scalar along its axis', () => of([]).mean({ axis: [0] }), [], 'float32'],
  ['argmax of a scalar along its axis', () => of([]).argmax({ axis: 0 }), [], 'int32'],
  ['softmax of a scalar', () => of([]).softmax(), [], 'float32'],
  ['logSumExp of a scalar', () => ops.logSumExp(of([]), { axis: 0 }), [], 'float32'],
  ['transpose of a scalar', () => of([]).transpose(0, -1), [], 'float32'],
  ['unsqueeze at the end', () => of([3]).unsqueeze(-1), [3, 1], 'float32'],
  ['flatten', () => of([2, 3, 4]).flatten(1), [2, 12], 'float32'],
  ['flatten of a scalar', () => of([]).flatten(), [1], 'float32'],
  ['expand', () => of([3, 1]).expand([2, 3, 4]), [2, 3, 4], 'float32'],
  ['expand with -1', () => of([3, 1]).expand([2, -1, 4]), [2, 3, 4], 'float32'],
  ['slice from the back', () => of([2, 9]).slice(-4, -1, { axis: 1, step: 2 }), [2, 2], 'float32'],
  ['slice past the end', () => of([5]).slice(3, 99), [2], 'float32'],
  ['slice of nothing', () => of([5]).slice(4, 2), [0], 'float32'],
  ['concat', () => ops.concat([of([2, 3]), of([2, 4])], -1), [2, 7], 'float32'],
  ['stack', () => ops.stack([of([2, 3]), of([2, 3])], -1), [2, 3, 2], 'float32'],
  ['gather', () => of([7, 5]).gather(of([2, 3], 'int32')), [2, 3, 5], 'float32'],
  ['gather along the last axis', () => of([7, 5]).gather(of([], 'int32'), 1), [7], 'float32'],
  ['scatterAdd', () => ops.scatterAdd(of([3, 5]), of([3], 'int32'), 7), [7, 5], 'float32'],
  ['gatherRows of bytes', () => gatherRows(of([9, 4], 'uint8'), of([3], 'int32')), [3, 4], 'float32'],
  ['gatherRows of labels', () => gatherRows(of([9], 'int32'), of([3], 'int32')), [3], 'int32'],
  ['softmax over another axis', () => of([2, 3, 4]).softmax(1), [2, 3, 4], 'float32'],
  ['crossEntropy', () => ops.crossEntropy(of([2, 3, 10]), of([2, 3], 'int32')), [2, 3], 'float32'],
  ['crossEntropy of probabilities', () => ops.crossEntropy(of([2, 10, 3]), of([2, 10, 3]), { axis: 1 }), [2, 3], 'float32'],
  ['crossEntropy over another axis', () => ops.crossEntropy(of([2, 10, 3]), of([2, 3], 'int32'), { axis: 1 }), [2, 3], 'float32'],
  ['normal', () => ops.normal([2, 3], key), [2, 3], 'float32'],
  ['zeros of truth values', () => ops.zeros([2], { dtype: 'bool' }), [2], 'bool'],
  ['arange', () => ops.arange(2, 10, 3), [3], 'int32'],
  ['arange downwards, of fractions', () => ops.arange(1, 0, -0.25, { dtype: 'float32' }), [4], 'float32'],
  ['tensor of nested arrays', () => ops.tensor([[[1], [2]]]), [1, 2, 1], 'float32'],
  ['tensor of booleans', () => ops.tensor([true, false]), [2], 'bool'],
  ['tensor of bytes', () => ops.tensor(new Uint8ClampedArray(6), { shape: [2, 3] }), [2, 3], 'uint8'],
];

describe('results', () => {
  test.each(results)('%s', (_title, make, shape, dtype) => {
    const made = withoutTracking(make);
    expect([made.shape, made.dtype]).toEqual([shape, dtype]);
  });
});

const big = of([32, 784]);
/** Values that only JavaScript can pass. */
const unknown = (value: unknown): never => value as never;

const errors: [string, () => unknown, string, string][] = [
  ['shapes that do not broadcast', () => of([2, 3]).add(of([4])), 'ANNEAL_SHAPE_MISMATCH',
    '[add] the shapes do not broadcast: got a [2,3], b [4], expected sizes that are equal or 1, counted from the last dimension. Give one of them dimensions of size 1: unsqueeze() or reshape().'],
  ['dtypes that differ', () => of([3]).mul(of([3], 'int32')), 'ANNEAL_DTYPE_MISMATCH',
    "[mul] operands differ in dtype: got a float32, b int32, expected one dtype. Cast one: b.cast('float32')."],
  ['a fraction beside int32', () => of([3], 'int32').mul(0.5), 'ANNEAL_DTYPE_MISMATCH',
    "[mul] operands differ in dtype: got the number 0.5 beside int32, expected a whole number. Cast the tensor: .cast('float32')."],
  ['division of integers', () => of([3], 'int32').div(2), 'ANNEAL_DTYPE_MISMATCH',
    "[div] a has the wrong dtype: got int32 [3], expected float32. Cast it: .cast('float32')."],
  ['exp of integers', () => of([3], 'int32').exp(), 'ANNEAL_DTYPE_MISMATCH', "[exp] the operand has the wrong dtype: got int32 [3], expected float32. Cast it: .cast('float32')."],
  ['inner dimensions', () => big.matmul(of([128, 784])), 'ANNEAL_SHAPE_MISMATCH',
    '[matmul] inner dimensions differ: a [32,784], b [128,784]. Transpose b: a.matmul(b.t())'],
  ['batch dimensions', () => of([2, 3, 4]).matmul(of([5, 4, 3])), 'ANNEAL_SHAPE_MISMATCH',
    '[matmul] batch dimensions do not broadcast: got a [2,3,4], b [5,4,3], expected sizes that are equal or 1. Reshape one of them.'],
  ['features of linear', () => ops.linear(of([2, 3]), of([4, 5])), 'ANNEAL_SHAPE_MISMATCH',
    '[linear] the numbers of features differ: x [2,3], weight [4,5] ([out,in]). Give x 5 features, or weight 3 columns.'],
  ['weight of linear the wrong way round', () => ops.linear(of([2, 3]), of([3, 5])), 'ANNEAL_SHAPE_MISMATCH',
    '[linear] the numbers of features differ: x [2,3], weight [3,5] ([out,in]). Transpose weight: weight.t().'],
  ['an axis out of range', () => of([2, 3]).sum({ axis: 2 }), 'ANNEAL_INVALID_ARGUMENT',
    '[sum] the axis is out of range: got 2 for the shape [2,3], expected a whole number from -2 to 1. Check the axis.'],
  ['an axis named twice', () => of([2, 3]).sum({ axis: [0, -2] }), 'ANNEAL_INVALID_ARGUMENT',
    '[sum] axis names an axis twice: got [0,-2], expected different axes. Leave axis out for all of them.'],
  ['an unknown option', () => of([2, 3]).sum(unknown({ keepDim: true })), 'ANNEAL_UNKNOWN_OPTION',
    '[sum] unknown option: got keepDim, expected one of axis, keepdim. Did you mean keepdim?'],
  ['an unknown choice', () => of([2]).gelu(unknown({ approximate: 'tan' })), 'ANNEAL_INVALID_ARGUMENT',
    "[gelu] unknown approximate: got 'tan', expected one of 'none', 'tanh'. Did you mean 'tanh'?"],
  ['an unknown dtype', () => of([2]).cast(unknown('int23')), 'ANNEAL_INVALID_ARGUMENT',
    "[cast] unknown dtype: got 'int23', expected one of 'float32', 'int32', 'bool', 'uint8'. Did you mean 'int32'?"],
  ['the maximum of nothing', () => of([0, 3]).max({ axis: 0 }), 'ANNEAL_SHAPE_MISMATCH',
    '[max] there is nothing to choose from: got [0,3], expected at least one element along the reduced axes. Check for an empty batch.'],
  ['the mean of integers', () => of([3], 'int32').mean(), 'ANNEAL_DTYPE_MISMATCH', "[mean] the operand has the wrong dtype: got int32 [3], expected float32. Cast it: .cast('float32')."],
  ['reshape', () => of([2, 3]).reshape([4, 2]), 'ANNEAL_SHAPE_MISMATCH',
    '[reshape] the number of elements differs: got [2,3] (6 elements), expected a shape of as many, not [4,2]. Put -1 for one size.'],
  ['reshape with -1', () => of([2, 3]).reshape([4, -1]), 'ANNEAL_SHAPE_MISMATCH',
    '[reshape] the number of elements differs: got [2,3] (6 elements), expected a shape of as many, not [4,-1]. Put -1 for one size.'],
  ['permute', () => of([2, 3]).permute([0, 0]), 'ANNEAL_INVALID_ARGUMENT',
    '[permute] axes must name each dimension once: got [0,0] for the shape [2,3], expected 2 different axes. Check the axes.'],
  ['t of more than two dimensions', () => of([2, 3, 4]).t(), 'ANNEAL_SHAPE_MISMATCH',
    '[t] the tensor is no matrix: got [2,3,4], expected two dimensions. Use transpose(a, b) or permute(axes).'],
  ['expand', () => of([2, 3]).expand([2, 4]), 'ANNEAL_SHAPE_MISMATCH',
    '[expand] the shape does not expand: got [2,3], expected sizes equal to those of [2,4] or 1, counted from the last. Use unsqueeze() for new dimensions.'],
  ['expand with -1 for a new dimension', () => of([2, 3]).expand([-1, 2, 3]), 'ANNEAL_SHAPE_MISMATCH',
    '[expand] the shape does not expand: got [2,3], expected sizes equal to those of [-1,2,3] or 1, counted from the last. Use unsqueeze() for new dimensions.'],
  ['too many axes of a scalar', () => of([]).sum({ axis: [0, -1] }), 'ANNEAL_INVALID_ARGUMENT',
    '[sum] axis names an axis twice: got [0,-1], expected different axes. Leave axis out for all of them.'],
  ['slice', () => of([5]).slice(0, 3, { step: 0 }), 'ANNEAL_INVALID_ARGUMENT',
    '[slice] the bounds are wrong: got start 0, end 3, step 0, expected whole numbers and a step of at least 1. Round them.'],
  ['concat', () => ops.concat([of([2, 3]), of([3, 3])], 1), 'ANNEAL_SHAPE_MISMATCH',
    '[concat] the shapes do not fit together: got [2,3], [3,3], expected sizes that are equal but for axis 1. Reshape or pad the odd one.'],
  ['stack of nothing', () => ops.stack([]), 'ANNEAL_INVALID_ARGUMENT', '[stack] there are no tensors: got an empty array, expected an array of at least one. Pass [a, b].'],
  ['float indices', () => ops.gather(of([5]), unknown(of([2]))), 'ANNEAL_DTYPE_MISMATCH',
    "[gather] indices has the wrong dtype: got float32 [2], expected int32. Cast it: .cast('int32')."],
  ['float labels', () => ops.crossEntropy(of([2, 3]), of([2])), 'ANNEAL_DTYPE_MISMATCH',
    "[crossEntropy] the targets are no class indices: got logits [2,3], float32 targets [2], expected int32. Cast them: targets.cast('int32')."],
  ['integers for probabilities', () => ops.crossEntropy(of([2, 3]), of([2, 3], 'int32')), 'ANNEAL_DTYPE_MISMATCH',
    "[crossEntropy] the targets are no probabilities: got logits [2,3], int32 targets [2,3], expected float32. Cast them: targets.cast('float32'); one-hot rows become indices by targets.argmax({ axis: -1 })."],
  ['a share out of range', () => ops.crossEntropy(of([2, 3]), of([2], 'int32'), { labelSmoothing: 2 }), 'ANNEAL_INVALID_ARGUMENT',
    '[crossEntropy] labelSmoothing: got 2, expected a number in [0, 1].'],
  ['class weights', () => ops.crossEntropy(of([2, 3]), of([2], 'int32'), { classWeights: of([2]) }), 'ANNEAL_SHAPE_MISMATCH',
    '[crossEntropy] class weights of the wrong shape: got [2], expected [3], one per class.'],
  ['too many labels', () => ops.crossEntropy(of([2, 3]), of([3], 'int32')), 'ANNEAL_SHAPE_MISMATCH',
    '[crossEntropy] the shapes do not fit: got logits [2,3], int32 targets [3], expected logits [..,C] and class indices [..] (int32) or probabilities [..,C] (float32). Name another class axis: { axis: 1 }.'],
  ['clamp without bounds', () => of([2]).clamp(), 'ANNEAL_INVALID_ARGUMENT',
    '[clamp] there is no bound: got min undefined, max undefined, expected at least one number. Pass min, max or both.'],
  ['numbers only', () => ops.add(1, 2), 'ANNEAL_INVALID_ARGUMENT', '[add] no operand is a tensor: got 1 and 2, expected at least one tensor. Make one: tensor(values).'],
  ['an array as an operand', () => of([2]).add(unknown([1, 2])), 'ANNEAL_INVALID_ARGUMENT',
    '[add] an operand is neither a tensor nor a number: got an Array, expected either. Make a tensor of it: tensor(values).'],
  ['a ragged array', () => ops.tensor([[1, 2], [3]]), 'ANNEAL_DATA',
    '[tensor] the values are ragged or no numbers: got an array of 1 at [1], expected an array of 2. Give every row the same length.'],
  ['a hole in an array', () => ops.tensor(unknown([1, undefined])), 'ANNEAL_DATA',
    '[tensor] the values are ragged or no numbers: got undefined at [1], expected a number. Give every row the same length.'],
  ['a number of elements', () => ops.tensor(new Float32Array(5), { shape: [2, 3] }), 'ANNEAL_DATA',
    '[tensor] the number of elements differs: got 5, expected 6 for the shape [2,3]. Correct the shape.'],
  ['a number of elements beside a shape of their own', () => ops.tensor({ shape: [2, 3], dtype: 'float32', data: new Float32Array(5) }), 'ANNEAL_DATA',
    '[tensor] the number of elements differs: got 5, expected 6 for the shape [2,3]. Correct the shape.'],
  ['values with a dtype that there is not', () => ops.tensor({ shape: [1], dtype: unknown('F32'), data: new Float32Array(1) }), 'ANNEAL_INVALID_ARGUMENT', "[tensor] unknown dtype: got 'F32', expected one of 'float32', 'int32', 'bool', 'uint8'."],
  ['a fraction in int32', () => ops.tensor([1, 2.5], { dtype: 'int32' }), 'ANNEAL_DATA',
    '[tensor] a value does not fit int32: got 2.5 at element 1, expected a whole number from -2147483648 to 2147483647. Round it, or use float32.'],
  ['NaN where asked to look', () => ops.tensor([1, Number.NaN], { check: 'finite' }), 'ANNEAL_NON_FINITE',
    '[tensor] a value is not finite: got NaN at element 1, expected finite numbers. Clean the data.'],
  ['a negative size', () => ops.zeros([-1, 2]), 'ANNEAL_INVALID_ARGUMENT', '[zeros] a size is wrong: got [-1,2], expected whole numbers of at least 0. Check how the shape is computed.'],
  ['a size that is missing', () => ops.zeros([undefined as never, 2]), 'ANNEAL_INVALID_ARGUMENT', '[zeros] a size is wrong: got [undefined,2], expected whole numbers of at least 0. Check how the shape is computed.'],
  ['nine dimensions', () => of([1, 1, 1, 1, 1, 1, 1, 1]).unsqueeze(0), 'ANNEAL_LIMIT',
    '[reshape] too many dimensions: got [1,1,1,1,1,1,1,1,1], expected at most 8. Merge some: reshape().'],
];

describe('errors', () => {
  test.each(errors)('%s', (_title, make, code, message) => {
    const thrown = withoutTracking(() => {
      try {
        return make();
      } catch (error) {
        return error;
      }
    });
    expect(thrown).toBeInstanceOf(AnnealError);
    expect(thrown).toMatchObject({ code, message });
  });
});

test('tensor copies what it is given', () => {
  const values = Float32Array.of(1, 2);
  const made = ops.tensor(values);
  values[0] = 9;
  expect(made.data$).toEqual(Float32Array.of(1, 2));
});
