import { describeList } from '../describe-value.js';
import type { DType } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { showShape, type Shape } from '../shape.js';
import type { Resize } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { checkCount, checkTensor, resolveAxis } from './check.js';
import { slice } from './slicing.js';

/**
 * Parts of x that lie one behind the other along an axis: of `sizes[i]` elements each, or all of `sizes` elements, and the last of what is left. Views: nothing is copied, and their
 * gradients are written side by side. As torch.split. Throws ArgumentError for sizes that are no whole numbers of at least 0 (one for all: of at least 1), ShapeError for sizes whose sum is not x's.
 *
 *     const [q, k, v] = split(zeros([2, 10, 96]), [32, 32, 32], -1);    // [2, 10, 32] each
 *     console.log(split(zeros([10, 3]), 4).map(({ shape }) => shape));  // [[4, 3], [4, 3], [2, 3]]
 */
export function split<S extends Shape, D extends DType, const A extends number = 0>(x: Tensor<S, D>, sizes: number | readonly number[], axis?: A): Tensor<Resize<S, A>, D>[] {
  checkTensor('split', x);
  const at = resolveAxis('split', axis ?? 0, x.shape);
  const dim = x.shape[at]!;
  const parts = Array.isArray(sizes) ? checkSizes(sizes, x.shape, at) : repeated(dim, checkCount('split', 'sizes', sizes as number));
  let start = 0;
  return parts.map((size) => slice(x, start, (start += size), { axis: at }) as unknown as Tensor<Resize<S, A>, D>);
}

/**
 * At most `chunks` parts of x along an axis, all of the same size but for the last, which may be smaller. Views, as those of split(). As torch.chunk, which makes fewer parts too where
 * ceil(size / chunks) elements a part are more than there are. Throws ArgumentError for a number of chunks that is no whole number of at least 1.
 *
 *     const [value, gate] = chunk(zeros([4, 64]), 2, -1);               // [4, 32] each
 */
export function chunk<S extends Shape, D extends DType, const A extends number = 0>(x: Tensor<S, D>, chunks: number, axis?: A): Tensor<Resize<S, A>, D>[] {
  checkTensor('chunk', x);
  const at = resolveAxis('chunk', axis ?? 0, x.shape);
  return split(x, Math.max(Math.ceil(x.shape[at]! / checkCount('chunk', 'chunks', chunks)), 1), at as A);
}

/** `size` as often as it fits into `dim`, and what is left; of nothing one part. */
function repeated(dim: number, size: number): number[] {
  return Array.from({ length: Math.max(Math.ceil(dim / size), 1) }, (_, i) => Math.min(size, dim - i * size));
}

function checkSizes(sizes: readonly number[], shape: Shape, axis: number): readonly number[] {
  if (sizes.length === 0 || !sizes.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new ArgumentError(`[split] sizes: got ${describeList(sizes)}, expected whole numbers of at least 0, at least one of them. Pass [2, 3], or 2 for parts of the same size.`, { op: 'split' });
  }
  const sum = sizes.reduce((a, b) => a + b);
  if (sum !== shape[axis]) throw new ShapeError(`[split] sizes do not add up: got ${describeList(sizes)}, ${sum} in all, for axis ${axis} of x ${showShape(shape)}, expected ${shape[axis]!}. Name a part for all of x.`, { op: 'split', shapes: [shape] });
  return sizes;
}
