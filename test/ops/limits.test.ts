// One rule for limits: what a program cannot describe is refused at the call, with the limit and the shapes, and never as a fault of the library.
import { expect, test } from 'vitest';
import { arange, concat, conv2d, convTranspose2d, full, LimitError, losses, matmul, ones, Parameter, scatterAdd, tensor, zeros, type Tensor } from 'anneal';

const column = (): Tensor => zeros([65536, 1]) as Tensor;
/** So many elements, none of which is ever made. */
const unmade = (size: number): Tensor => new Parameter([size], () => zeros([1]) as Tensor) as Tensor;
const image = (): Tensor => ones([1, 1, 1, 1]) as Tensor;
const row = (): Tensor => zeros([1, 65536]) as Tensor;

const calls: [string, () => unknown, string][] = [
  ['broadcasting', () => column().add(row()), '[add] too many elements: got [65536,65536] of [65536,1], [1,65536], expected at most 2147483647 (2^31 - 1). Work in parts, or check what broadcasts.'],
  ['comparing', () => column().less(row()), '[less] too many elements: got [65536,65536] of [65536,1], [1,65536], expected at most 2147483647 (2^31 - 1). Work in parts, or check what broadcasts.'],
  ['expanding', () => column().expand([65536, 65536]), '[expand] too many elements: got [65536,65536], expected at most 2147483647 (2^31 - 1). Work in parts, or check what broadcasts.'],
  ['products', () => matmul(column(), row()), '[matmul] too many elements: got [65536,65536] of [65536,1], [1,65536], expected at most 2147483647 (2^31 - 1). Work in parts, or check what broadcasts.'],
  ['constructors', () => ones([2 ** 31]), '[ones] too many elements: got [2147483648], expected at most 2147483647 (2^31 - 1). Work in parts, or check what broadcasts.'],
  ['constructors of nothing', () => full([2 ** 31, 0], 1), '[full] too many elements: got [2147483648,0], expected at most 2147483647 (2^31 - 1). Work in parts, or check what broadcasts.'],
  ['ranges', () => arange(0, 2 ** 31, 0.5, { dtype: 'float32' }), '[arange] too many elements: got [4294967296], expected at most 2147483647 (2^31 - 1). Work in parts, or check what broadcasts.'],
  ['joining', () => concat([unmade(2 ** 30), unmade(2 ** 30)]), '[concat] too many elements: got [2147483648] of [1073741824], [1073741824], expected at most 2147483647 (2^31 - 1). Work in parts, or check what broadcasts.'],
  ['scattering', () => scatterAdd(ones([1]), tensor([0], { dtype: 'int32' }), 2 ** 31), '[scatterAdd] too many elements: got [2147483648], expected at most 2147483647 (2^31 - 1). Work in parts, or check what broadcasts.'],
  ['parameters', () => new Parameter([65536, 65536], () => zeros([1]) as Tensor), '[Parameter] too many elements: got [65536,65536], expected at most 2147483647 (2^31 - 1). Work in parts, or check what broadcasts.'],
  ['labels of one example', () => losses.ctc(ones([1, 1, 2]) as Tensor, zeros([1, 2 ** 28], { dtype: 'int32' }), zeros([1], { dtype: 'int32' }), zeros([1], { dtype: 'int32' })), '[ctc] too many labels of one example: got targets [1,268435456], expected at most 268435455 (2^28 - 1). Cut the sequences.'],
  ['strides', () => conv2d(image(), image(), undefined, { stride: 2 ** 30 + 1 }), '[conv2d] too large along an axis: got stride [1073741825,1073741825], expected at most 1073741824 (2^30). Cut the images, or check the options.'],
  ['strides together', () => conv2d(image(), image(), undefined, { stride: 2 ** 10 + 1 }), '[conv2d] strides are too large: got [1025,1025], expected a product of at most 1048576 (2^20). Cut the images into parts.'],
  ['strides of a transposed convolution', () => convTranspose2d(image(), image(), undefined, { stride: 2 ** 30 }), '[convTranspose2d] strides are too large: got [1073741824,1073741824], expected a product of at most 1048576 (2^20). Cut the images into parts.'],
  ['paddings', () => conv2d(image(), image(), undefined, { padding: 2 ** 30 + 1, stride: 2 ** 30 }), '[conv2d] too large along an axis: got padding [1073741825,1073741825], expected at most 1073741824 (2^30). Cut the images, or check the options.'],
  ['places of a kernel', () => conv2d(unmade(2 ** 30 + 1).reshape([1, 1, 1, 2 ** 30 + 1]), image(), undefined), '[conv2d] too large along an axis: got windows [1,1073741825], expected at most 1073741824 (2^30). Cut the images, or check the options.'],
  ['dilations', () => convTranspose2d(image(), image(), undefined, { dilation: 2 ** 31 - 1 }), '[convTranspose2d] too large along an axis: got dilation [2147483647,2147483647], expected at most 1073741824 (2^30). Cut the images, or check the options.'],
  ['dimensions', () => zeros([1, 1, 1, 1, 1, 1, 1, 1, 1]), '[zeros] too many dimensions: got [1,1,1,1,1,1,1,1,1], expected at most 8. Merge some: reshape().'],
];

test.each(calls)('%s', (_what, call, message) => {
  let error: unknown;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(LimitError);
  expect(error).toMatchObject({ code: 'ANNEAL_LIMIT', message });
});

test('an array that holds itself has too many dimensions', () => {
  const endless: unknown[] = [];
  endless.push(endless);
  expect(() => tensor(endless as never)).toThrow(LimitError);
});
