import type { OptimizerOptions, ParametersOf, Rule } from './group.js';
import { checkBetas, checkNumber, checkScheduled, type Scheduled } from './numbers.js';
import { optimizerOf, type Optimizer } from './optimizer.js';

export interface AdamaxOptions {
  /** Learning rate: a number, or a function of the number of steps done. Default 2e-3. */
  readonly lr?: Scheduled | undefined;
  /** Decay of the averages of the gradient and of its largest size; either may be a schedule. Default [0.9, 0.999]. */
  readonly betas?: readonly [Scheduled, Scheduled] | undefined;
  /** Added to the size of the gradient. Default 1e-8. */
  readonly eps?: number | undefined;
  /** L2 penalty: added to the gradient, times the parameter. Default 0. */
  readonly weightDecay?: Scheduled | undefined;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean | undefined;
}

function rule(options: AdamaxOptions): Rule {
  const op = 'adamax';
  const { lr = 2e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, maximize = false } = options;
  const [beta1, beta2] = checkBetas(op, betas);
  checkNumber(op, 'eps', eps);
  checkScheduled(op, 'weightDecay', weightDecay);
  return { lr, rule: 'adamax', hyper: { beta1, beta2, eps, weightDecay }, flags: { maximize } };
}

/**
 * Adam by the largest gradient instead of squares: m = b1 m + (1 - b1) g; u = max(b2 u, |g| + eps); p -= lr / (1 - b1^t) m / u; before
 * that g += weightDecay p. Matches torch.optim.Adamax. Source: Kingma and Ba, arXiv:1412.6980, section 7.
 */
export function adamax(parameters: ParametersOf<AdamaxOptions>, options: OptimizerOptions<AdamaxOptions> = {}): Optimizer {
  return optimizerOf('adamax', parameters, options, ['lr', 'betas', 'eps', 'weightDecay', 'maximize'], rule);
}
