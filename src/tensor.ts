import type { ArrayOf, DType, TypedArray } from './dtype.js';
import { ArgumentError, StaleTensorError } from './errors.js';
import { engine, type Storage } from './graph/engine.js';
import { awaitValue } from './graph/recorder.js';
import { storageLeaf } from './ops/leaf.js';
import type { Attrs, Meta, OpRecord, Inferred } from './ops/record.js';
import { showShape, type Shape } from './shape.js';

const NOTHING: readonly Meta[] = [];

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
  readonly hidden: readonly Meta[];
  /** Updates submitted before this node was recorded: tells whether a parameter has changed since. */
  readonly recordedAt: number;

  /** An input's elements. */
  data$: TypedArray | undefined = undefined;
  /** A slot's numbers. */
  slots$: ArrayLike<number> | undefined = undefined;
  /** Native memory that holds this tensor's elements. */
  storage$: Storage | undefined = undefined;
  /** Of a leaf: when it was last overwritten. */
  changedAt$ = 0;
  /** A scalar that its step has computed, or is computing: where its value is. */
  value$: (() => Promise<number>) | undefined = undefined;
  /** Its step has run and its elements are gone. */
  stale = false;
  /** keep() was called: its elements outlive the step. */
  kept$ = false;
  /** Where the walk that is under way has numbered it. */
  walk$ = 0;
  number$ = 0;

  constructor(op: OpRecord, inputs: readonly Tensor[], attrs: Attrs | undefined, meta: Inferred, requiresGrad: boolean, at: number) {
    this.op = op;
    this.inputs = inputs;
    this.attrs = attrs;
    this.shape = meta.shape as S;
    this.dtype = meta.dtype as D;
    this.hidden = meta.hidden ?? NOTHING;
    this.requiresGrad = requiresGrad;
    this.recordedAt = at;
  }

  /** The elements, row-major, as a new typed array. Runs what they need and has not run. Throws StaleTensorError after its step. */
  async data(): Promise<ArrayOf<D>> {
    return (await engine().read(this)) as ArrayOf<D>;
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

  /** Makes the elements outlive the step that computes them. Returns the tensor itself. */
  keep(): this {
    if (this.stale) {
      throw new StaleTensorError(`[keep] the step of this tensor (the result of ${this.op.name}) is finished, so its values are gone. Call keep() before the step runs.`, {
        op: 'keep',
      });
    }
    if (!this.kept$) awaitValue(this);
    this.kept$ = true;
    return this;
  }

  toString(): string {
    return `Tensor(${this.op.name}, ${showShape(this.shape)}, ${this.dtype})`;
  }
}

/** How a parameter gets its first values; called once, when they are first needed. */
export type Initializer = (parameter: Parameter) => Tensor;

/** A tensor that training changes, or a buffer that a model carries along (requiresGrad false). */
export class Parameter<S extends Shape = Shape> extends Tensor<S, 'float32'> {
  /** Its path in the model, PyTorch's way: `0.weight`. Set when a module registers it. */
  name = '';
  /** What computes its first values; undefined once they are there. */
  initializer$: Initializer | undefined;

  constructor(shape: S, initializer: Initializer, options: { requiresGrad?: boolean } = {}) {
    super(storageLeaf, [], undefined, { shape, dtype: 'float32' }, options.requiresGrad ?? true, 0);
    this.initializer$ = initializer;
  }

  /** The gradient that backward() asked for, as a tensor of the current step; undefined where there is none. */
  get grad(): Tensor<S, 'float32'> | undefined {
    return engine().gradientOf(this) as Tensor<S, 'float32'> | undefined;
  }

  override toString(): string {
    return `Parameter(${this.name === '' ? 'unregistered' : this.name}, ${showShape(this.shape)})`;
  }
}
