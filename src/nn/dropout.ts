import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { unchanged } from '../ops/alias.js';
import { mul } from '../ops/index.js';
import { bernoulliMask } from '../ops/random.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { InferredShape } from './shape-inference.js';
import { Module } from './module.js';
import type { Same } from './shape-mismatch.js';
import { describeValue } from '../describe-value.js';

/** See dropout(). */
export class Dropout extends Module<Shape, Shape, Same> {
  readonly p: number;

  constructor(p: number) {
    super();
    if (!(typeof p === 'number' && p >= 0 && p <= 1)) throw new ArgumentError(`[dropout] p: got ${describeValue(p)}, expected a probability in [0, 1]. Write 20 % as 0.2.`, { op: 'dropout' });
    this.p = p;
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
    if (!this.training || this.p === 0) return unchanged(x);
    const input: Tensor = x as Tensor;
    if (this.p === 1) return mul(input, 0) as unknown as Tensor<S, D>;
    return mul(input, bernoulliMask(input.shape, this.randomKey('dropout'), 1 - this.p) as Tensor) as unknown as Tensor<S, D>;
  }

  override outcome$(shape: Shape): InferredShape {
    return this.builtin ? shape : undefined;
  }

  override get builtin(): boolean {
    return this.isPlain(Dropout);
  }

  override toString(): string {
    return `dropout(${this.p})`;
  }
}

/**
 * In training each element is 0 with probability p, else divided by 1 - p; in evaluation all pass through. As torch.nn.Dropout.
 * The mask depends on (seed, number of the model, the layer's path in it, number of the call) only, never on threads, other models or random numbers.
 * Source: Srivastava et al., JMLR 15 (2014). Throws ArgumentError for p outside [0, 1].
 */
export function dropout(p = 0.5): Dropout {
  return new Dropout(p);
}
