// Tensor has [Symbol.dispose], which the standard library of a user's target may not know.
/// <reference lib="esnext.disposable" preserve="true" />
import type { ArrayOf, DType, TypedArray } from './dtype.js';
import { AnnealError, ArgumentError } from './errors.js';
import { engine, type Storage } from './graph/engine.js';
import { markOutput } from './graph/pending-outputs.js';
import type { RecomputeRegion } from './graph/recompute-region.js';
import { staleError } from './graph/stale.js';
import type { SuspendedOutputs } from './graph/suspended-outputs.js';
import { inspected } from './inspect.js';
import type { Mean } from './losses/reduction.js';
import type { Attrs, Inferred, OpRecord, OutputMeta } from './ops/record.js';
import { showShape, sizeOf, type Shape } from './shape.js';
import { nested, tensorJson, tensorText, valuesOf, type Rows, type TensorJson, type Value } from './tensor-text.js';

const NOTHING: readonly OutputMeta[] = [];

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
  /** True where gradients with respect to it can be asked for: it is trained, or was marked, or was computed from such a one. */
  readonly requiresGrad: boolean;

  /** Operands; emptied when the step that the node belongs to has run, so that a handle does not hold a whole graph. */
  inputs: readonly Tensor[];
  readonly attrs: Attrs | undefined;
  /** Shapes and dtypes of its outputs behind the first. */
  readonly more: readonly OutputMeta[];
  /** Updates submitted before this node was recorded: tells whether a parameter has changed since. */
  readonly recordedVersion: number;

  /** An input's elements. */
  data$: TypedArray | undefined = undefined;
  /** A slot's numbers. */
  slots$: ArrayLike<number> | undefined = undefined;
  /** Native memory that holds this tensor's elements. */
  storage$: Storage | undefined = undefined;
  /** Version at which a leaf was last overwritten. */
  version$ = 0;
  /** Outputs that rest until a leaf changes; see graph/suspended-outputs.ts. */
  suspended$: SuspendedOutputs | undefined = undefined;
  /** Outputs 1, 2, ... of the node, of which it is the first itself. */
  outputs$: readonly Tensor[] | undefined = undefined;
  /** The call of recompute() that recorded it. */
  region$: RecomputeRegion | undefined = undefined;
  /** The tensor that this one computes again: gradients flow to that. */
  original$: Tensor | undefined = undefined;
  /** True of one among those that a step has to deliver; see graph/pending-outputs.ts. */
  isPendingOutput$ = false;
  /** A scalar that its step has computed, or is computing: where its value is. */
  value$: Value | undefined = undefined;
  /** True of a gradient, and of what was computed from one: a loss cannot depend on it, as that would take a second derivative. */
  ofGradient$ = false;
  /** True of a gradient from which something was computed. */
  used$ = false;
  /** Its step has run and its elements are gone. */
  stale = false;
  /** Manner in which a loss of this library adds up with others; see losses/reduction.ts. A field, as a WeakMap would take longer than the rest of the loss. */
  mean$: Mean | 'sum' | undefined = undefined;
  /** dispose() was called. */
  disposed$ = false;
  /** keep() was called: its elements outlive the step. */
  kept$ = false;
  /** Source of the rows of a batch, for errors that are found while a step runs. */
  origin$: { readonly dataset: string; describe(row: number, further?: number): string } | undefined = undefined;
  /** Its number in the walk that is under way. */
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
    const value = this.value$;
    if (value !== undefined) return typeof value === 'number' ? value : value();
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

  /**
   * Marks a tensor that depends on nothing that requires a gradient, so that grad() can differentiate with respect to it. What was computed from it before does
   * not depend on it. Returns the tensor itself. As torch.Tensor.requires_grad_(). Throws AnnealError (ANNEAL_GRADIENT) for whole numbers, and for what was
   * computed, inside noGrad() as well, from tensors that require one: detach() it first.
   *
   *     const between = real.mul(share).add(fake.mul(1 - share)).detach().requireGrad();
   */
  requireGrad(): this {
    const isApart = this.requiresGrad || 'none' in this.op.gradient || this.inputs.every((input) => !input.requiresGrad);
    if (this.dtype !== 'float32' || !isApart) {
      const what =
        this.dtype === 'float32'
          ? `the result of ${this.op.name}, whose operands require gradients though it does not, as it was recorded inside noGrad(). Call detach() first: tensor.detach().requireGrad()`
          : `${this.dtype}, expected float32. Whole numbers have no slopes`;
      throw new AnnealError('ANNEAL_GRADIENT', `[requireGrad] got ${what}.`, { op: 'requireGrad', shapes: [this.shape] });
    }
    (this as { requiresGrad: boolean }).requiresGrad = true;
    return this;
  }

  /** Makes the elements outlive the step that computes them. Returns the tensor itself. */
  keep(): this {
    if (this.stale) throw staleError('keep', this);
    if (!this.kept$) markOutput(this);
    this.kept$ = true;
    return this;
  }

  toString(): string {
    return `Tensor(${this.op.name}, ${showShape(this.shape)}, ${this.dtype})`;
  }

  /** Text, where text is asked for. Throws ArgumentError in arithmetic and comparisons of JavaScript's, which would make NaN, false or a text of it. */
  [Symbol.toPrimitive](hint: 'string' | 'number' | 'default'): string {
    if (hint === 'string') return this.toString();
    const read = sizeOf(this.shape) === 1 ? 'item' : 'data';
    throw new ArgumentError(`[tensor] got ${this.toString()} as an operand of JavaScript's, as of + or <, expected a number. Read it first: await tensor.${read}(). Sums and comparisons of tensors are ops: a.add(b), a.less(b).`, { op: 'tensor' });
  }

  /** Shape, dtype, and the values where they are known without running anything; null where not. */
  toJSON(): TensorJson {
    return tensorJson(this);
  }

  [inspected](): string {
    return tensorText('Tensor', this.shape, this.dtype, valuesOf(this));
  }
}
