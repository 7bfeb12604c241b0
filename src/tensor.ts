// Tensor has [Symbol.dispose], which the standard library of a user's target may not know.
/// <reference lib="esnext.disposable" preserve="true" />
import type { ArrayOf, DType, TypedArray } from './dtype.js';
import { ArgumentError } from './errors.js';
import { checkFlags, checkOptions } from './options.js';
import { describeValue } from './describe-value.js';
import { engine, type Storage } from './graph/engine.js';
import type { ModelGenerator } from './generator.js';
import { staleError } from './graph/stale.js';
import type { RecordedRules } from './graph/recorded-rule.js';
import type { SuspendedOutputs } from './graph/suspended-outputs.js';
import { markOutput } from './graph/recorder.js';
import type { Mean } from './losses/reduction.js';
import * as activations from './ops/activations.js';
import type { GeluOptions } from './ops/activations.js';
import * as arithmetic from './ops/arithmetic.js';
import { cast } from './ops/cast.js';
import { checkShape } from './ops/check.js';
import * as compare from './ops/compare.js';
import { matmul } from './ops/contraction.js';
import * as exponential from './ops/exponential.js';
import { gather } from './ops/indexing.js';
import { storageLeaf } from './ops/leaf.js';
import type { Attrs, Inferred, OpRecord, OutputMeta } from './ops/record.js';
import * as reductions from './ops/reductions.js';
import type { Axis, ReduceOptions, VarianceOptions, Whole } from './ops/reductions.js';
import { clamp } from './ops/select.js';
import { logSoftmax, softmax } from './ops/softmax.js';
import * as views from './ops/views.js';
import type { SliceOptions } from './ops/views.js';
import type {
  Broadcast,
  Expand,
  Fits,
  GatherFirst,
  Indices,
  MatMul,
  MatMulFits,
  Permute,
  Reduce,
  Resize,
  Resolved,
  Transpose,
  Turned,
  Unsqueeze,
} from './shape-types.js';
import { inspected } from './inspect.js';
import { showShape, type Shape } from './shape.js';
import { nested, tensorJson, tensorText, valuesOf, type Rows, type TensorJson, type Value } from './tensor-text.js';

const NOTHING: readonly OutputMeta[] = [];
const NO_TENSORS: readonly Tensor[] = [];

/**
 * A handle to a node of the graph: what was asked for, not yet computed. Values exist once something that needs them
 * has run: `await tensor.data()`, `await tensor.item()`, `await optimizer.step()`.
 *
 * Fields that end in $ belong to the machinery.
 */
export class Tensor<S extends Shape = Shape, D extends DType = DType> {
  readonly op: OpRecord;
  readonly shape: S;
  readonly dtype: D;
  readonly requiresGrad: boolean;

  /** Operands; emptied when the step that the node belongs to has run, so that a handle does not hold a whole graph. */
  inputs: readonly Tensor[];
  readonly attrs: Attrs | undefined;
  /** What its outputs behind the first are. */
  readonly more: readonly OutputMeta[];
  /** Updates submitted before this node was recorded: tells whether a parameter has changed since. */
  readonly recordedVersion: number;

  /** An input's elements. */
  data$: TypedArray | undefined = undefined;
  /** A slot's numbers. */
  slots$: ArrayLike<number> | undefined = undefined;
  /** Native memory that holds this tensor's elements. */
  storage$: Storage | undefined = undefined;
  /** Of a leaf: when it was last overwritten. */
  version$ = 0;
  /** Of a leaf: what rests until it changes; see graph/suspended-outputs.ts. */
  suspended$: SuspendedOutputs | undefined = undefined;
  /** Outputs 1, 2, ... of the node, of which it is the first itself. */
  outputs$: readonly Tensor[] | undefined = undefined;
  /** It is among those that a step has to deliver; see graph/pending-outputs.ts. */
  isPendingOutput$ = false;
  /** A scalar that its step has computed, or is computing: where its value is. */
  value$: Value | undefined = undefined;
  /** It is a gradient, or was computed from one: a loss cannot depend on it, as that would take a second derivative. */
  ofGradient$ = false;
  /** Of a gradient: something was computed from it. */
  used$ = false;
  /** Its step has run and its elements are gone. */
  stale = false;
  /** Of a loss of this library: as what it adds up with others; see losses/reduction.ts. A field, as a WeakMap would take longer than the rest of the loss. */
  mean$: Mean | 'sum' | undefined = undefined;
  /** dispose() was called. */
  disposed$ = false;
  /** keep() was called: its elements outlive the step. */
  kept$ = false;
  /** Of a batch: where its rows come from, for errors that are found while a step runs. */
  origin$: { readonly dataset: string; describe(row: number, further?: number): string } | undefined = undefined;
  /** Where the walk that is under way has numbered it. */
  walk$ = 0;
  number$ = 0;

