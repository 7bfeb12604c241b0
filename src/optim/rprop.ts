import { ArgumentError } from '../errors.js';
import type { OptimizerOptions, ParametersOf, Rule } from './group.js';
import { checkNumber, type Scheduled } from './numbers.js';
import { optimizerOf, type Optimizer } from './optimizer.js';

export interface RpropOptions {
  /** The first step of each element; later ones come of it. Default 1e-2. */
  readonly lr?: Scheduled | undefined;
  /** Factors of a step where its gradient has changed its sign, and where it has kept it. Default [0.5, 1.2]. */
  readonly etas?: readonly [number, number] | undefined;
  /** The shortest and the longest step. Default [1e-6, 50]. */
  readonly stepSizes?: readonly [number, number] | undefined;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean | undefined;
}

function rule(options: RpropOptions): Rule {
  const op = 'rprop';
  const { lr = 1e-2, etas = [0.5, 1.2], stepSizes = [1e-6, 50], maximize = false } = options;
  const [etaMinus, etaPlus] = etas;
  const [least, most] = stepSizes;
  checkNumber(op, 'etas[0]', etaMinus, Number.MIN_VALUE, 1);
  if (!(etaPlus > 1 && etaPlus < Infinity)) throw new ArgumentError(`[rprop] etas[1]: got ${String(etaPlus)}, expected a number above 1. The default is [0.5, 1.2].`, { op });
  checkNumber(op, 'stepSizes[0]', least);
  checkNumber(op, 'stepSizes[1]', most, least);
  return { lr, rule: 'rprop', hyper: { etaMinus, etaPlus, least, most }, flags: { maximize } };
}

/**
 * Resilient propagation, by the signs of gradients alone, for whole data sets in a batch: each element has a step s of its own, at first lr, which
 * is multiplied by etas[1] where the gradient keeps its sign and by etas[0] where it changes, held in stepSizes; p -= s sign(g), and right
 * after a change not at all. Matches torch.optim.Rprop. Source: Riedmiller and Braun, 1993, https://doi.org/10.1109/ICNN.1993.298623.
 */
export function rprop(parameters: ParametersOf<RpropOptions>, options: OptimizerOptions<RpropOptions> = {}): Optimizer {
  return optimizerOf('rprop', parameters, options, ['lr', 'etas', 'stepSizes', 'maximize'], rule);
}
