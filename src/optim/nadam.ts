import type { OptimizerOptions, ParametersOf, Rule } from './group.js';
import { checkBetas, checkNumber, checkScheduled, type Scheduled } from './numbers.js';
import { optimizerOf, type Optimizer } from './optimizer.js';
import { power } from './schedules/exact.js';

export interface NadamOptions {
  /** Learning rate: a number, or a function of the number of steps done. Default 2e-3. */
  readonly lr?: Scheduled | undefined;
  /** Decay of the averages of the gradient and of its square; either may be a schedule. Default [0.9, 0.999]. */
  readonly betas?: readonly [Scheduled, Scheduled] | undefined;
  /** Added to the denominator. Default 1e-8. */
  readonly eps?: number | undefined;
  /** Rate at which the momentum reaches betas[0]. Default 4e-3. */
  readonly momentumDecay?: number | undefined;
  /** L2 penalty: added to the gradient, times the parameter. Default 0. */
  readonly weightDecay?: Scheduled | undefined;
  /** Takes the weight decay off the parameter instead, as AdamW does: p -= lr weightDecay p. Default false. */
  readonly decoupled?: boolean | undefined;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean | undefined;
}

function rule(options: NadamOptions): Rule {
  const op = 'nadam';
  const { lr = 2e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, momentumDecay = 4e-3, decoupled = false, maximize = false } = options;
  const [beta1, beta2] = checkBetas(op, betas);
  checkNumber(op, 'eps', eps);
  checkScheduled(op, 'weightDecay', weightDecay);
  checkNumber(op, 'momentumDecay', momentumDecay);
  const hyper = { beta1, beta2, eps, weightDecay, cooling: power(0.96, momentumDecay) };
  return { lr, rule: 'nadam', hyper, flags: { decoupled, maximize } };
}

/**
 * Adam with Nesterov's momentum: with mu(t) = b1 (1 - 0.96^(t momentumDecay) / 2) it goes ahead by the momentum of the next step.
 * Before that g += weightDecay p, or, with `decoupled`, p -= lr weightDecay p. Matches torch.optim.NAdam as of 2.0; before, it had one factor mu too many. Source: Dozat, 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ.
 */
export function nadam(parameters: ParametersOf<NadamOptions>, options: OptimizerOptions<NadamOptions> = {}): Optimizer {
  return optimizerOf('nadam', parameters, options, ['lr', 'betas', 'eps', 'weightDecay', 'momentumDecay', 'decoupled', 'maximize'], rule);
}