  constructor(op: OpRecord, inputs: readonly Tensor[], attrs: Attrs | undefined, meta: Inferred, requiresGrad: boolean, at: number) {
    this.op = op;
    this.inputs = inputs;
    this.attrs = attrs;
    this.shape = meta.shape as S;
    this.dtype = meta.dtype as D;
    this.more = meta.more ?? NOTHING;
    this.requiresGrad = requiresGrad;
    this.recordedVersion = at;
  }

  /** The elements, row-major, as a new typed array. Runs what they need and has not run. Throws StaleTensorError after its step. */
  async data(): Promise<ArrayOf<D>> {
    return (await engine().read(this)) as ArrayOf<D>;
  }

  /** The elements in arrays in arrays, one level for each dimension; of a scalar the number. As torch's tolist(). */
  async array<A extends Shape>(this: Tensor<A>): Promise<Rows<A>> {
    return nested(await this.data(), this.shape) as Rows<A>;
  }

  /** The one element of a scalar. A scalar stays readable after its step. Throws ShapeError for more than one element. */
  async item(): Promise<number> {
    if (this.shape.some((dim) => dim !== 1)) {
      throw new ArgumentError(`[item] the tensor has the shape ${showShape(this.shape)}, expected one element. Use data(), or reduce it first.`, {
        op: 'item',
        shapes: [this.shape],
      });
    }
    if (this.value$ !== undefined) return this.value$();
    return (await engine().read(this))[0]!;
  }

  /** Notes that the gradients of this scalar with respect to all parameters that it depends on are wanted. */
  backward(): void {
    engine().backward(this);
  }

  /**
   * Frees the memory of a kept tensor, an input or a parameter now. Never needed: what is not used any more is collected. Using the
   * tensor afterwards throws AnnealError (ANNEAL_DISPOSED). A scalar that was computed stays readable.
   */
  dispose(): void {
    if (this.disposed$) return;
    this.disposed$ = true;
    this.stale = true;
    engine().dispose(this);
  }

