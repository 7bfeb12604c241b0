import type { Dataset } from '../data/index.js';
import { loader as loaderOf } from '../data/index.js';
import { ArgumentError } from '../errors.js';
import type { Loss } from '../losses/index.js';
import { meanOfMeans } from '../metrics/accumulators.js';
import type { Module } from '../nn/module.js';
import { add, mul, slice, sum } from '../ops/index.js';
import type { Optimizer } from '../optim/index.js';
import { mapTensors } from '../records.js';
import type { Tensor } from '../tensor.js';
import { batchesOf, lossOf } from './step.js';
import type { AnyBatch } from '../train/step.js';

/** Scatter of the gradients of single examples around their mean, as a number of examples. */
export interface NoiseScale {
  /** B_simple = tr(covariance) / |gradient|^2; Infinity where the mean gradient is lost in the noise. */
  readonly value: number;
  /** By the jackknife over the batches. */
  readonly standardError: number;
  /** The two batch sizes whose gradients were compared, and how many of the larger. */
  readonly small: number;
  readonly large: number;
  readonly batches: number;
}

/** Mean squared norms of gradients over one large batch, and over the small ones that it consists of. */
export interface SquaredNorms {
  readonly small: number;
  readonly large: number;
}

/**
 * The squared norms of the gradients of some batches, large and cut to small ones, each of which counts as much as its mean was divided by.
 * Nothing is updated. Throws ArgumentError where nothing counts in a batch.
 */
export async function squaredNorms(model: Module, optimizer: Optimizer, loss: Loss, data: Dataset, sizes: Omit<NoiseScale, 'value' | 'standardError'>, seed: number): Promise<SquaredNorms[]> {
  const { small, large, batches } = sizes;
  const found: SquaredNorms[] = [];
  const source = batchesOf('adviseBatchSize', loaderOf(data, { batchSize: large, shuffle: true, seed, dropLast: true }));
  while (found.length < batches) {
    const batch = (await source.next()).value as AnyBatch;
    const { norm: whole } = await squaredNorm(model, optimizer, loss, batch);
    const parts = meanOfMeans();
    for (let at = 0; at < large; at += small) {
      const { norm, counts } = await squaredNorm(model, optimizer, loss, examples(batch, at, at + small));
      parts.add([norm], counts);
    }
    if (Number.isNaN(parts.result())) throw nothingCounts(large);
    found.push({ large: whole, small: parts.result() });
  }
  await source.return(undefined as never);
  return found;
}

/** Some examples of a batch, with their weights. */
function examples(batch: AnyBatch, from: number, to: number): AnyBatch {
  const part = (tensor: Tensor): Tensor => slice(tensor, from, to, { axis: 0 });
  const [inputs, targets] = batch;
  const { weights } = batch;
  return Object.assign([mapTensors(inputs, part), mapTensors(targets, part)], weights === undefined ? {} : { weights: part(weights) }) as unknown as AnyBatch;
}

/** |gradient of all parameters|^2 for a batch, and how much it counts. */
async function squaredNorm(model: Module, optimizer: Optimizer, loss: Loss, batch: AnyBatch): Promise<{ readonly norm: number; readonly counts: number }> {
  optimizer.zeroGrad();
  const { loss: value, divisor } = lossOf(model, loss, batch);
  value.backward();
  const squares = optimizer.parameters.flatMap(({ grad }) => (grad === undefined ? [] : [sum(mul(grad, grad)) as Tensor]));
  const norm = await squares.reduce((a, b) => add(a, b)).item();
  const counts = typeof divisor === 'number' ? divisor : await divisor.item();
  optimizer.zeroGrad();
  return { norm, counts };
}

function nothingCounts(size: number): ArgumentError {
  return new ArgumentError(`[adviseBatchSize] data: got ${size} examples of which none counts in the loss, expected some in every batch of that size. Leave out those that are ignored, or weigh 0.`, { op: 'adviseBatchSize' });
}

/**
 * The simple noise scale of McCandlish et al., An Empirical Model of Large-Batch Training, 2018, arXiv:1812.06162, appendix A.1: of squared norms
 * at two batch sizes b < B, |G|^2 = (B |G_B|^2 - b |G_b|^2) / (B - b) and S = (|G_b|^2 - |G_B|^2) / (1/b - 1/B) are unbiased; each is
 * averaged over all batches before S is divided by |G|^2.
 */
export function noiseScale(norms: readonly SquaredNorms[], { small, large, batches }: Omit<NoiseScale, 'value' | 'standardError'>): NoiseScale {
  const ratio = (some: readonly SquaredNorms[]): number => {
    const mean = (pick: (norms: SquaredNorms) => number): number => some.reduce((total, one) => total + pick(one), 0) / some.length;
    const gradient = (large * mean((one) => one.large) - small * mean((one) => one.small)) / (large - small);
    const noise = (mean((one) => one.small) - mean((one) => one.large)) / (1 / small - 1 / large);
    return gradient <= 0 ? Infinity : Math.max(0, noise / gradient);
  };
  const value = ratio(norms);
  const without = norms.map((_, i) => ratio(norms.filter((_unused, k) => k !== i)));
  const centre = without.reduce((a, b) => a + b, 0) / without.length;
  const n = norms.length;
  const standardError = n < 2 || !without.every(Number.isFinite) ? Infinity : Math.sqrt(((n - 1) / n) * without.reduce((total, one) => total + (one - centre) ** 2, 0));
  return { value, standardError, small, large, batches };
}
