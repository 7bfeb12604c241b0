import { ArgumentError } from '../errors.js';
import { generator } from '../generator.js';
import type { BatchTensors, ExampleShape, ShapeRecord, Tensors } from '../records.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { Parameter } from '../parameter.js';
import { ModuleNode } from './module-node.js';
import type { InferredShape } from './shape-inference.js';
import { childrenOf, register, sharedNames, walk } from './registry.js';
import { checkOwned, trackForward } from './running.js';
import type { ShapeFunction, Shapes } from './shape-mismatch.js';
import { inspected } from '../inspect.js';
import { moduleText } from './module-text.js';
import { loadInto, type LoadOptions, type State } from '../state.js';
import { describeList, describeValue } from '../describe-value.js';

/** The values of a parameter or buffer. */
export interface NamedArray {
  readonly shape: Shape;
  readonly dtype: 'float32';
  readonly data: Float32Array;
}

/** A module as JSON.stringify() writes it. */
export interface ModuleJson {
  readonly kind: string;
  readonly training: boolean;
  readonly state: { readonly [path: string]: { readonly shape: Shape; readonly dtype: string } };
}

/** The argument of forward() of a model that takes examples of shape I: a tensor, or a record of tensors with the batch in front. */
export type Inputs<I extends ExampleShape> = I extends ShapeRecord ? BatchTensors<I> : Tensor;

/** The result of forward() of a model that gives O: a tensor, or a record of tensors. */
export type Outputs<O extends ExampleShape> = O extends ShapeRecord ? { readonly [K in keyof O]: Tensor } : Tensor;

/**
 * The base of all layers and models. I and O are the shapes of one example, without the batch, as in `Module<[784], [10]>`;
 * left out, shapes are checked when the model is called instead of while compiling.
 *
 *     class Residual extends nn.Module<[64], [64]> {
 *       inner = nn.linear(64, 64);
 *       override forward(x: Tensor) { return add(x, relu(this.inner.forward(x))); }
 *     }
 *
 * A model of several inputs or outputs names them: `Module<{ tokens: [64]; lengths: [] }, { kind: [10]; price: [1] }>` has a forward() from a
 * record of tensors to a record of tensors.
 *
 * Parameters, buffers and modules are found in the object's own enumerable fields, and in arrays, plain objects and Maps there, and are named
 * by their path, as in `inner.weight`. As torch.nn.Module, but that there is nothing to register.
 */
export abstract class Module<I extends ExampleShape = Shape, O extends ExampleShape = Shape, F extends ShapeFunction = ShapeFunction, X = Inputs<I>, Y = Outputs<O>> extends ModuleNode {
  /** Carrier of the type; no value. */
  declare readonly shapes$: Shapes<I, O, F>;
  #training = true;

  constructor() {
    super();
    // Not new.target.prototype: terser moves it into a function of its own, where new.target is undefined.
    trackForward(Object.getPrototypeOf(this) as object);
  }

