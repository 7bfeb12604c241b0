import type { TypedArray } from '../dtype.js';
import type { UpdateRule } from '../ops/updates.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Parameter } from '../parameter.js';

/** Native memory that outlives a step. The engine frees it when this object is collected. */
export interface Storage {
  readonly id: number;
  readonly bytes: number;
  /** Strides of its tensor's elements in it; undefined: row-major. */
  readonly strides: readonly number[] | undefined;
}

/** A parameter and its gradient in the step that updates it. */
export interface ParameterGradient {
  readonly parameter: Parameter;
  /** Of the parameter's shape, or [R, D] where it has rows. */
  readonly gradient: Tensor;
  /** The rows of a table that the gradient's rows belong to, int32 [R], -1 for none; see graph/row-gradient.ts. */
  readonly rows?: Tensor | undefined;
}

/** An optimizer as the engine sees it: the rule, as effect nodes that are made once per plan, and this step's numbers. */
export interface Updater {
  /** Identity of the rule: a plan is valid for one (updater, version). */
  readonly id: number;
  readonly version: number;
  readonly parameters: readonly Parameter[];
  /** Returns whether it wants of the gradient of this table only the rows that are not left at 0. */
  takesRows(parameter: Parameter): boolean;
  /** The updates of all these parameters as effect nodes. Called while a plan is made, never on replay. */
  update(given: readonly ParameterGradient[]): readonly Tensor[];
  /** Counts a step that updates these parameters, right before it is submitted, and sets the values of its slots. */
  advance(updated: readonly Parameter[]): void;
  /** Returns what its steps overwrite besides the parameters of an update. */
  overwrites(): readonly Tensor[];
  /** Takes the count of one step of these parameters back: it failed, and has changed nothing. */
  rollback(updated: readonly Parameter[]): void;
}

/** Numbers besides the optimizer's that change from step to step: the keys of random streams. */
export interface RandomKeys {
  /** Goes on to those of the next step. */
  advance(): void;
  /** Takes those of the last `steps` steps back, which have not run. */
  rollback(steps: number): void;
}

/** Options of a step that was recorded. */
export interface StepOptions {
  /** Scalars and other small tensors of the step whose values the caller wants. */
  readonly watched?: readonly Tensor[];
  /** Number of times that it may run in one call, each time with the next numbers, and the next part of each sequence. Default 1. */
  readonly maxSteps?: number;
  readonly randomKeys?: RandomKeys;
  /**
   * Values that have to be finite, or else the step fails before it updates anything: 'cheap' are the losses and the gradients of small
   * parameters, in which what is not finite anywhere in the backward pass of their layer shows; 'all' are all gradients.
   */
  readonly finite?: 'cheap' | 'all';
  /** A scalar by which all gradients are multiplied before they are used. */
  readonly scale?: Tensor | undefined;
}

/** One or more steps that were submitted together. */
export interface Steps {
  readonly count: number;
  /** Resolves when all have run, and rejects when one has failed; undefined where they have run already. */
  readonly done: Promise<void> | undefined;
  /** Bytes of the temporaries of one step, by its plan; 0 where there is none. */
  readonly temporaryBytes: number;
  /** Number of steps that have run: those before the one that failed. Known when `done` is settled. */
  readonly completed: number;
  /** Number of steps that have begun, with the one that failed. Known when `done` is settled. */
  readonly begun: number;
  /** The elements of the i-th watched tensor in each of the steps that have run, one after the other; undefined where it is no part of the step. */
  values(i: number): ArrayLike<number> | undefined;
}

/** The graph's only way to the machinery that runs it. src/runtime installs it; nothing in front imports the runtime. */
export interface Engine {
  /** Runs whatever `tensor` needs and returns its elements, row-major. */
  read(tensor: Tensor): Promise<TypedArray>;
  /** Runs a whole step: losses, gradients, updates. */
  step(updater: Updater): Promise<void>;
  /** The same for those who look after several steps. Throws where there is nothing that could run. */
  steps(updater: Updater, options: StepOptions): Steps;
  /**
   * Computes the gradients that wait for these parameters now, and adds them to those that wait already, for a step to use: what
   * it takes for the losses whose backward() was called is free again. Where `finite` is given, it fails unless these losses are finite: what
   * gradients have that is not stays in their sums, which the step looks at. Throws where that fails at once.
   */
  accumulate(parameters: readonly Parameter[], watched: readonly Tensor[], finite?: StepOptions['finite']): Steps;
  /** Notes that the gradients of `loss` are wanted. */
  backward(loss: Tensor): void;
  /** Forgets the gradients of these parameters. */
  zeroGrad(parameters: readonly Parameter[]): void;
  /** The gradient of a parameter as a tensor of the current step, or undefined where there is none. */
  gradientOf(parameter: Parameter): Tensor | undefined;
  /** Frees what a tensor holds, after all steps submitted so far. */
  dispose(tensor: Tensor): void;
  /** A leaf of zeros in native memory, which outlives steps. */
  zeroed(shape: Shape): Tensor;
  /** The rule of updates of this name. Throws AnnealError (ANNEAL_ADDON_MISSING) where the addon has none. */
  updateRule(name: string): UpdateRule;
  /** Gives the tensors of each pair the memory of one another: nothing is copied. What may still be read of them, and depends on it, is computed first. */
  exchange(pairs: readonly (readonly [Tensor, Tensor])[]): void;
  /** Puts aside what is computed of the gradients of these parameters; what it returns puts it back. */
  setAside(parameters: readonly Parameter[]): () => void;
  /** A zero-filled array's memory, for what is large and read in every step: in large pages where the system has them. */
  memory(bytes: number): ArrayBuffer;
  /** 0, 1, ..., size - 1 in the order that a random stream gives: seed and stream in two words each, and a counter. */
  permutation(size: number, key: Uint32Array): Int32Array;
  /** Copies `data` into a leaf's storage, after all steps submitted so far. Rejects where that cannot be; undefined where it is done. */
  write(tensor: Tensor, data: TypedArray): Promise<void> | undefined;
  /** Computes `source` and stores it in `target`'s storage (initialisers, loading). */
  assign(target: Tensor, source: Tensor): void;
  /** The elements of a tensor in double precision, through the references; of the inputs behind it, those of `inputs` have other elements. */
  reference(tensor: Tensor, inputs: ReadonlyMap<Tensor, ArrayLike<number>>): Float64Array;
  /** The version of this library. */
  libraryVersion(): string;
  /** Resolves when everything submitted so far is done; rejects with the first error. */
  synchronize(): Promise<void>;
}

let current: Engine | undefined;
let provider: (() => Engine) | undefined;

/** The engine of this environment, made on first use. */
export function engine(): Engine {
  if (current !== undefined) return current;
  if (provider === undefined) throw new Error("anneal's runtime is not loaded: import from 'anneal'");
  current = provider();
  return current;
}

/** Says how an engine is made when the first tensor needs one. */
export function provideEngine(make: () => Engine): void {
  provider = make;
  current = undefined;
}
