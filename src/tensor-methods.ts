// The ops that users may call as methods of a tensor. Apart from the class, which ops are made of: tensors know nothing of ops.
import type { DType } from './dtype.js';
import * as activations from './ops/activations.js';
import type { GeluOptions } from './ops/activations.js';
import * as arithmetic from './ops/arithmetic.js';
import * as bounds from './ops/bounds.js';
import { expand } from './ops/broadcasting.js';
import { cast } from './ops/cast.js';
import * as compare from './ops/compare.js';
import { matmul } from './ops/contraction.js';
import * as exponential from './ops/exponential.js';
import { gather } from './ops/indexing.js';
import * as reductions from './ops/reductions.js';
import type { Axis, ReduceOptions, VarianceOptions, Whole } from './ops/reductions.js';
import { logSoftmax, softmax } from './ops/softmax.js';
import { slice, type SliceOptions } from './ops/slicing.js';
import { chunk, split } from './ops/splitting.js';
import * as views from './ops/views.js';
import type { Broadcast, Expand, Fits, GatherFirst, Indices, MatMul, MatMulFits, Permute, Reduce, Resize, Resolved, Transpose, Turned, Unflatten, Unsqueeze } from './shape-types.js';
import type { Shape } from './shape.js';
import { Tensor } from './tensor.js';

/** Methods of every tensor; see tensor.ts for its elements. */
export class TensorMethods<S extends Shape, D extends DType> {
  /** this + b, with broadcasting. */
  add<A extends Shape, D extends DType, B extends Shape = []>(this: Tensor<A, D>, b: number | (Tensor<B, D> & Fits<'add', A, B, D>)): Tensor<Broadcast<A, B>, D> {
    return arithmetic.add(this, b);
  }

  /** this - b, with broadcasting. */
  sub<A extends Shape, D extends DType, B extends Shape = []>(this: Tensor<A, D>, b: number | (Tensor<B, D> & Fits<'sub', A, B, D>)): Tensor<Broadcast<A, B>, D> {
    return arithmetic.sub(this, b);
  }

  /** this * b, with broadcasting. */
  mul<A extends Shape, D extends DType, B extends Shape = []>(this: Tensor<A, D>, b: number | (Tensor<B, D> & Fits<'mul', A, B, D>)): Tensor<Broadcast<A, B>, D> {
    return arithmetic.mul(this, b);
  }

  /** this / b, with broadcasting. */
  div<A extends Shape, D extends DType, B extends Shape = []>(this: Tensor<A, D>, b: number | (Tensor<B, D> & Fits<'div', A, B, D>)): Tensor<Broadcast<A, B>, D> {
    return arithmetic.div(this, b);
  }

  /** this to the power of b, with broadcasting. */
  pow<A extends Shape, D extends DType, B extends Shape = []>(this: Tensor<A, D>, b: number | (Tensor<B, D> & Fits<'pow', A, B, D>)): Tensor<Broadcast<A, B>, D> {
    return exponential.pow(this, b);
  }

  /** The greater of this and b, with broadcasting. */
  maximum<A extends Shape, D extends DType, B extends Shape = []>(this: Tensor<A, D>, b: number | (Tensor<B, D> & Fits<'maximum', A, B, D>)): Tensor<Broadcast<A, B>, D> {
    return bounds.maximum(this, b);
  }

  /** The lesser of this and b, with broadcasting. */
  minimum<A extends Shape, D extends DType, B extends Shape = []>(this: Tensor<A, D>, b: number | (Tensor<B, D> & Fits<'minimum', A, B, D>)): Tensor<Broadcast<A, B>, D> {
    return bounds.minimum(this, b);
  }

  /** this == b, with broadcasting. */
  equal<A extends Shape, D extends DType, B extends Shape = []>(this: Tensor<A, D>, b: number | (Tensor<B, D> & Fits<'equal', A, B, D>)): Tensor<Broadcast<A, B>, 'bool'> {
    return compare.equal(this, b);
  }

