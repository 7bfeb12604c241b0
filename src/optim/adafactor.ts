import { ArgumentError } from '../errors.js';
import { add, div, maximum, mean, mul, neg, sqrt } from '../ops/index.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Composition } from './composition.js';
import type { OptimizerOptions, ParametersOf, Rule } from './group.js';
import { checkNumber, checkScheduled, type Scheduled } from './numbers.js';
import { optimizerOf, type Optimizer } from './optimizer.js';

export interface AdafactorOptions {
  /** Learning rate: a number, or a function of the number of steps done. Default: min(0.01, 1 / sqrt(t)), the paper's relative step size. */
  readonly lr?: Scheduled | undefined;
  /** Added to squares of gradients; the least size of a parameter that scaleParameter takes. Default [1e-30, 1e-3]. */
  readonly eps?: readonly [number, number] | undefined;
  /** The largest root mean square of a step before its rate. Default 1. */
  readonly clipThreshold?: number | undefined;
  /** Squares decay by 1 - t^decayRate. Default -0.8. */
  readonly decayRate?: number | undefined;
  /** Decay of an average of steps, which takes an array as large as the parameter; may be a schedule. Default: none. */
  readonly beta1?: Scheduled | undefined;
  /** Taken off the parameter: p -= lr weightDecay p, whatever the parameter's size. Default 0. */
  readonly weightDecay?: Scheduled | undefined;
  /** Multiplies the rate by the root mean square of the parameter. Default true. */
  readonly scaleParameter?: boolean | undefined;
  /** Without lr: begins with min(1e-6 t, 1 / sqrt(t)). Default false. */
  readonly warmupInit?: boolean | undefined;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean | undefined;
}

const isMatrix = (shape: Shape): boolean => shape.length >= 2;
const ROWS = { axis: -1, keepdim: true } as const;
const COLUMNS = { axis: -2, keepdim: true } as const;

const rootMeanSquare = (x: Tensor): Tensor => sqrt(mean(mul(x, x)));

/** decay a + (1 - decay) x. */
const averaged = (a: Tensor, x: Tensor, decay: Tensor): Tensor => add(x, mul(decay, add(a, neg(x)))) as Tensor;

/** The gradient divided by the root of the average of its squares: of a matrix, of which only means of rows and of columns are kept. */
function normalized(g: Tensor, kept: Readonly<Record<string, Tensor>>, beta2: Tensor, eps: number): { u: Tensor; kept: Record<string, Tensor> } {
  const squares = add(mul(g, g), eps) as Tensor;
  if (!isMatrix(g.shape)) {
    const expAvgSq = averaged(kept['expAvgSq']!, squares, beta2);
    return { u: div(g, sqrt(expAvgSq)) as Tensor, kept: { expAvgSq } };
  }
  const expAvgSqRow = averaged(kept['expAvgSqRow']!, mean(squares, ROWS) as Tensor, beta2);
  const expAvgSqCol = averaged(kept['expAvgSqCol']!, mean(squares, COLUMNS) as Tensor, beta2);
  const rows = sqrt(div(expAvgSqRow, mean(expAvgSqRow, COLUMNS) as Tensor) as Tensor);
  return { u: div(div(g, rows) as Tensor, sqrt(expAvgSqCol)) as Tensor, kept: { expAvgSqRow, expAvgSqCol } };
}

function composition(options: AdafactorOptions): Composition {
  const { eps = [1e-30, 1e-3], clipThreshold = 1, beta1: averages, scaleParameter = true, maximize = false } = options;
  return {
    keeps: ({ shape }) => ({
      ...(isMatrix(shape) ? { expAvgSqRow: shape.with(-1, 1), expAvgSqCol: shape.with(-2, 1) } : { expAvgSq: shape }),
      ...(averages === undefined ? {} : { expAvg: shape }),
    }),
    compose: ({ parameter, gradient, kept, numbers: { lr, beta1, beta2, weightDecay } }) => {
      const { u, kept: squares } = normalized(maximize ? neg(gradient) : gradient, kept, beta2!, eps[0]);
      const rate = scaleParameter ? mul(lr!, maximum(rootMeanSquare(parameter), eps[1])) : lr!;
      const clipped = mul(u, div(rate as Tensor, maximum(div(rootMeanSquare(u), clipThreshold), 1)) as Tensor) as Tensor;
      const step = averages === undefined ? clipped : averaged(kept['expAvg']!, clipped, beta1!);
      const decayed = add(step, mul(mul(lr!, weightDecay!) as Tensor, parameter)) as Tensor;
      return { step: decayed, kept: averages === undefined ? squares : { ...squares, expAvg: step } };
    },
  };
}

function rule(options: AdafactorOptions): Rule {
  const op = 'adafactor';
  const { eps = [1e-30, 1e-3], clipThreshold = 1, decayRate = -0.8, beta1 = 0, weightDecay = 0, warmupInit = false } = options;
  if (options.lr !== undefined && warmupInit) {
    throw new ArgumentError('[adafactor] warmupInit: got it together with lr, expected one of them. Leave out lr, or take schedules.warmup.', { op });
  }
  checkNumber(op, 'eps[0]', eps[0]);
  checkNumber(op, 'eps[1]', eps[1]);
  checkNumber(op, 'clipThreshold', clipThreshold, Number.MIN_VALUE);
  checkNumber(op, 'decayRate', decayRate, -1, 0);
  checkScheduled(op, 'beta1', beta1, 0, 1);
  checkScheduled(op, 'weightDecay', weightDecay);
  const relative = (step: number): number => Math.min(warmupInit ? 1e-6 * (step + 1) : 1e-2, 1 / Math.sqrt(step + 1));
  const beta2 = (step: number): number => 1 - (step + 1) ** decayRate;
  return { lr: options.lr ?? relative, composition: composition(options), hyper: { beta1, beta2, weightDecay } };
}

const KNOWN = ['lr', 'eps', 'clipThreshold', 'decayRate', 'beta1', 'weightDecay', 'scaleParameter', 'warmupInit', 'maximize'];

/**
 * Adam in the memory of gradient descent: of the averages of squares of a matrix [..., R, C] only the means of rows r and of columns c are
 * kept, v = r c / mean(r); b2 = 1 - t^decayRate; v = b2 v + (1 - b2) (g^2 + eps[0]); u = g / sqrt(v); u /= max(1, RMS(u) / clipThreshold);
 * rate = lr max(eps[1], RMS(p)); p -= rate u + lr weightDecay p. t is the number of the optimizer's step.
 * Source: Shazeer and Stern, arXiv:1804.04235, algorithms 4 and 5; options as in transformers.Adafactor; decay, of which the paper has none, as in
 * torch.optim.Adafactor. A rate that is given is the rate: PyTorch's takes min(lr, 1 / sqrt(t)). Throws ArgumentError for numbers out of range,
 * AnnealError for an unknown option.
 *
 *     const optimizer = optim.adafactor(model.parameters());
 */
export function adafactor(parameters: ParametersOf<AdafactorOptions>, options: OptimizerOptions<AdafactorOptions> = {}): Optimizer {
  return optimizerOf('adafactor', parameters, options, KNOWN, rule);
}
