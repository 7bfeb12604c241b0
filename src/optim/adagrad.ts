import { checkOptions } from '../options.js';
import type { Parameter } from '../tensor.js';
import { checkNumber, checkScheduled, Optimizer, type Scheduled } from './optimizer.js';

export interface AdagradOptions {
  /** Learning rate: a number, or a function of the number of steps done. Default 1e-2. */
  readonly lr?: Scheduled;
  /** The rate of step t is lr / (1 + t lrDecay), t from 0. Default 0. */
  readonly lrDecay?: number;
  /** What the sum of squares starts at. Default 0. */
  readonly initialAccumulatorValue?: number;
  /** Added to the denominator. Default 1e-10. */
  readonly eps?: number;
  /** L2 penalty: added to the gradient, times the parameter. Default 0. */
  readonly weightDecay?: Scheduled;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean;
}

/**
 * v += g^2; p -= lr g / (sqrt(v) + eps); before that g += weightDecay p. Rates only fall: for sparse gradients.
 * Matches torch.optim.Adagrad. Source: Duchi et al., 2011, https://jmlr.org/papers/v12/duchi11a.html.
 */
export function adagrad(parameters: Iterable<Parameter>, options: AdagradOptions = {}): Optimizer {
  const op = 'adagrad';
  checkOptions(op, options, ['lr', 'lrDecay', 'initialAccumulatorValue', 'eps', 'weightDecay', 'maximize']);
  const { lr = 1e-2, lrDecay = 0, initialAccumulatorValue: initial = 0, eps = 1e-10, weightDecay = 0, maximize = false } = options;
  checkNumber(op, 'lrDecay', lrDecay);
  checkNumber(op, 'initialAccumulatorValue', initial);
  checkNumber(op, 'eps', eps);
  checkScheduled(op, 'weightDecay', weightDecay);
  return new Optimizer(op, parameters, lr, { rule: 'adagrad', hyper: { lrDecay, initial, eps, weightDecay }, flags: { maximize } });
}