  /** this != b, with broadcasting. */
  notEqual<A extends Shape, D extends DType, B extends Shape = []>(this: Tensor<A, D>, b: number | (Tensor<B, D> & Fits<'notEqual', A, B, D>)): Tensor<Broadcast<A, B>, 'bool'> {
    return compare.notEqual(this, b);
  }

  /** this < b, with broadcasting. */
  less<A extends Shape, D extends DType, B extends Shape = []>(this: Tensor<A, D>, b: number | (Tensor<B, D> & Fits<'less', A, B, D>)): Tensor<Broadcast<A, B>, 'bool'> {
    return compare.less(this, b);
  }

  /** this <= b, with broadcasting. */
  lessEqual<A extends Shape, D extends DType, B extends Shape = []>(this: Tensor<A, D>, b: number | (Tensor<B, D> & Fits<'lessEqual', A, B, D>)): Tensor<Broadcast<A, B>, 'bool'> {
    return compare.lessEqual(this, b);
  }

  /** this > b, with broadcasting. */
  greater<A extends Shape, D extends DType, B extends Shape = []>(this: Tensor<A, D>, b: number | (Tensor<B, D> & Fits<'greater', A, B, D>)): Tensor<Broadcast<A, B>, 'bool'> {
    return compare.greater(this, b);
  }

  /** this >= b, with broadcasting. */
  greaterEqual<A extends Shape, D extends DType, B extends Shape = []>(this: Tensor<A, D>, b: number | (Tensor<B, D> & Fits<'greaterEqual', A, B, D>)): Tensor<Broadcast<A, B>, 'bool'> {
    return compare.greaterEqual(this, b);
  }

  /** -x. */
  neg(this: Tensor<S, D>): Tensor<S, D> {
    return arithmetic.neg(this);
  }

  /** |x|. */
  abs(this: Tensor<S, D>): Tensor<S, D> {
    return arithmetic.abs(this);
  }

  /** -1, 0 or 1. */
  sign(this: Tensor<S, D>): Tensor<S, D> {
    return arithmetic.sign(this);
  }

  /** e to the power of x. */
  exp(this: Tensor<S, D>): Tensor<S, D> {
    return exponential.exp(this);
  }

  /** The natural logarithm. */
  log(this: Tensor<S, D>): Tensor<S, D> {
    return exponential.log(this);
  }

  /** The square root. */
  sqrt(this: Tensor<S, D>): Tensor<S, D> {
    return exponential.sqrt(this);
  }

  /** The error function. */
  erf(this: Tensor<S, D>): Tensor<S, D> {
    return exponential.erf(this);
  }

  /** The hyperbolic tangent. */
  tanh(this: Tensor<S, D>): Tensor<S, D> {
    return activations.tanh(this);
  }

  /** 1 / (1 + exp(-x)). */
  sigmoid(this: Tensor<S, D>): Tensor<S, D> {
    return activations.sigmoid(this);
  }

  /** max(x, 0). */
  relu(this: Tensor<S, D>): Tensor<S, D> {
    return activations.relu(this);
  }

  /** The Gaussian error linear unit. */
  gelu(this: Tensor<S, D>, options?: GeluOptions): Tensor<S, D> {
    return activations.gelu(this, options);
  }

  /** Held to [min, max]. */
  clamp(this: Tensor<S, D>, min?: number, max?: number): Tensor<S, D> {
    return bounds.clamp(this, min, max);
  }

  /** not x. */
  logicalNot(this: Tensor<S, D>): Tensor<S, 'bool'> {
    return compare.logicalNot(this);
  }

  /** this and b, with broadcasting. */
  logicalAnd<A extends Shape, B extends Shape>(this: Tensor<A>, b: Tensor<B>): Tensor<Broadcast<A, B>, 'bool'> {
    return compare.logicalAnd(this, b);
  }

  /** this or b, with broadcasting. */
  logicalOr<A extends Shape, B extends Shape>(this: Tensor<A>, b: Tensor<B>): Tensor<Broadcast<A, B>, 'bool'> {
    return compare.logicalOr(this, b);
  }

