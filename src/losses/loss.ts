import type { DType } from '../dtype.js';
import type { Tensor } from '../tensor.js';

/** What training makes small: a scalar of a batch's outputs and targets. Any function of this form is one. */
export type Loss = (outputs: Tensor, targets: Tensor) => Tensor;

/** What built-in losses say of themselves. */
export interface BuiltinLoss<T extends DType> {
  /** The dtype of targets that it takes. */
  readonly targets: T;
  /** It records the same operations in every step. */
  readonly builtin: true;
}

/** The dtype of targets that a loss takes; any where it does not say. */
export type TargetsOf<L> = L extends { readonly targets: infer T extends DType } ? T : DType;

/** Whether a loss says that it is one of this library's. */
export function isBuiltin(loss: Loss): boolean {
  return (loss as Partial<BuiltinLoss<DType>>).builtin === true;
}
