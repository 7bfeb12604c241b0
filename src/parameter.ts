import { ArgumentError } from './errors.js';
import { describeValue } from './describe-value.js';
import type { ModelGenerator } from './generator.js';
import { engine, type Storage } from './graph/engine.js';
import type { Assignment } from './graph/assignments.js';
import type { RecordedRules } from './graph/recorded-rule.js';
import { inspected } from './inspect.js';
import { checkPositive, checkShape } from './ops/check.js';
import { storageLeaf } from './ops/leaf.js';
import { checkChoice, checkFlags, checkOptions } from './options.js';
import { showShape, type Shape } from './shape.js';
import { tensorText, valuesOf } from './tensor-text.js';
import { Tensor } from './tensor.js';

const NO_TENSORS: readonly Tensor[] = [];

/** Losses whose gradients are wanted and not yet computed, and the parameters that still wait for them. */
export interface PendingGradients {
  readonly losses: Tensor[];
  readonly parameters: Parameter[];
  readonly nodes: Tensor[];
  readonly rules: RecordedRules;
}

/** Gives a parameter its first values; called once, when they are first needed. */
export type Initializer = (parameter: Parameter) => Tensor;

export interface ParameterOptions<D extends 'float32' | 'int32' = 'float32'> {
  /** False makes a buffer. Default true. */
  readonly requiresGrad?: boolean | undefined;
  /** Dtype of a buffer. Default 'float32'. */
  readonly dtype?: D | undefined;
  /** True of a table [V, D] of which an optimizer is to update only the rows that a step looks up. Default false. */
  readonly sparse?: boolean | undefined;
  /** Largest Euclidean norm of the rows of a table [V, D] that are looked up; see nn.embedding(). Default: none. */
  readonly maxNorm?: number | undefined;
}

/** A tensor that training changes, or a buffer that a model carries along: one that is made with requiresGrad false. */
export class Parameter<S extends Shape = Shape, D extends 'float32' | 'int32' = 'float32'> extends Tensor<S, D> {
  /**
   * True where training changes it; may be assigned at any time. False freezes it: what is recorded from then on is not differentiated down to it, so that
   * backward ends above a frozen layer, and optimizers pass it over.
   *
   *     for (const parameter of model.layers[0]!.parameters()) parameter.requiresGrad = false;
   */
  declare requiresGrad: boolean;
  /** True of a table of which optimizers update only the rows that have a gradient. */
  readonly sparse: boolean;
  /** Norm that longer rows of a table are shortened to when they are looked up; an optimizer's step begins with it. */
  readonly maxNorm: number | undefined;
  /** True of one that was made as a buffer; setting requiresGrad makes it a parameter like others. */
  readonly #madeAsBuffer: boolean;
  /** Its path in the model, PyTorch's way: `0.weight`. Set when a module registers it. */
  name = '';
  /** The random streams of that model. */
  generator$: ModelGenerator | undefined = undefined;
  /** The backward() that reached it and that no step has consumed yet. */
  pending$: PendingGradients | undefined = undefined;
  /** Its gradient, where that was computed ahead of the step. */
  accumulator$: Tensor | undefined = undefined;
  /** The accumulator that a user has a handle of, which goes on showing what it shows: a further gradient is added in another one. */
  seen$: Tensor | undefined = undefined;
  /** Accumulators that a user has seen before a further gradient was added. */
  earlier$: readonly Tensor[] = NO_TENSORS;
  /** Reason why its gradient, which was to be computed ahead of the step, is not there. */
  lost$: Error | undefined = undefined;
  /** The memory of the last accumulator, until the next one wants it, or a step did without. */
  spare$: Storage | undefined = undefined;
  /** Values that were assigned to a buffer, and are neither committed nor given up; see graph/assignments.ts. */
  assignments$: readonly Assignment[] | undefined = undefined;
  /** Computes its first values; undefined once they are there. */
  initializer$: Initializer | undefined;

  constructor(shape: S, initializer: Initializer, options: ParameterOptions<D> = {}) {
    checkShape('Parameter', shape);
    checkOptions('Parameter', options, ['requiresGrad', 'dtype', 'sparse', 'maxNorm']);
    checkFlags('Parameter', options, ['requiresGrad', 'sparse']);
    checkInitializer('Parameter', initializer);
    const { dtype = 'float32', requiresGrad = true, sparse = false, maxNorm } = options;
    checkChoice('Parameter', 'dtype', dtype, ['float32', 'int32']);
    if (dtype === 'int32' && requiresGrad) throw new ArgumentError('[Parameter] dtype: got int32 of a parameter that is trained, expected float32. Make it a buffer: { dtype: \'int32\', requiresGrad: false }.', { op: 'Parameter' });
    if (sparse && (shape.length !== 2 || !requiresGrad)) throw new ArgumentError(`[Parameter] sparse: got it for ${requiresGrad ? showShape(shape) : 'a buffer'}, expected a table [V, D] that is trained.`, { op: 'Parameter' });
    if (maxNorm !== undefined) checkPositive('Parameter', 'maxNorm', maxNorm);
    if (maxNorm !== undefined && (shape.length !== 2 || !requiresGrad)) throw new ArgumentError(`[Parameter] maxNorm: got it for ${requiresGrad ? showShape(shape) : 'a buffer'}, expected a table [V, D] that is trained.`, { op: 'Parameter' });
    super(storageLeaf, [], undefined, { shape, dtype }, requiresGrad, 0);
    this.sparse = sparse;
    this.maxNorm = maxNorm;
    this.initializer$ = initializer;
    this.#madeAsBuffer = !this.requiresGrad;
  }

  /** Returns whether it belongs to the model without being trained; a frozen parameter is no buffer. */
  get isBuffer(): boolean {
    return this.#madeAsBuffer && !this.requiresGrad;
  }

  /**
   * Sets what gives its first values, in place of the layer's own; before they are first needed, so in the model's constructor or right behind it.
   *
   *     const head = nn.linear(512, 10);
   *     head.weight.initialize(nn.init.normal(0, 0.01));
   *
   * Throws ArgumentError for what is no initializer, and once it has values: those are replaced by loadStateDict().
   */
  initialize(initializer: Initializer): this {
    checkInitializer('initialize', initializer);
    if (this.initializer$ === undefined) throw new ArgumentError(`[initialize] ${String(this)} has its values already, expected one that was not used yet. Call it before the first step, or replace the values by loadStateDict().`, { op: 'initialize' });
    this.initializer$ = initializer;
    return this;
  }

  /** The gradient that backward() asked for, as a tensor of the current step; undefined where there is none. */
  get grad(): Tensor<S, 'float32'> | undefined {
    return engine().gradientOf(this as unknown as Parameter) as Tensor<S, 'float32'> | undefined;
  }

  override toString(): string {
    return `Parameter(${this.name === '' ? 'unregistered' : this.name}, ${showShape(this.shape)})`;
  }

  override [inspected](): string {
    return tensorText(`Parameter${this.name === '' ? '' : ` ${this.name}`}`, this.shape, this.dtype, valuesOf(this)) + (this.requiresGrad ? '' : this.isBuffer ? ', a buffer' : ', frozen');
  }
}

function checkInitializer(op: string, initializer: unknown): void {
  if (typeof initializer === 'function') return;
  throw new ArgumentError(`[${op}] initializer: got ${describeValue(initializer)}, expected what gives first values, as in nn.init.zeros().`, { op });
}