  /** Casts to another dtype. */
  cast<T extends DType>(this: Tensor<S, D>, to: T): Tensor<S, T> {
    return cast(this, to);
  }

  /** The product of matrices, batched, or of vectors; see ops.matmul. */
  matmul<A extends Shape, D extends DType, B extends Shape>(this: Tensor<A, D>, b: Tensor<B, D> & MatMulFits<A, B, D>): Tensor<MatMul<A, B>, D> {
    return matmul(this, b);
  }

  /** The sum over `axis` (default: all). */
  sum<A extends Shape, D extends DType, const X extends Axis = undefined, const K extends boolean = false>(this: Tensor<A, D>, options?: ReduceOptions<X, K>): Tensor<Reduce<A, X, K>, Whole<D>> {
    return reductions.sum(this, options);
  }

  /** The mean over `axis` (default: all). */
  mean<A extends Shape, D extends DType, const X extends Axis = undefined, const K extends boolean = false>(this: Tensor<A, D>, options?: ReduceOptions<X, K>): Tensor<Reduce<A, X, K>, D> {
    return reductions.mean(this, options);
  }

  /** The greatest element over `axis` (default: all). */
  max<A extends Shape, D extends DType, const X extends Axis = undefined, const K extends boolean = false>(this: Tensor<A, D>, options?: ReduceOptions<X, K>): Tensor<Reduce<A, X, K>, Whole<D>> {
    return reductions.max(this, options);
  }

  /** The least element over `axis` (default: all). */
  min<A extends Shape, D extends DType, const X extends Axis = undefined, const K extends boolean = false>(this: Tensor<A, D>, options?: ReduceOptions<X, K>): Tensor<Reduce<A, X, K>, Whole<D>> {
    return reductions.min(this, options);
  }

  /** The variance over `axis` (default: all), with Bessel's correction unless told otherwise. */
  var<A extends Shape, D extends DType, const X extends Axis = undefined, const K extends boolean = false>(this: Tensor<A, D>, options?: VarianceOptions<X, K>): Tensor<Reduce<A, X, K>, D> {
    return reductions.variance(this, options);
  }

  /** The index of the first greatest element along `axis` (default: of all, flattened). */
  argmax<A extends Shape, const X extends number | undefined = undefined, const K extends boolean = false>(this: Tensor<A>, options?: ReduceOptions<X, K>): Tensor<Reduce<A, X, K>, 'int32'> {
    return reductions.argmax(this, options);
  }

  /** The index of the first least element along `axis` (default: of all, flattened). */
  argmin<A extends Shape, const X extends number | undefined = undefined, const K extends boolean = false>(this: Tensor<A>, options?: ReduceOptions<X, K>): Tensor<Reduce<A, X, K>, 'int32'> {
    return reductions.argmin(this, options);
  }

  /** Tells whether any element along `axis` is not 0. */
  any<A extends Shape, const X extends Axis = undefined, const K extends boolean = false>(this: Tensor<A>, options?: ReduceOptions<X, K>): Tensor<Reduce<A, X, K>, 'bool'> {
    return reductions.any(this, options);
  }

  /** Tells whether all elements along `axis` are not 0. */
  all<A extends Shape, const X extends Axis = undefined, const K extends boolean = false>(this: Tensor<A>, options?: ReduceOptions<X, K>): Tensor<Reduce<A, X, K>, 'bool'> {
    return reductions.all(this, options);
  }

  /** exp(x) / sum exp(x) along `axis`. */
  softmax(this: Tensor<S, D>, axis = -1): Tensor<S, D> {
    return softmax(this, axis);
  }

  /** log softmax(x) along `axis`. */
  logSoftmax(this: Tensor<S, D>, axis = -1): Tensor<S, D> {
    return logSoftmax(this, axis);
  }

  /** The same elements in another shape; one size may be -1. */
  reshape<const T extends Shape>(this: Tensor<S, D>, shape: T): Tensor<Resolved<T>, D> {
    return views.reshape(this, shape);
  }

