import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { checkOptions, withoutUndefined } from '../options.js';
import type { Outputs } from '../nn/module.js';
import type { ExampleShape, ShapeRecord } from '../records.js';
import type { Shape } from '../shape.js';
import { describeValue } from '../describe-value.js';
import { Tensor } from '../tensor.js';
import { checkTensors } from './check.js';
import { REDUCTION, type Reduced, type Reduction, type ReductionOptions } from './reduction.js';

/** Options that the Trainer gives a loss besides outputs and targets, where the data or the classes have weights. */
export interface LossOptions {
  /** Weight of each example: float32 [N]. The mean is the weighted one, sum(weights * losses) / sum(weights). */
  readonly weights?: Tensor<Shape, 'float32'> | undefined;
}

/** A scalar of a batch's outputs and targets that training makes small. Any function of this form is one; one that takes no options cannot be weighted. */
export type Loss = (outputs: Tensor, targets: Tensor, options?: LossOptions) => Tensor;

/** A loss for a model that gives O: of a record of outputs a function of that record, and of targets that are one tensor or a record, too. */
export type LossFor<O extends ExampleShape> = O extends ShapeRecord ? (outputs: Outputs<O>, targets: never, options?: LossOptions) => Tensor : Loss;

/** A loss of any outputs and targets. */
export type AnyLoss = (outputs: never, targets: never, options?: LossOptions) => Tensor;

/** Declarations of built-in losses. */
export interface BuiltinLoss<T extends DType> {
  /** The dtype of targets that it takes. */
  readonly targets: T;
  /** It records the same operations in every step. */
  readonly builtin: true;
  /** The label that it does not look at, where one was given beforehand. */
  readonly ignoreIndex$?: number;
}

/** The dtype of targets that a loss takes; any where it does not say. */
export type TargetsOf<L> = L extends { readonly targets: infer T extends DType } ? T : DType;

/** Returns whether a loss declares itself one of this library's. */
export function isBuiltin(loss: Loss): boolean {
  return (loss as Partial<BuiltinLoss<DType>>).builtin === true;
}

/** The label that a loss says it does not look at. */
export function ignoredBy(loss: Loss): number | undefined {
  return (loss as Partial<BuiltinLoss<DType>>).ignoreIndex$;
}

/** `unknown` where targets of dtype D suit a loss that takes T, else the reason why not. */
type Suited<T extends DType, D extends DType> = DType extends D ? unknown : D extends T ? unknown : `this loss takes ${T} targets, but these are ${D}`;

/** A loss of a batch's outputs and targets, with options third. */
export interface OutputLoss<T extends DType, O extends object> extends BuiltinLoss<T> {
  <R extends Reduction = 'mean', D extends DType = DType>(
    outputs: Tensor,
    targets: Tensor<Shape, D> & Suited<T, D>,
    options?: O & ReductionOptions<R>,
  ): Tensor<Reduced<R>, 'float32'>;
  /**
   * The loss with options given beforehand, for whoever calls it with outputs and targets alone:
   *
   *     new Trainer(model, { loss: losses.huber.with({ delta: 0.5 }), optimizer });
   */
  with(options: O & { readonly reduction?: 'mean' | 'sum' }): ConfiguredLoss<T>;
}

/** A loss whose options are given. */
export interface ConfiguredLoss<T extends DType> extends BuiltinLoss<T> {
  <D extends DType = DType>(outputs: Tensor, targets: Tensor<Shape, D> & Suited<T, D>, options?: LossOptions): Tensor<[], 'float32'>;
}

/** The computation of a loss: `options` are checked to be known. */
export type Compute<O extends object> = (outputs: Tensor, targets: Tensor, options: O & ReductionOptions) => Tensor;

/** A call in place of the function, as other libraries have it: losses.huber({ delta: 0.5 }). */
function notOutputs(op: string, outputs: unknown): ArgumentError {
  return new ArgumentError(`[${op}] outputs: got ${describeValue(outputs)}, expected a tensor. To a Trainer give the function, without calling it: { loss: losses.${op} }; its options by losses.${op}.with({ ... }).`, { op });
}

/** Makes a loss of its name, the dtype of its targets and the names of its options. */
export function outputLoss<T extends DType, O extends object>(name: string, targets: T, known: readonly (keyof O & string)[], compute: Compute<O>): OutputLoss<T, O> {
  const names = [...REDUCTION, ...known];
  const loss = (outputs: Tensor, labels: Tensor, options: O & ReductionOptions = {} as O): Tensor => {
    if (labels === undefined && !(outputs instanceof Tensor)) throw notOutputs(name, outputs);
    checkTensors(name, { outputs, targets: labels });
    checkOptions(name, options, names);
    return compute(outputs, labels, options);
  };
  const described = <F extends object>(f: F): F => Object.defineProperty(Object.assign(f, { targets, builtin: true }), 'name', { value: name });
  const configured = (options: O & ReductionOptions): Loss => {
    // Weights belong to a batch, so they come with each call.
    checkOptions(name, options, ['reduction', ...known]);
    const { ignoreIndex } = options as { readonly ignoreIndex?: number };
    const loss = described((outputs: Tensor, labels: Tensor, more: LossOptions = {}) => {
      checkOptions(name, more, ['weights']);
      checkTensors(name, { outputs, targets: labels });
      return compute(outputs, labels, { ...options, ...withoutUndefined(more) });
    });
    return ignoreIndex === undefined ? loss : Object.assign(loss, { ignoreIndex$: ignoreIndex });
  };
  return Object.assign(described(loss), { with: configured }) as unknown as OutputLoss<T, O>;
}
