import type { OptimizerOptions, ParametersOf, Rule } from './group.js';
import { checkBetas, checkNumber, checkScheduled, type Scheduled } from './numbers.js';
import { optimizerOf, type Optimizer } from './optimizer.js';

export interface LambOptions {
  /** Learning rate: a number, or a function of the number of steps done. Default 1e-3. */
  readonly lr?: Scheduled | undefined;
  /** Decay of the averages of the gradient and of its square; either may be a schedule. Default [0.9, 0.999]. */
  readonly betas?: readonly [Scheduled, Scheduled] | undefined;
  /** Added to the denominator. Default 1e-6. */
  readonly eps?: number | undefined;
  /** Times the parameter, a part of the direction: decoupled, and trusted with it. Default 0.01. */
  readonly weightDecay?: Scheduled | undefined;
  /** Makes steps as long as the parameter's norm says. Off for biases and norms, commonly, as a group. Default true. */
  readonly adapt?: boolean | undefined;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean | undefined;
}

function rule(options: LambOptions): Rule {
  const op = 'lamb';
  const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-6, weightDecay = 0.01, adapt = true, maximize = false } = options;
  const [beta1, beta2] = checkBetas(op, betas);
  checkNumber(op, 'eps', eps);
  checkScheduled(op, 'weightDecay', weightDecay);
  return { lr, rule: 'lamb', hyper: { beta1, beta2, eps, weightDecay }, flags: { adapt, maximize } };
}

/**
 * Adam whose steps are as long as the parameter, for large batches: m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
 * r = m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) + weightDecay p; p -= lr |p| / |r| r, by the Euclidean norms of each whole parameter;
 * where one of them is 0 their ratio is 1. Source: You et al., arXiv:1904.00962, algorithm 2, its phi left out.
 * Throws ArgumentError for numbers out of range, AnnealError for an unknown option.
 *
 *     const optimizer = optim.lamb(model.parameters(), { lr: 2e-3, groups: [{ match: /bias$/, adapt: false, weightDecay: 0 }] });
 */
export function lamb(parameters: ParametersOf<LambOptions>, options: OptimizerOptions<LambOptions> = {}): Optimizer {
  return optimizerOf('lamb', parameters, options, ['lr', 'betas', 'eps', 'weightDecay', 'adapt', 'maximize'], rule);
}
