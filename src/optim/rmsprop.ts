import type { OptimizerOptions, ParametersOf, Rule } from './group.js';
import { checkNumber, checkScheduled, type Scheduled } from './numbers.js';
import { optimizerOf, type Optimizer } from './optimizer.js';

export interface RmspropOptions {
  /** Learning rate: a number, or a function of the number of steps done. Default 1e-2. */
  readonly lr?: Scheduled | undefined;
  /** Decay of the average of squares. Default 0.99. */
  readonly alpha?: number | undefined;
  /** Added to the denominator. Default 1e-8. */
  readonly eps?: number | undefined;
  /** Default 0. */
  readonly momentum?: Scheduled | undefined;
  /** Divides by the gradients' spread around their average instead of by their size. Default false. */
  readonly centered?: boolean | undefined;
  /** L2 penalty: added to the gradient, times the parameter. Default 0. */
  readonly weightDecay?: Scheduled | undefined;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean | undefined;
}

function rule(options: RmspropOptions): Rule {
  const op = 'rmsprop';
  const { lr = 1e-2, alpha = 0.99, eps = 1e-8, weightDecay = 0, momentum = 0, centered = false, maximize = false } = options;
  checkNumber(op, 'alpha', alpha, 0, 1);
  checkNumber(op, 'eps', eps);
  checkScheduled(op, 'weightDecay', weightDecay);
  checkScheduled(op, 'momentum', momentum);
  const rule = `rmsprop${centered ? '_centered' : ''}${momentum === 0 ? '' : '_momentum'}`;
  return { lr, rule, hyper: { alpha, eps, weightDecay, momentum }, flags: { maximize } };
}

/**
 * v = alpha v + (1 - alpha) g^2; p -= lr g / (sqrt(v) + eps), by momentum where that is asked for; before that g += weightDecay p.
 * Matches torch.optim.RMSprop. Source: Hinton, lecture 6 of Neural Networks for Machine Learning, 2012; centered: Graves, arXiv:1308.0850.
 */
export function rmsprop(parameters: ParametersOf<RmspropOptions>, options: OptimizerOptions<RmspropOptions> = {}): Optimizer {
  return optimizerOf('rmsprop', parameters, options, ['lr', 'alpha', 'eps', 'weightDecay', 'momentum', 'centered', 'maximize'], rule);
}
