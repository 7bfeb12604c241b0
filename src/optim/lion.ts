import type { OptimizerOptions, ParametersOf, Rule } from './group.js';
import { checkBetas, checkScheduled, type Scheduled } from './numbers.js';
import { optimizerOf, type Optimizer } from './optimizer.js';

export interface LionOptions {
  /** Learning rate: a number, or a function of the number of steps done. A third to a tenth of Adam's. Default 1e-4. */
  readonly lr?: Scheduled | undefined;
  /** Share of the average in the step, and its decay; either may be a schedule. Default [0.9, 0.99]. */
  readonly betas?: readonly [Scheduled, Scheduled] | undefined;
  /** Taken off the parameter, not added to the gradient: p -= lr weightDecay p. Default 0. */
  readonly weightDecay?: Scheduled | undefined;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean | undefined;
}

function rule(options: LionOptions): Rule {
  const op = 'lion';
  const { lr = 1e-4, betas = [0.9, 0.99], weightDecay = 0, maximize = false } = options;
  const [beta1, beta2] = checkBetas(op, betas);
  checkScheduled(op, 'weightDecay', weightDecay);
  return { lr, rule: 'lion', hyper: { beta1, beta2, weightDecay }, flags: { maximize } };
}

/**
 * Steps of one size in each direction: p -= lr (sign(b1 m + (1 - b1) g) + weightDecay p); m = b2 m + (1 - b2) g. One array of state.
 * Source: Chen et al., arXiv:2302.06675, algorithm 2.
 */
export function lion(parameters: ParametersOf<LionOptions>, options: OptimizerOptions<LionOptions> = {}): Optimizer {
  return optimizerOf('lion', parameters, options, ['lr', 'betas', 'weightDecay', 'maximize'], rule);
}
