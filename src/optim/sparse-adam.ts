import { ArgumentError } from '../errors.js';
import { checkPositive } from '../ops/check.js';
import { adamRule } from './adam.js';
import type { OptimizerOptions, ParametersOf, Rule } from './group.js';
import { checkBetas, type Scheduled } from './numbers.js';
import { optimizerOf, type Optimizer } from './optimizer.js';

export interface SparseAdamOptions {
  /** Learning rate: a number, or a function of the number of steps done. Default 1e-3. */
  readonly lr?: Scheduled | undefined;
  /** Decay of the averages of the gradient and of its square; either may be a schedule. Default [0.9, 0.999]. */
  readonly betas?: readonly [Scheduled, Scheduled] | undefined;
  /** Added to the denominator; above 0. Default 1e-8. */
  readonly eps?: number | undefined;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean | undefined;
}

const OP = 'sparseAdam';

function rule(options: SparseAdamOptions): Rule {
  const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, maximize = false } = options;
  const [beta1, beta2] = checkBetas(OP, betas);
  checkPositive(OP, 'eps', eps);
  return { lr, rule: 'sparse_adam', hyper: { beta1, beta2, eps }, flags: { maximize }, rows: 'lazy', suits: ({ sparse }) => sparse, otherwise: adamRule(OP, options) };
}

/**
 * Lazy Adam for sparse embeddings, another optimizer than Adam: rows of a table whose gradient is 0 keep their averages and do not move, where Adam lets the
 * averages decay and moves the row on. Of the other rows m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps), where t
 * counts the steps of the table. A step costs what the rows of its tokens cost, not what the table does. Parameters that are not sparse go by adam() with the same numbers.
 * Matches torch.optim.SparseAdam, which takes tables alone, and moves a row that was looked up though its gradient is exactly 0.
 * Throws ArgumentError for numbers out of range, an average, and where no parameter is sparse.
 *
 *     const tagger = nn.sequential([8], nn.embedding(1000, 16, { sparse: true }), nn.linear(16, 5));
 *     const optimizer = optim.sparseAdam(tagger.parameters(), { lr: 1e-3 });
 */
export function sparseAdam(parameters: ParametersOf<SparseAdamOptions>, options: OptimizerOptions<SparseAdamOptions> = {}): Optimizer {
  const optimizer = optimizerOf(OP, parameters, options, ['lr', 'betas', 'eps', 'maximize'], rule);
  if (optimizer.parameters.some(({ sparse }) => sparse)) return optimizer;
  throw new ArgumentError(`[${OP}] got no sparse parameter, expected at least one. Make the embedding with { sparse: true }, or take optim.adam.`, { op: OP });
}