  /** Dimensions in the given order. */
  permute<A extends Shape, D extends DType, const X extends readonly number[]>(this: Tensor<A, D>, axes: X): Tensor<Permute<A, X>, D> {
    return views.permute(this, axes);
  }

  /** Two dimensions swapped. */
  transpose<A extends Shape, D extends DType, const X extends number, const Y extends number>(this: Tensor<A, D>, a: X, b: Y): Tensor<Transpose<A, X, Y>, D> {
    return views.transpose(this, a, b);
  }

  /** A matrix transposed. */
  t<A extends Shape, D extends DType>(this: Tensor<A, D>): Tensor<Turned<A>, D> {
    return views.t(this);
  }

  /** Dimension `axis` as several, of which one may be -1. */
  unflatten<A extends Shape, D extends DType, const X extends number, const T extends Shape>(this: Tensor<A, D>, axis: X, sizes: T): Tensor<Unflatten<A, X, T>, D> {
    return views.unflatten(this, axis, sizes);
  }

  /** Adds a dimension of size 1 in front of `axis`. */
  unsqueeze<A extends Shape, D extends DType, const X extends number>(this: Tensor<A, D>, axis: X): Tensor<Unsqueeze<A, X>, D> {
    return views.unsqueeze(this, axis);
  }

  /** Elements `start` up to, not including, `end` along an axis; negative ones count from the back. */
  slice<A extends Shape, D extends DType, const X extends number = 0>(this: Tensor<A, D>, start: number, end?: number, options?: SliceOptions<X>): Tensor<Resize<A, X>, D> {
    return slice(this, start, end, options);
  }

  /** Parts of those sizes, or all of one size, one behind the other along an axis. */
  split<A extends Shape, D extends DType, const X extends number = 0>(this: Tensor<A, D>, sizes: number | readonly number[], axis?: X): Tensor<Resize<A, X>, D>[] {
    return split(this, sizes, axis);
  }

  /** At most `chunks` parts of one size, but for the last, one behind the other along an axis. */
  chunk<A extends Shape, D extends DType, const X extends number = 0>(this: Tensor<A, D>, chunks: number, axis?: X): Tensor<Resize<A, X>, D>[] {
    return chunk(this, chunks, axis);
  }

  /** Removes dimensions of size 1, or those of `axis` that are of size 1. */
  squeeze(this: Tensor<S, D>, axis?: number | readonly number[]): Tensor<Shape, D> {
    return views.squeeze(this, axis);
  }

  /** Dimensions `start` to `end`, both included, made one. */
  flatten(this: Tensor<S, D>, start = 0, end = -1): Tensor<Shape, D> {
    return views.flatten(this, start, end);
  }

  /** Repeated along dimensions of size 1 and new ones in front, without copying; -1 leaves a size as it is. */
  expand<A extends Shape, D extends DType, const T extends Shape>(this: Tensor<A, D>, shape: T): Tensor<Expand<A, T>, D> {
    return expand(this, shape);
  }

  /** The same elements, of which nothing before is differentiated. */
  detach(this: Tensor<S, D>): Tensor<S, D> {
    return views.detach(this);
  }

  /** The slices along an axis that the int32 `indices` name. */
  gather<A extends Shape, D extends DType, B extends Shape, E extends DType>(this: Tensor<A, D>, indices: Tensor<B, E> & Indices<'gather', 'indices', E>): Tensor<GatherFirst<A, B>, D>;
  gather(this: Tensor<S, D>, indices: Tensor, axis: number): Tensor<Shape, D>;
  gather(this: Tensor<S, D>, indices: Tensor, axis = 0): Tensor<Shape, D> {
    return gather(this, indices, axis);
  }
}

declare module './tensor.js' {
  interface Tensor<S extends Shape = Shape, D extends DType = DType> extends TensorMethods<S, D> {}
}

for (const [name, method] of Object.entries(Object.getOwnPropertyDescriptors(TensorMethods.prototype))) {
  if (name !== 'constructor') Object.defineProperty(Tensor.prototype, name, method);
}
