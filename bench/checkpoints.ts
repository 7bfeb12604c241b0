import { nodePeer } from './peer.js';
import { short, table } from './table.js';

interface Figure {
  readonly megabytes: number;
  readonly checkpoints: number;
  /** Time that training loses by one. */
  readonly msPerCheckpoint: number;
  /** The 99th percentile of how late the event loop is. */
  readonly delayWithMs: number;
  readonly delayWithoutMs: number;
}

const NETWORKS: Readonly<Record<string, { readonly sizes: readonly number[]; readonly batchSize: number }>> = {
  '4-16-3, batch 16': { sizes: [4, 16, 3], batchSize: 16 },
  '784-512-256-10, batch 128': { sizes: [784, 512, 256, 10], batchSize: 128 },
  '1024-2048-1024, batch 64': { sizes: [1024, 2048, 1024], batchSize: 64 },
};
/** The share of time that checkpoints every 30 s may take. */
const GOAL = 0.02;

/** Time that fit() loses by a checkpoint, written while it trains by Adam, and what that is of 30 s. */
export async function checkpoints(): Promise<object> {
  const figures: Record<string, Figure & { readonly shareOf30s: number }> = {};
  for (const [name, network] of Object.entries(NETWORKS)) {
    const peer = await nodePeer('checkpoints-worker.ts', {});
    const figure = await peer.ask<Figure>(network);
    figures[name] = { ...figure, shareOf30s: figure.msPerCheckpoint / 30_000 };
    await peer.close();
  }
  const rows = Object.entries(figures).map(([name, { megabytes, msPerCheckpoint, shareOf30s, delayWithMs, delayWithoutMs }]) => [
    name, short(megabytes), short(msPerCheckpoint), `${(100 * shareOf30s).toFixed(3)} %`, short(delayWithMs), short(delayWithoutMs), shareOf30s > GOAL ? `over ${100 * GOAL} %` : '',
  ]);
  console.log(`\n${table(['network', 'MB a checkpoint', 'ms that it costs', 'of 30 s', 'loop p99, ms', 'without, ms', ''], rows)}`);
  return { figures, goal: GOAL };
}
