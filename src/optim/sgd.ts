import { ArgumentError } from '../errors.js';
import type { OptimizerOptions, ParametersOf, Rule } from './group.js';
import { checkNumber, checkScheduled, type Scheduled } from './numbers.js';
import { optimizerOf, type Optimizer } from './optimizer.js';

export interface SgdOptions {
  /** Learning rate: a number, or a function of the number of steps done. Default 1e-3. */
  readonly lr?: Scheduled | undefined;
  /** A number or a schedule. Default 0. */
  readonly momentum?: Scheduled | undefined;
  /** Share of a gradient that is left out of the momentum. Default 0. */
  readonly dampening?: number | undefined;
  /** L2 penalty: added to the gradient, times the parameter. Default 0. */
  readonly weightDecay?: Scheduled | undefined;
  /** Default false. */
  readonly nesterov?: boolean | undefined;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean | undefined;
}

function rule(options: SgdOptions): Rule {
  const { lr = 1e-3, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false, maximize = false } = options;
  checkScheduled('sgd', 'momentum', momentum);
  checkNumber('sgd', 'dampening', dampening);
  checkScheduled('sgd', 'weightDecay', weightDecay);
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new ArgumentError(`[sgd] nesterov: got momentum ${String(momentum)} and dampening ${dampening}, expected a momentum above 0 and no dampening.`, { op: 'sgd' });
  }
  const hyper = { momentum, dampening, weightDecay };
  return momentum === 0 ? { lr, rule: 'sgd', hyper, flags: { maximize }, rows: weightDecay === 0 ? 'same' : undefined } : { lr, rule: 'sgd_momentum', hyper, flags: { nesterov, maximize } };
}

/**
 * Stochastic gradient descent: g' = g + weightDecay p; b = momentum b + (1 - dampening) g' (the first time b = g');
 * p -= lr b, or p -= lr (g' + momentum b) with nesterov; without momentum p -= lr g'.
 * Matches torch.optim.SGD; lr may be a function of the step, in place of a scheduler. Without momentum and weightDecay it takes sparse embeddings, and updates their rows that have a gradient.
 * Throws ArgumentError for numbers out of range, AnnealError for an unknown option.
 *
 *     const optimizer = optim.sgd(model.parameters(), { lr: 0.1, momentum: 0.9 });
 */
export function sgd(parameters: ParametersOf<SgdOptions>, options: OptimizerOptions<SgdOptions> = {}): Optimizer {
  return optimizerOf('sgd', parameters, options, ['lr', 'momentum', 'dampening', 'weightDecay', 'nesterov', 'maximize'], rule);
}
