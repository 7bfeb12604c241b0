import type { OptimizerOptions, ParametersOf, Rule } from './group.js';
import { checkNumber, checkScheduled, type Scheduled } from './numbers.js';
import { optimizerOf, type Optimizer } from './optimizer.js';
import { power } from './schedules/exact.js';

export interface AsgdOptions {
  /** Learning rate: a number, or a function of the number of steps done. Default 1e-2. */
  readonly lr?: Scheduled | undefined;
  /** Decay of the rate, and share of the parameter that is taken off at each step. Default 1e-4. */
  readonly lambd?: number | undefined;
  /** The power by which the rate falls. Default 0.75. */
  readonly alpha?: number | undefined;
  /** Steps done when averaging begins; until then the average is the parameter. Default 1e6. */
  readonly t0?: number | undefined;
  /** L2 penalty: added to the gradient, times the parameter. Default 0. */
  readonly weightDecay?: Scheduled | undefined;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean | undefined;
}

function rule(options: AsgdOptions): Rule {
  const op = 'asgd';
  const { lr = 1e-2, lambd = 1e-4, alpha = 0.75, t0 = 1e6, weightDecay = 0, maximize = false } = options;
  checkNumber(op, 'lambd', lambd);
  checkNumber(op, 'alpha', alpha);
  checkNumber(op, 't0', t0);
  checkScheduled(op, 'weightDecay', weightDecay);
  const eta = (step: number, rate: number): number => rate / power(1 + lambd * rate * step, alpha);
  const mu = (step: number): number => 1 / Math.max(1, step - t0);
  return { lr, rule: 'asgd', hyper: { eta, mu, lambd, weightDecay }, flags: { maximize } };
}

/**
 * Averaged gradient descent: eta = lr / (1 + lambd lr t)^alpha; p -= eta (g + lambd p); a += mu (p - a), mu = 1 / max(1, t - t0); before that
 * g += weightDecay p. t is the number of the optimizer's steps done. a is kept beside p, as `ax` of stateDict(), and changes no step; averages
 * with which a model can be evaluated are optim.stochasticWeightAveraging(), with any rule.
 * Matches torch.optim.ASGD. Source: Polyak and Juditsky, 1992, https://doi.org/10.1137/0330046.
 */
export function asgd(parameters: ParametersOf<AsgdOptions>, options: OptimizerOptions<AsgdOptions> = {}): Optimizer {
  return optimizerOf('asgd', parameters, options, ['lr', 'lambd', 'alpha', 't0', 'weightDecay', 'maximize'], rule);
}
