import { quiet } from './machine.js';
import { short, table } from './table.js';
import { median, minimum } from './statistics.js';
import { nodePeer, pause, type Peer } from './peer.js';
import { torchBlas, torchInstalled, torchModes, torchPeer, type TorchConfiguration } from './peers/torch.js';

interface Workload {
  readonly name: string;
  readonly sizes: readonly number[];
  readonly batch: number;
}

interface Answer {
  readonly ms: number;
  readonly loss: number;
}

/** One side of the comparison: a process that trains when it is asked to, and what its windows measured. */
interface Side {
  readonly name: string;
  readonly configuration?: TorchConfiguration;
  readonly peer: Peer;
  /** Steps in a window, so that windows take about as long on every side. */
  steps: number;
  readonly ms: number[];
}

export interface Figure {
  readonly side: string;
  readonly configuration?: TorchConfiguration;
  readonly stepsPerWindow: number;
  readonly msMedian: number;
  readonly msMin: number;
}

const MLP = [784, 512, 256, 10];
const workloads: readonly Workload[] = [
  ...[1, 8, 32, 128, 512, 2048].map((batch) => ({ name: `MLP batch ${batch}`, sizes: MLP, batch })),
  { name: '4-16-3 batch 16', sizes: [4, 16, 3], batch: 16 },
];

const WINDOW_MS = 150;
const ROUNDS = 21;
const THREADS = [1, 2];

/**
 * A full training step (zero grad, forward, loss, backward, Adam) of anneal and of PyTorch's best configuration, on one
 * and on two threads. Each side is a fresh process per workload; all sides of a workload take turns in short windows, so
 * that what the machine does to one it does to all.
 */
export async function steps(): Promise<object> {
  const results = [];
  const rows = [];
  for (const workload of workloads) {
    await quiet();
    const best = torchInstalled() ? await findBest(workload) : [];
    const sides: Side[] = [];
    for (const threads of THREADS) {
      sides.push(side(`anneal ${threads}T`, nodePeer('steps-worker.ts', { ANNEAL_THREADS: String(threads) })));
      await prepare(sides.at(-1)!, workload, threads, {});
    }
    for (const { threads, configuration } of best) {
      sides.push(side(`torch ${threads}T`, torchPeer(threads, configuration.blas), configuration));
      await prepare(sides.at(-1)!, workload, threads, { mode: configuration.mode });
    }
    await takeTurns(sides, ROUNDS);
    for (const { peer } of sides) await peer.close();
    const figures = sides.map(figure);
    results.push({ ...workload, figures, candidates: best.map(({ threads, tried }) => ({ threads, tried })) });
    rows.push([workload.name, ...cells(figures)]);
    console.log(rows.at(-1)!.join('  '));
  }
  const head = ['ms a step (median)', 'anneal 1T', 'anneal 2T', 'torch 1T', 'torch 2T', 'ratio 1T', 'ratio 2T', 'best torch'];
  console.log(`\n${table(head, rows)}`);
  return { windowMs: WINDOW_MS, rounds: ROUNDS, workloads: results };
}

const side = (name: string, peer: Peer, configuration?: TorchConfiguration): Side => ({
  name,
  peer,
  steps: 1,
  ms: [],
  ...(configuration === undefined ? {} : { configuration }),
});

/** Sets a side up, warms it for `warmupMs` (compilers at run time need thousands of small steps), and sizes its windows. */
async function prepare(target: Side, { sizes, batch }: Workload, threads: number, extra: object, warmupMs = 1000): Promise<void> {
  await target.peer.ask<Answer>({ prepare: { sizes, batch, ...extra }, threads, warmup: 5 });
  const end = performance.now() + warmupMs;
  do {
    const { ms } = await target.peer.ask<Answer>({ run: target.steps });
    target.steps = Math.max(3, Math.round(Math.min(WINDOW_MS / ms, 10 * target.steps)));
  } while (performance.now() < end);
}

/** Windows in turn; every other round backwards, so that nobody always runs behind the same neighbour. */
async function takeTurns(sides: readonly Side[], rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
      // The threads of the side before spin for a while before they sleep.
      await pause(10);
      side.ms.push((await side.peer.ask<Answer>({ run: side.steps })).ms);
    }
  }
}

interface Best {
  readonly threads: number;
  readonly configuration: TorchConfiguration;
  readonly tried: readonly Tried[];
}

interface Tried extends TorchConfiguration {
  readonly msMin: number;
}

/**
 * The fastest configuration of PyTorch for each number of threads: first the BLAS, found with the usual mode, then the mode.
 * Both matter, but hardly depend on each other, and trying all pairs would take most of the bench's time.
 */
async function findBest(workload: Workload): Promise<Best[]> {
  const found: Best[] = [];
  for (const threads of THREADS) {
    const tried: Tried[] = [];
    const fastest = (): Tried => tried.toSorted((a, b) => a.msMin - b.msMin)[0]!;
    const [usual, ...others] = torchModes;
    for (const blas of torchBlas(threads)) tried.push(...(await tryModes(workload, threads, blas, [usual])));
    tried.push(...(await tryModes(workload, threads, fastest().blas, others)));
    const { mode, blas } = fastest();
    found.push({ threads, configuration: { mode, blas }, tried });
  }
  return found;
}

async function tryModes(workload: Workload, threads: number, blas: string, modes: readonly string[]): Promise<Tried[]> {
  const tried: Tried[] = [];
  const peer = torchPeer(threads, blas);
  for (const mode of modes) {
    const candidate = side(mode, peer);
    await prepare(candidate, workload, threads, { mode }, 300);
    await takeTurns([candidate], 3);
    tried.push({ mode, blas, msMin: minimum(candidate.ms) });
  }
  await peer.close();
  return tried;
}

const figure = ({ name, configuration, steps, ms }: Side): Figure => ({
  side: name,
  ...(configuration === undefined ? {} : { configuration }),
  stepsPerWindow: steps,
  msMedian: median(ms),
  msMin: minimum(ms),
});

/** Medians in ms, torch's over ours for each number of threads, and how torch was run. */
function cells(figures: readonly Figure[]): string[] {
  const of = (name: string): number => figures.find(({ side }) => side === name)?.msMedian ?? Number.NaN;
  const ratio = (threads: number): string => `${short(of(`torch ${threads}T`) / of(`anneal ${threads}T`))}x`;
  const ways = figures.flatMap(({ configuration }) => (configuration === undefined ? [] : [`${configuration.mode}, ${configuration.blas}`]));
  return [...['anneal 1T', 'anneal 2T', 'torch 1T', 'torch 2T'].map((name) => short(of(name))), ratio(1), ratio(2), ways.join(' | ')];
}
