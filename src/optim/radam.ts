import type { OptimizerOptions, ParametersOf, Rule } from './group.js';
import { checkBetas, checkNumber, checkScheduled, type Scheduled } from './numbers.js';
import { optimizerOf, type Optimizer } from './optimizer.js';

export interface RadamOptions {
  /** Learning rate: a number, or a function of the number of steps done. Default 1e-3. */
  readonly lr?: Scheduled | undefined;
  /** Decay of the averages of the gradient and of its square; either may be a schedule. Default [0.9, 0.999]. */
  readonly betas?: readonly [Scheduled, Scheduled] | undefined;
  /** Added to the denominator. Default 1e-8. */
  readonly eps?: number | undefined;
  /** L2 penalty: added to the gradient, times the parameter. Default 0. */
  readonly weightDecay?: Scheduled | undefined;
  /** Takes the weight decay off the parameter instead, as AdamW does: p -= lr weightDecay p. Default false. */
  readonly decoupled?: boolean | undefined;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean | undefined;
}

function rule(options: RadamOptions): Rule {
  const op = 'radam';
  const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, decoupled = false, maximize = false } = options;
  const [beta1, beta2] = checkBetas(op, betas);
  checkNumber(op, 'eps', eps);
  checkScheduled(op, 'weightDecay', weightDecay);
  return { lr, rule: 'radam', hyper: { beta1, beta2, eps, weightDecay }, flags: { decoupled, maximize } };
}

/**
 * Adam that goes by the average of the gradient alone until enough gradients were seen to know their spread, which makes a warm-up
 * unnecessary: m and v as in Adam, l = L - 2 t b2^t / (1 - b2^t), L = 2 / (1 - b2) - 1; p -= lr m / (1 - b1^t) as long as l <= 5, later
 * times sqrt((l - 4)(l - 2) L / ((L - 4)(L - 2) l)) sqrt(1 - b2^t) / (sqrt(v) + eps); before that g += weightDecay p,
 * or, with `decoupled`, p -= lr weightDecay p. Matches torch.optim.RAdam. Source: Liu et al., arXiv:1908.03265.
 */
export function radam(parameters: ParametersOf<RadamOptions>, options: OptimizerOptions<RadamOptions> = {}): Optimizer {
  return optimizerOf('radam', parameters, options, ['lr', 'betas', 'eps', 'weightDecay', 'decoupled', 'maximize'], rule);
}
