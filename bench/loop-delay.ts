import { get } from 'node:http';
import { nodePeer, pause, type Peer } from './peer.js';
import { percentile } from './statistics.js';
import { short, table } from './table.js';

const SECONDS = 15;

/** Delays of the worker's own 10 ms timer. */
interface Lateness {
  readonly lateness: readonly number[];
  readonly steps: number;
  readonly msPerStep: number;
}

export interface Distribution {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const distribution = (values: readonly number[]): Distribution => ({
  count: values.length,
  p50: percentile(values, 0.5),
  p99: percentile(values, 0.99),
  max: Math.max(...values),
});

/**
 * While a model trains in a process, in steps of about 100 ms, which run beside its event loop, or of half a millisecond, which run
 * within it: how late a 10 ms timer of that process fires, and how long its HTTP server takes to answer. Beside it the same process at
 * rest, as the control: what the machine itself costs.
 */
export async function loopDelay(): Promise<object> {
  const large = { stepMs: 100, width: 1024 };
  const cases: { name: string; train: 'none' | 'loop' | 'fit'; steps: { stepMs: number; width: number } }[] = [
    { name: 'at rest', train: 'none', steps: large },
    { name: 'explicit loop', train: 'loop', steps: large },
    { name: 'Trainer.fit', train: 'fit', steps: large },
    { name: 'explicit loop of small steps', train: 'loop', steps: { stepMs: 0.5, width: 128 } },
  ];
  const figures = [];
  for (const { name, train, steps } of cases) {
    const peer = await nodePeer('loop-delay-worker.ts', {});
    const { port } = await peer.ask<{ port: number }>({ prepare: steps });
    figures.push({ name, ...(await measured(peer, port, train)) });
    await peer.close();
  }
  const rows = figures.map(({ name, msPerStep, timer, http }) => [
    name,
    short(msPerStep),
    ...[timer.p50, timer.p99, timer.max, http.p50, http.p99, http.max].map(short),
  ]);
  console.log(table(['ms', 'a step', 'timer late p50', 'p99', 'max', 'HTTP p50', 'p99', 'max'], rows));
  return { seconds: SECONDS, cases: figures };
}

async function measured(peer: Peer, port: number, train: string): Promise<{ msPerStep: number; steps: number; timer: Distribution; http: Distribution }> {
  let running = true;
  const answers = peer.ask<Lateness>({ measure: { train, seconds: SECONDS } }).finally(() => {
    running = false;
  });
  await pause(500);
  const waits: number[] = [];
  while (running) {
    waits.push(await request(port));
    await pause(10);
  }
  const { lateness, steps, msPerStep } = await answers;
  return { msPerStep, steps, timer: distribution(lateness), http: distribution(waits) };
}

/** Milliseconds from asking to the last byte of the answer. */
async function request(port: number): Promise<number> {
  const start = performance.now();
  await new Promise<void>((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent: false }, (response) => response.resume().on('end', resolve).on('error', reject)).on('error', reject);
  });
  return performance.now() - start;
}
