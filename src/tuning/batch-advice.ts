import type { BatchSizeFigures } from './batch-timing.js';
import type { NoiseScale } from './noise-scale.js';
import { show } from './range-test.js';

/** The advice and why. */
export interface BatchAdvice {
  readonly batchSize: number;
  readonly reason: string;
  /** The smallest size that has 90 % of the best examples/s: from here on larger batches do not run faster. */
  readonly fastEnough: number;
  /** The largest power of two whose steps are estimated to fit into `memory`; Infinity where nothing grows with the batch. */
  readonly memoryEnds: number;
  /** Bytes that the process may use. */
  readonly memory: number;
}

/** Sizes whose estimated time is within this share of the best are as good. */
const AS_GOOD = 1.05;
const FAST_ENOUGH = 0.9;

/** Weighs what a larger batch saves in steps against what it costs in time. */
export function advise(noise: NoiseScale, figures: readonly BatchSizeFigures[], memory: number): { readonly advice: BatchAdvice; readonly relativeTimes: readonly number[] } {
  // Where noise drowns the gradient, each example counts: only the examples/s matter.
  const times = figures.map(({ batchSize, examplesPerSecond }) => (Number.isFinite(noise.value) ? batchSize + noise.value : 1) / examplesPerSecond);
  const best = times.reduce((a, b) => Math.min(a, b), Infinity);
  const batchSize = figures[times.findIndex((time) => time <= best * AS_GOOD)]!.batchSize;
  const fastest = figures.reduce((most, { examplesPerSecond }) => Math.max(most, examplesPerSecond), 0);
  const fastEnough = figures.find(({ examplesPerSecond }) => examplesPerSecond >= FAST_ENOUGH * fastest)!.batchSize;
  const memoryEnds = lastThatFits(figures.at(-1)!, memory);
  return { advice: { batchSize, reason: reasonFor(batchSize, noise, fastEnough, memoryEnds), fastEnough, memoryEnds, memory }, relativeTimes: times.map((time) => time / best) };
}

/** Temporaries grow in proportion to the batch; the rest stays. */
function lastThatFits({ batchSize, temporaryBytes, residentBytes }: BatchSizeFigures, memory: number): number {
  if (temporaryBytes === 0) return Infinity;
  const most = (batchSize * (memory - residentBytes + temporaryBytes)) / temporaryBytes;
  return most < 1 ? 0 : 2 ** Math.floor(Math.log2(most));
}

function reasonFor(batchSize: number, { value, standardError }: NoiseScale, fastEnough: number, memoryEnds: number): string {
  const end = Number.isFinite(memoryEnds) ? ` Memory is enough for batches of up to about ${memoryEnds.toLocaleString('en-US')} examples.` : '';
  const hardware = `From ${fastEnough} on, larger batches hardly raise the examples per second on this machine.`;
  if (!Number.isFinite(value)) return `${batchSize}: single examples scatter so much that the mean gradient is lost in them even in the largest batches compared, so each example counts, however they are batched. ${hardware}${end}`;
  const noise = `The gradient noise scale is ${show(value)}${Number.isFinite(standardError) ? ` ± ${show(standardError)}` : ''} examples: batches well below it need half the steps when doubled, batches well above it as many as before.`;
  return `${batchSize} reaches a given loss soonest, or within 5 % of that. ${noise} ${hardware}${end}`;
}
