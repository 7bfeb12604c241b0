import type { OptimizerOptions, ParametersOf, Rule } from './group.js';
import { checkNumber, checkScheduled, type Scheduled } from './numbers.js';
import { optimizerOf, type Optimizer } from './optimizer.js';

export interface AdagradOptions {
  /** Learning rate: a number, or a function of the number of steps done. Default 1e-2. */
  readonly lr?: Scheduled | undefined;
  /** The rate of step t is lr / (1 + t lrDecay), t from 0. Default 0. */
  readonly lrDecay?: number | undefined;
  /** Start of the sum of squares. Default 0. */
  readonly initialAccumulatorValue?: number | undefined;
  /** Added to the denominator. Default 1e-10. */
  readonly eps?: number | undefined;
  /** L2 penalty: added to the gradient, times the parameter. Default 0. */
  readonly weightDecay?: Scheduled | undefined;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean | undefined;
}

function rule(options: AdagradOptions): Rule {
  const op = 'adagrad';
  const { lr = 1e-2, lrDecay = 0, initialAccumulatorValue: initial = 0, eps = 1e-10, weightDecay = 0, maximize = false } = options;
  checkNumber(op, 'lrDecay', lrDecay);
  checkNumber(op, 'initialAccumulatorValue', initial);
  checkNumber(op, 'eps', eps);
  checkScheduled(op, 'weightDecay', weightDecay);
  return { lr, rule: 'adagrad', hyper: { lrDecay, initial, eps, weightDecay }, flags: { maximize }, rows: weightDecay === 0 ? 'same' : undefined };
}

/**
 * v += g^2; p -= lr g / (sqrt(v) + eps); before that g += weightDecay p. Rates only fall: for sparse gradients.
 * Without weightDecay it takes sparse embeddings, and updates their rows that have a gradient.
 * Matches torch.optim.Adagrad. Source: Duchi et al., 2011, https://jmlr.org/papers/v12/duchi11a.html.
 */
export function adagrad(parameters: ParametersOf<AdagradOptions>, options: OptimizerOptions<AdagradOptions> = {}): Optimizer {
  return optimizerOf('adagrad', parameters, options, ['lr', 'lrDecay', 'initialAccumulatorValue', 'eps', 'weightDecay', 'maximize'], rule);
}
