import { withoutUndefined } from '../options.js';
import type { OptimizerOptions, ParametersOf, Rule } from './group.js';
import { checkBetas, checkNumber, checkScheduled, type Scheduled } from './numbers.js';
import { optimizerOf, type Optimizer } from './optimizer.js';

export interface AdamWOptions {
  /** Learning rate: a number, or a function of the number of steps done. Default 1e-3. */
  readonly lr?: Scheduled | undefined;
  /** Decay of the averages of the gradient and of its square; either may be a schedule. Default [0.9, 0.999]. */
  readonly betas?: readonly [Scheduled, Scheduled] | undefined;
  /** Added to the denominator. Default 1e-8. */
  readonly eps?: number | undefined;
  /** Default 0 for adam, 0.01 for adamw. */
  readonly weightDecay?: Scheduled | undefined;
  /** Divides by the largest average of squares so far. Default false. Source: Reddi et al., arXiv:1904.09237. */
  readonly amsgrad?: boolean | undefined;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean | undefined;
}

export interface AdamOptions extends AdamWOptions {
  /** Takes the weight decay off the parameter instead of adding it to the gradient, which makes it AdamW. Default false. */
  readonly decoupled?: boolean | undefined;
}

const KNOWN = ['lr', 'betas', 'eps', 'weightDecay', 'amsgrad', 'maximize'];

/** The rule of Adam, as optimizer `op` has it. */
export function adamRule(op: string, options: AdamOptions): Rule {
  const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, amsgrad = false, decoupled = false, maximize = false } = options;
  const [beta1, beta2] = checkBetas(op, betas);
  checkNumber(op, 'eps', eps);
  checkScheduled(op, 'weightDecay', weightDecay);
  return { lr, rule: amsgrad ? 'adam_amsgrad' : 'adam', hyper: { beta1, beta2, eps, weightDecay }, flags: { decoupled, maximize } };
}

/**
 * Adam: m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= lr / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + eps); before that
 * g += weightDecay p, or, decoupled, p -= lr weightDecay p.
 * Matches torch.optim.Adam. Source: Kingma and Ba, arXiv:1412.6980.
 * Throws ArgumentError for numbers out of range, AnnealError for an unknown option.
 *
 *     const optimizer = optim.adam(model.parameters(), { lr: 1e-3 });
 */
export function adam(parameters: ParametersOf<AdamOptions>, options: OptimizerOptions<AdamOptions> = {}): Optimizer {
  return optimizerOf('adam', parameters, options, [...KNOWN, 'decoupled'], (given) => adamRule('adam', given));
}

/** The rule of AdamW, as optimizer `op` has it. */
export function adamwRule(op: string, options: AdamWOptions): Rule {
  return adamRule(op, { weightDecay: 0.01, ...withoutUndefined(options), decoupled: true });
}

/** Adam with decoupled weight decay, 0.01 by default. Matches torch.optim.AdamW. Source: Loshchilov and Hutter, arXiv:1711.05101. */
export function adamw(parameters: ParametersOf<AdamWOptions>, options: OptimizerOptions<AdamWOptions> = {}): Optimizer {
  return optimizerOf('adamw', parameters, options, KNOWN, (given) => adamwRule('adamw', given));
}
