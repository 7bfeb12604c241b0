import { nodePeer } from './peer.js';
import type { Way } from './recorder-worker.js';
import { maximum, median } from './statistics.js';
import { short, table } from './table.js';

const WAYS: readonly Way[] = ['replay', 'replay, not fused', 'record', 'eager'];
const CASES = [
  { name: 'MLP 784-512-256-10, batch 128', sizes: [784, 512, 256, 10], batch: 128, steps: 40 },
  { name: 'MLP 784-512-256-10, batch 8', sizes: [784, 512, 256, 10], batch: 8, steps: 100 },
  { name: '4-16-3, batch 16', sizes: [4, 16, 3], batch: 16, steps: 300 },
] as const;
const ROUNDS = 9;

/** Steps per second of the recorder's path and of the simpler ones, in turns in one run, each in a process of its own, one thread. */
export async function recorder(): Promise<object> {
  const figures = [];
  for (const { name, sizes, batch, steps } of CASES) {
    const peers = await Promise.all(WAYS.map(async (way) => ({ way, peer: await nodePeer('recorder-worker.ts', {}), rates: [] as number[] })));
    for (const { way, peer } of peers) await peer.ask({ way, sizes, batch, threads: 1 });
    for (let round = 0; round < ROUNDS; round++) {
      for (const { peer, rates } of peers) rates.push((await peer.ask<{ stepsPerSecond: number }>({ steps })).stepsPerSecond);
    }
    for (const { peer } of peers) await peer.close();
    figures.push({ name, ways: peers.map(({ way, rates }) => ({ way, median: median(rates), best: maximum(rates) })) });
  }
  const rows = figures.flatMap(({ name, ways }) =>
    ways.map(({ way, median: rate, best }, i) => [i === 0 ? name : '', way, short(rate), short(best), `${short(ways[0]!.median / rate)}x`]),
  );
  console.log(table(['workload', 'way', 'steps/s', 'best', 'replay is faster by'], rows));
  return { figures };
}
