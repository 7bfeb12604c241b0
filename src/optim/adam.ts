import { ArgumentError } from '../errors.js';
import { checkOptions } from '../options.js';
import type { Parameter } from '../tensor.js';
import { checkNumber, Optimizer, type LearningRate } from './optimizer.js';

export interface AdamWOptions {
  /** Learning rate: a number, or a function of the number of steps done. Default 1e-3. */
  readonly lr?: LearningRate;
  /** Decay of the averages of the gradient and of its square. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  readonly eps?: number;
  /** Default 0 for adam, 0.01 for adamw. */
  readonly weightDecay?: number;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean;
}

export interface AdamOptions extends AdamWOptions {
  /** Takes the weight decay off the parameter instead of adding it to the gradient, which makes it AdamW. Default false. */
  readonly decoupled?: boolean;
}

const KNOWN = ['lr', 'betas', 'eps', 'weightDecay', 'maximize'];

class Adam extends Optimizer {
  constructor(op: string, parameters: Iterable<Parameter>, options: AdamOptions) {
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, decoupled = false, maximize = false } = options;
    if (!Array.isArray(betas) || betas.length !== 2) throw new ArgumentError(`[${op}] betas: got ${String(betas)}, expected two numbers, as in [0.9, 0.999].`, { op });
    checkNumber(op, 'betas[0]', betas[0], 0, 1);
    checkNumber(op, 'betas[1]', betas[1], 0, 1);
    checkNumber(op, 'eps', eps);
    checkNumber(op, 'weightDecay', weightDecay);
    super(op, parameters, lr, { rule: 'adam', hyper: { beta1: betas[0], beta2: betas[1], eps, weightDecay }, flags: { decoupled, maximize } });
  }
}

/**
 * Adam: m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= lr / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + eps); before that
 * g += weightDecay p, or, decoupled, p -= lr weightDecay p.
 * Matches torch.optim.Adam. Source: Kingma and Ba, arXiv:1412.6980.
 * Throws ArgumentError for numbers out of range, AnnealError for an unknown option.
 *
 *     const optimizer = optim.adam(model.parameters(), { lr: 1e-3 });
 */
export function adam(parameters: Iterable<Parameter>, options: AdamOptions = {}): Optimizer {
  checkOptions('adam', options, [...KNOWN, 'decoupled']);
  return new Adam('adam', parameters, options);
}

/** Adam with decoupled weight decay, 0.01 by default. Matches torch.optim.AdamW. Source: Loshchilov and Hutter, arXiv:1711.05101. */
export function adamw(parameters: Iterable<Parameter>, options: AdamWOptions = {}): Optimizer {
  checkOptions('adamw', options, KNOWN);
  return new Adam('adamw', parameters, { weightDecay: 0.01, ...options, decoupled: true });
}
