import { abs, mean as meanOp, mul, reshape, stack, sub, sum } from '../ops/index.js';
import { checkPairs } from '../losses/check.js';
import { checkOptions } from '../options.js';
import { sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { mean } from './accumulators.js';
import type { Accumulator, AccumulatorState, Metric, NameOption } from './metric.js';

type Floats = Tensor<readonly number[], 'float32'>;

/** outputs - targets. */
function errors(op: string, outputs: Tensor, targets: Tensor): Floats {
  checkPairs(op, outputs, targets);
  return sub(outputs as Floats, targets as Floats);
}

/**
 * The mean absolute error over all elements: 1/n sum |outputs - targets|. outputs and targets float32 of one shape.
 * Equals sklearn.metrics.mean_absolute_error. Throws DTypeError, and ShapeError where the shapes differ.
 */
export function meanAbsoluteError<const N extends string = 'meanAbsoluteError'>(options: NameOption<N> = {}): Metric<N> {
  const op = 'meanAbsoluteError';
  checkOptions(`metrics.${op}`, options, ['name']);
  return {
    name: options.name ?? (op as N),
    builtin: true,
    mode: 'min',
    measure: (outputs, targets) => ({ sum: sum(abs(errors(op, outputs, targets))), count: sizeOf(outputs.shape) }),
  };
}

/**
 * The root of the mean squared error over all elements of all batches: sqrt(1/n sum (outputs - targets)^2). outputs and targets
 * float32 of one shape. Equals sklearn.metrics.root_mean_squared_error for one output. Throws as meanAbsoluteError().
 */
export function rootMeanSquaredError<const N extends string = 'rootMeanSquaredError'>(options: NameOption<N> = {}): Metric<N> {
  const op = 'rootMeanSquaredError';
  checkOptions(`metrics.${op}`, options, ['name']);
  return {
    name: options.name ?? (op as N),
    builtin: true,
    mode: 'min',
    measure(outputs, targets) {
      const error = errors(op, outputs, targets);
      return { sum: sum(mul(error, error)), count: sizeOf(outputs.shape) };
    },
    accumulator: () => mean(Math.sqrt),
  };
}

/**
 * The coefficient of determination: 1 - sum (targets - outputs)^2 / sum (targets - mean(targets))^2, of each output over all examples, and
 * the mean over the outputs. 1 is perfect, 0 what the mean of the targets would give. outputs and targets float32 of one shape, [N] or [N, ...].
 * Where all targets are equal it is 1 if they are met, else 0; NaN of fewer than two examples. Equals sklearn.metrics.r2_score.
 * Batches are joined by their means and squared distances from them, so that it is exact far from 0, too. Source: Chan, Golub, LeVeque, 1979.
 */
export function r2<const N extends string = 'r2'>(options: NameOption<N> = {}): Metric<N> {
  const op = 'r2';
  checkOptions(`metrics.${op}`, options, ['name']);
  return {
    name: options.name ?? (op as N),
    builtin: true,
    mode: 'max',
    measure(outputs, targets) {
      const error = errors(op, outputs, targets);
      const count = outputs.shape[0] ?? 1;
      const K = sizeOf(outputs.shape) / Math.max(count, 1);
      const rows = (tensor: Tensor): Floats => reshape(tensor, [count, K]) as Floats;
      const squares = (x: Floats): Tensor => sum(mul(x, x), { axis: 0 }) as Tensor;
      const center = meanOp(rows(targets), { axis: 0 }) as Floats;
      // The mean is rounded: what is left of it counts, too.
      const distance = sub(rows(targets), center) as Floats;
      return { sum: stack([squares(rows(error)), center, sum(distance, { axis: 0 }), squares(distance)]), count };
    },
    accumulator: () => new Determination(),
  };
}

type Floats64 = Float64Array<ArrayBuffer>;

/** Squared errors, and mean and squared distances of targets, for each output. */
class Determination implements Accumulator {
  #count = 0;
  #residual = new Float64Array();
  #mean = new Float64Array();
  #total = new Float64Array();

  add(values: ArrayLike<number>, count: number): void {
    if (count === 0) return;
    const K = values.length / 4;
    if (this.#count === 0) {
      this.#residual = new Float64Array(K);
      this.#mean = new Float64Array(K);
      this.#total = new Float64Array(K);
    }
    const all = this.#count + count;
    for (let k = 0; k < K; k++) {
      const rest = values[2 * K + k]!;
      const mean = values[K + k]! + rest / count;
      const squares = values[3 * K + k]! - (rest * rest) / count;
      const distance = mean - this.#mean[k]!;
      this.#residual[k]! += values[k]!;
      this.#total[k]! += squares + (distance * distance * this.#count * count) / all;
      this.#mean[k]! += (distance * count) / all;
    }
    this.#count = all;
  }

  stateDict(): AccumulatorState {
    return { count: this.#count, residual: this.#residual.slice(), mean: this.#mean.slice(), total: this.#total.slice() };
  }

  loadStateDict({ count, residual, mean, total }: AccumulatorState): void {
    this.#count = count as number;
    [this.#residual, this.#mean, this.#total] = [residual, mean, total].map((values) => Float64Array.from(values as Float64Array)) as [Floats64, Floats64, Floats64];
  }

  result(): number {
    if (this.#count < 2) return NaN;
    const each = this.#residual.map((residual, k) => determined(residual, this.#total[k]!));
    return each.reduce((sum, value) => sum + value, 0) / each.length;
  }
}

function determined(residual: number, total: number): number {
  if (total !== 0 || Number.isNaN(residual)) return 1 - residual / total;
  return residual === 0 ? 1 : 0;
}
