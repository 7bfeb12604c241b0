import { mul, sub } from '../ops/index.js';
import { checkPairs } from './check.js';
import { outputLoss } from './loss.js';
import { reduce } from './reduction.js';

/**
 * The mean squared error: L = 1/n sum_i (outputs[i] - targets[i])^2 over all n elements.
 * outputs and targets float32 of one shape. Returns [], or their shape with reduction 'none'.
 * Throws DTypeError, and ShapeError where the shapes differ.
 * Matches torch.nn.functional.mse_loss, which broadcasts (and warns): [N,1] beside [N] is an error here, because the mean over
 * [N,N] is never what was meant.
 */
export const meanSquaredError = outputLoss<'float32', object>('meanSquaredError', 'float32', [], (outputs, targets, options) => {
  checkPairs('meanSquaredError', outputs, targets, '; for class indices take losses.crossEntropy');
  const difference = sub(outputs, targets);
  return reduce('meanSquaredError', mul(difference, difference), options);
});