  /** True if layers such as dropout behave as in training. Set by train() and eval(). */
  get training(): boolean {
    if (this.#training) checkOwned(this as unknown as Module);
    return this.#training;
  }

  set training(training: boolean) {
    this.#training = training;
  }

  /** Computes the outputs for a batch. Records operations; nothing runs yet. */
  abstract forward(x: X, ...more: Tensor[]): Y;

  /** Returns whether it consists of built-in modules only, which record the same operations in every step. */
  get builtin(): boolean {
    return false;
  }

  /** Infers the output shape from the shape of one example, where that is known before a call: lets sequential() check sizes that the compiler cannot. */
  outcome$(_shape: Shape): InferredShape {
    return undefined;
  }

  /**
   * A fresh key of this module's random stream `name`, for ops that draw random numbers in forward(). Its numbers depend on (seed, number of the model,
   * name, path in the model, number of the call) only: another model, or another order of use, changes nothing. random.key() is one stream for all.
   *
   *     class Noise extends nn.Module {
   *       override forward(x: Tensor): Tensor {
   *         return add(x, normal(x.shape, this.randomKey('noise')));
   *       }
   *     }
   */
  protected randomKey(name: string): Tensor {
    return (this.generator$ ?? generator()).key(`${name} ${this.path$}`);
  }

  /** Itself and all modules below it. */
  modules(): Module[] {
    return [...walk(this as unknown as Module)].flatMap(({ value }) => (value instanceof Module ? [value] : []));
  }

  /** The modules in its own fields. */
  children(): Module[] {
    return childrenOf(this as unknown as Module);
  }

  /** Parameters by path, each once; those that are frozen (`parameter.requiresGrad = false`) among them, as in torch. */
  namedParameters(): Map<string, Parameter> {
    return this.#named((parameter) => !parameter.isBuffer);
  }

  /** The parameters, for an optimizer, which passes over those that are frozen. */
  parameters(): Parameter[] {
    return [...this.namedParameters().values()];
  }

  /** Tensors that belong to the model but are not trained, by path. */
  namedBuffers(): Map<string, Parameter> {
    return this.#named((parameter) => parameter.isBuffer);
  }

  buffers(): Parameter[] {
    return [...this.namedBuffers().values()];
  }

  /** Parameters and buffers by path. They are the model's own: read them with data(), or write them to a file with save(). */
  stateDict(): Map<string, Parameter> {
    return this.#named(() => true);
  }

  /**
   * Takes over parameters and buffers by path, from another model's stateDict(), from load(), or from plain arrays. All of it
   * or, where something does not fit, nothing. `strict: false` passes over names that only one side has, but not over
   * all of them. Of the state of a Trainer, such as a checkpoint, it takes the model's part. A name with underscores, as PyTorch writes them, is that in camel
   * case: `bn1.running_mean` is `bn1.runningMean`. A weight that layers share has one name here; a state may have it by any or all of its names, with the same values.
   * Throws AnnealError (ANNEAL_STATE_MISMATCH) naming what is missing, too much, or of another shape.
   */
  async loadStateDict(state: State, options: LoadOptions = {}): Promise<void> {
    await loadInto('loadStateDict', this.stateDict(), state, options, sharedNames(this as unknown as Module));
  }

  /**
   * Freezes parameters: those that `pattern` picks by their name, a RegExp or a beginning such as 'layer1' that ends before a dot, or all. They keep their values, and
   * backward ends above the lowest one that trains. A batch norm whose parameters are all frozen here goes on with its running statistics, also in training mode, and
   * leaves them; in PyTorch they would change. unfreeze() is the reverse. Returns the names.
   *
   *     model.freeze('0');               // or /^(conv1|bn1|layer[123])\./
   *
   * Throws ArgumentError for a pattern that picks nothing.
   */
  freeze(pattern?: string | RegExp): string[] {
    return this.#setFrozen('freeze', pattern, true);
  }

  /** Lets parameters train again; see freeze(). */
  unfreeze(pattern?: string | RegExp): string[] {
    return this.#setFrozen('unfreeze', pattern, false);
  }

  /** Training mode for this module and all below it. */
  train(training = true): this {
    if (typeof training !== 'boolean') throw new ArgumentError(`[train] got ${describeValue(training)}, expected true or false.`, { op: 'train' });
    for (const module of this.modules()) module.training = training;
    return this;
  }

  /** Evaluation mode: dropout passes everything through. */
  eval(): this {
    return this.train(false);
  }

  /**
   * Parameters and buffers with their values, by path: plain objects and typed arrays, which can be posted to another thread, where loadStateDict()
   * takes them.
   *
   *     worker.postMessage(await model.toArrays());
   *     parentPort.on('message', (arrays) => model.loadStateDict(arrays));     // in the worker
   */
  async toArrays(): Promise<Record<string, NamedArray>> {
    const pairs = [...this.stateDict()].map(async ([name, parameter]): Promise<[string, NamedArray]> => [name, { shape: parameter.shape, dtype: parameter.dtype, data: await parameter.data() }]);
    return Object.fromEntries(await Promise.all(pairs));
  }

  override toString(): string {
    return this.constructor.name;
  }

  /** Description of the module: its kind, and the shapes of its state; values are in toArrays(). */
  toJSON(): ModuleJson {
    const state = [...this.stateDict()].map(([name, { shape, dtype }]) => [name, { shape, dtype }]);
    return { kind: this.toString(), training: this.training, state: Object.fromEntries(state) as ModuleJson['state'] };
  }

  [inspected](): string {
    return moduleText(this as unknown as Module);
  }

  #setFrozen(op: string, pattern: string | RegExp | undefined, frozen: boolean): string[] {
    const all = this.stateDict();
    const picked = [...all].filter(([name]) => picks(op, pattern, name));
    const trained = picked.filter(([, parameter]) => !parameter.isBuffer);
    if (trained.length === 0) throw new ArgumentError(`[${op}] pattern: got ${String(pattern)}, which picks none of ${describeList([...all.keys()])}. Names are those of namedParameters().`, { op });
    for (const [, parameter] of trained) parameter.requiresGrad = !frozen;
    const state = new Set<unknown>(picked.map(([, parameter]) => parameter));
    for (const module of this.modules()) module.onFreeze$(state, frozen);
    return trained.map(([name]) => name);
  }

  /** Told of the parameters and buffers that freeze() or unfreeze() has picked. */
  onFreeze$(_state: ReadonlySet<unknown>, _frozen: boolean): void {}

  #named(wanted: (parameter: Parameter) => boolean): Map<string, Parameter> {
    register(this as unknown as Module);
    const found = new Map<string, Parameter>();
    for (const { path, value } of walk(this as unknown as Module)) if (value instanceof Parameter && wanted(value)) found.set(path, value);
    return found;
  }
}

/** Returns whether a pattern of freeze() picks that name. */
function picks(op: string, pattern: string | RegExp | undefined, name: string): boolean {
  if (pattern === undefined) return true;
  if (typeof pattern === 'string') return name === pattern || name.startsWith(`${pattern}.`);
  if (pattern instanceof RegExp) return name.search(pattern) >= 0;
  throw new ArgumentError(`[${op}] pattern: got ${describeValue(pattern)}, expected the beginning of names, as in 'layer1', or a RegExp.`, { op });
}

/** A module of any inputs and outputs, a record of them or one. */
export type AnyModule = Module<ExampleShape, ExampleShape, ShapeFunction, never, Tensors>;

/** Records what a model makes of a batch, of one tensor or a record of them. */
export function forwardOf(model: Module, inputs: Tensors): Tensors {
  return (model as unknown as AnyModule).forward(inputs as never);
}
