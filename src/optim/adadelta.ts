import type { OptimizerOptions, ParametersOf, Rule } from './group.js';
import { checkNumber, checkScheduled, type Scheduled } from './numbers.js';
import { optimizerOf, type Optimizer } from './optimizer.js';

export interface AdadeltaOptions {
  /** A factor of the steps that the rule finds: a number, or a function of the number of steps done. Default 1. */
  readonly lr?: Scheduled | undefined;
  /** Decay of the averages of squares. Default 0.9. */
  readonly rho?: number | undefined;
  /** Added to the averages of squares. Default 1e-6. */
  readonly eps?: number | undefined;
  /** L2 penalty: added to the gradient, times the parameter. Default 0. */
  readonly weightDecay?: Scheduled | undefined;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean | undefined;
}

function rule(options: AdadeltaOptions): Rule {
  const op = 'adadelta';
  const { lr = 1, rho = 0.9, eps = 1e-6, weightDecay = 0, maximize = false } = options;
  checkNumber(op, 'rho', rho, 0, 1);
  checkNumber(op, 'eps', eps);
  checkScheduled(op, 'weightDecay', weightDecay);
  return { lr, rule: 'adadelta', hyper: { rho, eps, weightDecay }, flags: { maximize } };
}

/**
 * v = rho v + (1 - rho) g^2; d = sqrt(u + eps) / sqrt(v + eps) g; u = rho u + (1 - rho) d^2; p -= lr d; before that g += weightDecay p.
 * Matches torch.optim.Adadelta. Source: Zeiler, arXiv:1212.5701.
 */
export function adadelta(parameters: ParametersOf<AdadeltaOptions>, options: OptimizerOptions<AdadeltaOptions> = {}): Optimizer {
  return optimizerOf('adadelta', parameters, options, ['lr', 'rho', 'eps', 'weightDecay', 'maximize'], rule);
}