  /** `using kept = tensor.keep()` disposes of it at the end of the block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Makes the elements outlive the step that computes them. Returns the tensor itself. */
  keep(): this {
    if (this.stale) throw staleError('keep', this);
    if (!this.kept$) markOutput(this);
    this.kept$ = true;
    return this;
  }

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
    return arithmetic.pow(this, b);
  }

  /** The greater of this and b, with broadcasting. */
  maximum<A extends Shape, D extends DType, B extends Shape = []>(this: Tensor<A, D>, b: number | (Tensor<B, D> & Fits<'maximum', A, B, D>)): Tensor<Broadcast<A, B>, D> {
    return arithmetic.maximum(this, b);
  }

  /** The lesser of this and b, with broadcasting. */
  minimum<A extends Shape, D extends DType, B extends Shape = []>(this: Tensor<A, D>, b: number | (Tensor<B, D> & Fits<'minimum', A, B, D>)): Tensor<Broadcast<A, B>, D> {
    return arithmetic.minimum(this, b);
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
  neg(): Tensor<S, D> {
    return arithmetic.neg(this);
  }

  /** |x|. */
  abs(): Tensor<S, D> {
    return arithmetic.abs(this);
  }

  /** -1, 0 or 1. */
  sign(): Tensor<S, D> {
    return arithmetic.sign(this);
  }

  /** e to the power of x. */
  exp(): Tensor<S, D> {
    return exponential.exp(this);
  }

  /** The natural logarithm. */
  log(): Tensor<S, D> {
    return exponential.log(this);
  }

  /** The square root. */
  sqrt(): Tensor<S, D> {
    return exponential.sqrt(this);
  }

  /** The error function. */
  erf(): Tensor<S, D> {
    return exponential.erf(this);
  }

  /** The hyperbolic tangent. */
  tanh(): Tensor<S, D> {
    return activations.tanh(this);
  }

  /** 1 / (1 + exp(-x)). */
  sigmoid(): Tensor<S, D> {
    return activations.sigmoid(this);
  }

  /** max(x, 0). */
  relu(): Tensor<S, D> {
    return activations.relu(this);
  }

  /** The Gaussian error linear unit. */
  gelu(options?: GeluOptions): Tensor<S, D> {
    return activations.gelu(this, options);
  }

  /** Held to [min, max]. */
  clamp(min?: number, max?: number): Tensor<S, D> {
    return clamp(this, min, max);
  }

  /** not x. */
  logicalNot(): Tensor<S, 'bool'> {
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

  /** As another dtype. */
  cast<T extends DType>(to: T): Tensor<S, T> {
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

  /** Whether any element along `axis` is not 0. */
  any<A extends Shape, const X extends Axis = undefined, const K extends boolean = false>(this: Tensor<A>, options?: ReduceOptions<X, K>): Tensor<Reduce<A, X, K>, 'bool'> {
    return reductions.any(this, options);
  }

  /** Whether all elements along `axis` are not 0. */
  all<A extends Shape, const X extends Axis = undefined, const K extends boolean = false>(this: Tensor<A>, options?: ReduceOptions<X, K>): Tensor<Reduce<A, X, K>, 'bool'> {
    return reductions.all(this, options);
  }

  /** exp(x) / sum exp(x) along `axis`. */
  softmax(axis = -1): Tensor<S, D> {
    return softmax(this, axis);
  }

  /** log softmax(x) along `axis`. */
  logSoftmax(axis = -1): Tensor<S, D> {
    return logSoftmax(this, axis);
  }

  /** The same elements in another shape; one size may be -1. */
  reshape<const T extends Shape>(shape: T): Tensor<Resolved<T>, D> {
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

  /** With a new dimension of size 1 in front of `axis`. */
  unsqueeze<A extends Shape, D extends DType, const X extends number>(this: Tensor<A, D>, axis: X): Tensor<Unsqueeze<A, X>, D> {
    return views.unsqueeze(this, axis);
  }

  /** Elements `start` up to, not including, `end` along an axis; negative ones count from the back. */
  slice<A extends Shape, D extends DType, const X extends number = 0>(this: Tensor<A, D>, start: number, end?: number, options?: SliceOptions<X>): Tensor<Resize<A, X>, D> {
    return views.slice(this, start, end, options);
  }

  /** Without dimensions of size 1, or without those of `axis` that are of size 1. */
  squeeze(axis?: number | readonly number[]): Tensor<Shape, D> {
    return views.squeeze(this, axis);
  }

  /** Dimensions `start` to `end`, both included, made one. */
  flatten(start = 0, end = -1): Tensor<Shape, D> {
    return views.flatten(this, start, end);
  }

  /** Repeated along dimensions of size 1 and new ones in front, without copying; -1 leaves a size as it is. */
  expand<A extends Shape, D extends DType, const T extends Shape>(this: Tensor<A, D>, shape: T): Tensor<Expand<A, T>, D> {
    return views.expand(this, shape);
  }

  /** The same elements, of which nothing before is differentiated. */
  detach(): Tensor<S, D> {
    return views.detach(this);
  }

  /** The slices along an axis that the int32 `indices` name. */
  gather<A extends Shape, D extends DType, B extends Shape, E extends DType>(this: Tensor<A, D>, indices: Tensor<B, E> & Indices<'gather', 'indices', E>): Tensor<GatherFirst<A, B>, D>;
  gather(indices: Tensor, axis: number): Tensor<Shape, D>;
  gather(indices: Tensor, axis = 0): Tensor<Shape, D> {
    return gather(this, indices, axis);
  }

  toString(): string {
    return `Tensor(${this.op.name}, ${showShape(this.shape)}, ${this.dtype})`;
  }

  /** Shape, dtype, and the values where they are known without running anything; null where not. */
  toJSON(): TensorJson {
    return tensorJson(this);
  }

  [inspected](): string {
    return tensorText('Tensor', this.shape, this.dtype, valuesOf(this));
  }
}

/** Losses whose gradients are wanted and not yet computed, and the parameters that still wait for them. */
export interface PendingGradients {
  readonly losses: Tensor[];
  readonly parameters: Parameter[];
  readonly nodes: Tensor[];
  readonly rules: RecordedRules;
}

/** How a parameter gets its first values; called once, when they are first needed. */
export type Initializer = (parameter: Parameter) => Tensor;

/** A tensor that training changes, or a buffer that a model carries along: one that is made with requiresGrad false. */
export class Parameter<S extends Shape = Shape> extends Tensor<S, 'float32'> {
  /**
   * Whether training changes it; may be assigned at any time. False freezes it: what is recorded from then on is not differentiated down to it, so that
   * backward ends above a frozen layer, and optimizers pass it over.
   *
   *     for (const parameter of model.layers[0]!.parameters()) parameter.requiresGrad = false;
   */
  declare requiresGrad: boolean;
  /** It was made as a buffer; setting requiresGrad makes it a parameter like others. */
  readonly #madeAsBuffer: boolean;
  /** Its path in the model, PyTorch's way: `0.weight`. Set when a module registers it. */
  name = '';
  /** The random streams of that model. */
  generator$: ModelGenerator | undefined = undefined;
  /** The backward() that reached it and that no step has consumed yet. */
  pending$: PendingGradients | undefined = undefined;
  /** Its gradient, where that was computed ahead of the step. */
  accumulator$: Tensor | undefined = undefined;
  /** Accumulators that a user has seen before a further gradient was added. */
  earlier$: readonly Tensor[] = NO_TENSORS;
  /** Why its gradient, which was to be computed ahead of the step, is not there. */
  lost$: Error | undefined = undefined;
  /** The memory of the last accumulator, until the next one wants it, or a step did without. */
  spare$: Storage | undefined = undefined;
  /** What computes its first values; undefined once they are there. */
  initializer$: Initializer | undefined;

  constructor(shape: S, initializer: Initializer, options: { requiresGrad?: boolean } = {}) {
    checkShape('Parameter', shape);
    checkOptions('Parameter', options, ['requiresGrad']);
    checkFlags('Parameter', options, ['requiresGrad']);
    if (typeof initializer !== 'function') throw new ArgumentError(`[Parameter] initializer: got ${describeValue(initializer)}, expected what gives first values, as in nn.init.zeros().`, { op: 'Parameter' });
    super(storageLeaf, [], undefined, { shape, dtype: 'float32' }, options.requiresGrad ?? true, 0);
    this.initializer$ = initializer;
    this.#madeAsBuffer = !this.requiresGrad;
  }

  /** Whether it belongs to the model without being trained; a frozen parameter is no buffer. */
  get isBuffer(): boolean {
    return this.#madeAsBuffer && !this.requiresGrad;
  }

  /** The gradient that backward() asked for, as a tensor of the current step; undefined where there is none. */
  get grad(): Tensor<S, 'float32'> | undefined {
    return engine().gradientOf(this) as Tensor<S, 'float32'> | undefined;
  }

  override toString(): string {
    return `Parameter(${this.name === '' ? 'unregistered' : this.name}, ${showShape(this.shape)})`;
  }

  override [inspected](): string {
    return tensorText(`Parameter${this.name === '' ? '' : ` ${this.name}`}`, this.shape, this.dtype, valuesOf(this)) + (this.requiresGrad ? '' : this.isBuffer ? ', a buffer' : ', frozen');
  }
}
