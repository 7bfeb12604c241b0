import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Parameter } from '../parameter.js';

/** Arguments of a composed rule for one parameter. */
export interface Composing {
  readonly parameter: Tensor;
  /** Clipped already. */
  readonly gradient: Tensor;
  /** The arrays that it keeps, as the step before has left them. */
  readonly kept: Readonly<Record<string, Tensor>>;
  /** Its hyper-parameters in this step, float32 []: `lr` and those of its rule. */
  readonly numbers: Readonly<Record<string, Tensor>>;
}

/**
 * A rule that is composed of ops, where one pass over elements cannot do it: sums over rows, products of matrices. What it computes
 * is taken off the parameter by the update that gradient descent has.
 */
export interface Composition {
  /** The arrays that it keeps beside a parameter, by name; they start at 0. */
  keeps(parameter: Parameter): Readonly<Record<string, Shape>>;
  /** Returns what is taken off the parameter, and the new values of the state. */
  compose(given: Composing): { readonly step: Tensor; readonly kept: Readonly<Record<string, Tensor>> };
}
