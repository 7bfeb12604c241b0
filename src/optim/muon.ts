import { add, div, matmul, maximum, mul, neg, sqrt, sum, transpose } from '../ops/index.js';
import { checkChoice, checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import { adamwRule, type AdamWOptions } from './adam.js';
import type { Composition } from './composition.js';
import type { OptimizerOptions, ParametersOf, Rule } from './group.js';
import { checkNumber, checkScheduled, type Scheduled } from './numbers.js';
import { optimizerOf, type Optimizer } from './optimizer.js';
import { checkSteps } from './schedules/schedule.js';

export interface MuonOptions {
  /** Learning rate of matrices: a number, or a function of the number of steps done. Default 1e-3. */
  readonly lr?: Scheduled | undefined;
  /** Decay of the average of the gradient; may be a schedule. Default 0.95. */
  readonly momentum?: Scheduled | undefined;
  /** Default true. */
  readonly nesterov?: boolean | undefined;
  /** Taken off the parameter: p -= lr weightDecay p. Default 0.1. */
  readonly weightDecay?: Scheduled | undefined;
  /** Iterations of Newton and Schulz. Default 5. */
  readonly nsSteps?: number | undefined;
  /** The least norm that a direction is divided by. Default 1e-7. */
  readonly eps?: number | undefined;
  /**
   * Factor of lr for a matrix [R, C]: sqrt(max(1, R / C)) by 'original'; 0.2 sqrt(max(R, C)) by 'matchRmsAdamw', which makes
   * steps as long as AdamW's, so that its rates fit. Default 'original'. Source: Liu et al., arXiv:2502.16982.
   */
  readonly adjustLr?: 'original' | 'matchRmsAdamw' | undefined;
  /** False for matrices that are no hidden layers, as a group: embeddings and the last layer. They go by AdamW. Default true. */
  readonly orthogonalize?: boolean | undefined;
  /** Options of adamw(), by which parameters that are no matrices are trained. */
  readonly adamw?: AdamWOptions | undefined;
  /** Goes up instead of down. Default false. */
  readonly maximize?: boolean | undefined;
}

/** Coefficients of the quintic iteration: singular values in (0, 1] come to lie around 1. Source: Jordan, see muon(). */
const [A, B, C] = [3.4445, -4.775, 2.0315];

/** The matrix with the same singular vectors whose singular values are about 1. */
function orthogonalized(x: Tensor, eps: number, steps: number): Tensor {
  const [rows, columns] = x.shape as unknown as [number, number];
  const norm = maximum(sqrt(sum(mul(x, x))), eps);
  let wide = div(rows > columns ? transpose(x, 0, 1) : x, norm) as Tensor;
  for (let i = 0; i < steps; i++) {
    const gram = matmul(wide, transpose(wide, 0, 1)) as Tensor;
    const polynomial = add(mul(gram, B), mul(matmul(gram, gram) as Tensor, C)) as Tensor;
    wide = add(mul(wide, A), matmul(polynomial, wide) as Tensor) as Tensor;
  }
  return rows > columns ? (transpose(wide, 0, 1) as Tensor) : wide;
}

function composition({ nesterov = true, nsSteps = 5, eps = 1e-7, adjustLr = 'original', maximize = false }: MuonOptions): Composition {
  return {
    keeps: ({ shape }) => ({ momentumBuffer: shape }),
    compose: ({ parameter, gradient, kept, numbers: { lr, momentum, weightDecay } }) => {
      const g = maximize ? neg(gradient) : gradient;
      const buffer = towards(kept['momentumBuffer']!, g, momentum!);
      const direction = orthogonalized(nesterov ? towards(buffer, g, momentum!) : buffer, eps, nsSteps);
      const [rows, columns] = parameter.shape as unknown as [number, number];
      const adjusted = adjustLr === 'original' ? Math.sqrt(Math.max(1, rows / columns)) : 0.2 * Math.sqrt(Math.max(rows, columns));
      const step = mul(lr!, add(mul(direction, adjusted), mul(weightDecay!, parameter))) as Tensor;
      return { step, kept: { momentumBuffer: buffer } };
    },
  };
}

/** momentum average + (1 - momentum) g. */
function towards(average: Tensor, g: Tensor, momentum: Tensor): Tensor {
  return add(g, mul(momentum, add(average, neg(g)))) as Tensor;
}

function rule(options: MuonOptions): Rule {
  const op = 'muon';
  const { lr = 1e-3, momentum = 0.95, weightDecay = 0.1, nsSteps = 5, eps = 1e-7, adjustLr = 'original', orthogonalize = true, adamw = {}, maximize = false } = options;
  checkScheduled(op, 'momentum', momentum, 0, 1);
  checkScheduled(op, 'weightDecay', weightDecay);
  checkSteps(op, 'nsSteps', nsSteps, 1);
  checkNumber(op, 'eps', eps);
  checkChoice(op, 'adjustLr', adjustLr, ['original', 'matchRmsAdamw']);
  checkOptions(op, adamw, ['lr', 'betas', 'eps', 'weightDecay', 'amsgrad', 'maximize']);
  return {
    lr,
    composition: composition(options),
    hyper: { momentum, weightDecay },
    decays: ['momentum'],
    suits: ({ shape }) => orthogonalize && shape.length === 2,
    otherwise: adamwRule(op, { maximize, ...adamw }),
  };
}

const KNOWN = ['lr', 'momentum', 'nesterov', 'weightDecay', 'nsSteps', 'eps', 'adjustLr', 'orthogonalize', 'adamw', 'maximize'];

/**
 * Momentum whose steps are made orthogonal, for the matrices of hidden layers: b = momentum b + (1 - momentum) g; u = b, or with nesterov
 * momentum b + (1 - momentum) g; p -= lr (adjusted O(u) + weightDecay p), where O(u), the nearest matrix with singular values of about 1,
 * is found by `nsSteps` iterations X = a X + (b X X' + c (X X')^2) X from u / |u|. Parameters of another rank go by AdamW, whose options
 * are in `adamw`. Matches torch.optim.Muon, which is of PyTorch 2.9, but in float32 instead of bfloat16.
 * Source: Jordan et al., 2024, https://kellerjordan.github.io/posts/muon. Throws ArgumentError for numbers out of range, AnnealError
 * for an unknown option.
 *
 *     const optimizer = optim.muon(model.parameters(), { lr: 0.02, adamw: { lr: 3e-4 }, groups: [{ match: /^head/, orthogonalize: false }] });
 */
export function muon(parameters: ParametersOf<MuonOptions>, options: OptimizerOptions<MuonOptions> = {}): Optimizer {
  return optimizerOf('muon', parameters, options, KNOWN, rule);
}
