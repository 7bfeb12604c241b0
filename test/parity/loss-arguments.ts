import { tensor, type Tensor } from 'anneal';
import type { Args } from './fixtures.js';

/** Arguments of a case behind its inputs, without gradients: operands that stand in the arguments, and options. */
export function constants({ signs, inputLengths, targetLengths, classWeights, positiveWeight, ...options }: Args): [...Tensor[], Partial<Args>] {
  const weights = Object.entries({ classWeights, positiveWeight }).filter(([, given]) => given !== undefined);
  const whole = [inputLengths, targetLengths].filter((given) => given !== undefined).map((given) => tensor(Int32Array.from(given)) as Tensor);
  const made = weights.map(([name, given]) => [name, Array.isArray(given) ? tensor(given as number[]) : given]);
  return [...(signs === undefined ? [] : [tensor(signs) as Tensor]), ...whole, { ...options, ...Object.fromEntries(made) }];
}
