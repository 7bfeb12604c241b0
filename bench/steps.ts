import { Distance, placement } from './distance.js';
import { short, table } from './table.js';
import { median, minimum } from './statistics.js';
import { nodePeer, pause, type Peer } from './peer.js';
import { torchBlas, torchInstalled, torchPeer, type TorchConfiguration } from './peers/torch.js';
import { workloads, type Workload } from './workloads.js';

interface Answer {
  readonly ms: number;
  readonly version?: string;
}

/** One side of the comparison: a process that trains when it is asked to, and what its windows measured. */
interface Side {
  readonly name: string;
  readonly threads: number;
  readonly configuration?: TorchConfiguration;
  readonly peer: Peer;
  /** Steps in a window, so that windows take about as long on every side. */
  steps: number;
  readonly ms: number[];
}

export interface Figure {
  readonly side: string;
  readonly threads: number;
  readonly configuration?: TorchConfiguration;
  readonly msMedian: number;
  readonly msMin: number;
  /** PyTorch's time over this side's: the median of the ratios of the rounds. */
  readonly ratio?: number;
  readonly goal?: number;
  /** Of two threads: the rounds in which the two CPUs were in an unusual place. */
  readonly elsewhere?: number;
}

const WINDOW_MS = 70;
const ROUNDS = 13;
const THREADS = [1, 2];

/**
 * Training steps of anneal and of PyTorch's best configuration, on one and on two threads. Each side is a fresh process per
 * workload; all sides of a workload take turns in short windows, so that what the machine does to one it does to all.
 */
export async function steps(names: readonly string[] = []): Promise<object> {
  const results = [];
  const rows = [];
  const trials = new Trials();
  const distance = await Distance.start();
  for (const workload of workloads.filter(({ name }) => names.length === 0 || names.some((asked) => name.includes(asked)))) {
    const best = torchInstalled() ? await findBest(workload, trials) : [];
    const sides: Side[] = [];
    for (const threads of THREADS) {
      for (const way of workload.fit === undefined ? ['loop'] : ['loop', 'fit']) {
        const side = newSide(way, threads, nodePeer('steps-worker.ts', { ANNEAL_THREADS: String(threads) }));
        await prepare(side, workload, { way });
        sides.push(side);
      }
    }
    for (const { threads, configuration } of best) {
      const side = newSide('torch', threads, torchPeer(threads, configuration.blas), configuration);
      await prepare(side, workload, { mode: configuration.mode });
      sides.push(side);
    }
    const elsewhere = await takeTurns(sides, ROUNDS, distance);
    for (const { peer } of sides) await peer.close();
    const figures = sides.map((side) => figure(side, sides, workload, elsewhere));
    results.push({ ...workload, figures, torchTried: best.flatMap(({ threads, tried }) => tried.map((t) => ({ threads, ...t }))) });
    for (const threads of THREADS) rows.push([workload.name, `${threads}`, ...cells(figures.filter((f) => f.threads === threads))]);
    console.log(rows.slice(-THREADS.length).map((row) => row.join('  ')).join('\n'));
  }
  const torch = await trials.close();
  await distance.close();
  const head = ['ms a step (median)', 'threads', 'loop', 'fit', 'torch', 'loop is faster by', 'fit by', '', 'torch as', ''];
  console.log(`\n${table(head, rows)}`);
  return { torch, windowMs: WINDOW_MS, rounds: ROUNDS, workloads: results };
}

const newSide = (name: string, threads: number, peer: Peer, configuration?: TorchConfiguration): Side => ({
  name,
  threads,
  peer,
  steps: 1,
  ms: [],
  ...(configuration === undefined ? {} : { configuration }),
});

/** Sets a side up, warms it for `warmupMs` (compilers at run time need thousands of small steps), and sizes its windows. */
async function prepare(target: Side, { work }: Workload, extra: object, warmupMs = 600): Promise<void> {
  await target.peer.ask<Answer>({ prepare: work, threads: target.threads, warmup: 3, ...extra });
  const end = performance.now() + warmupMs;
  do {
    const { ms } = await target.peer.ask<Answer>({ run: target.steps });
    target.steps = Math.max(1, Math.round(Math.min(WINDOW_MS / ms, 10 * target.steps)));
  } while (performance.now() < end);
}

/** Windows in turn; every other round backwards, so that nobody always runs behind the same neighbour. Returns in how many rounds the two CPUs were in an unusual place. */
async function takeTurns(sides: readonly Side[], rounds: number, distance?: Distance): Promise<number> {
  let elsewhere = 0;
  for (let round = 0; round < rounds; round++) {
    const before = distance?.ns();
    for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
      // The threads of the side before spin for a while before they sleep.
      await pause(10);
      side.ms.push((await side.peer.ask<Answer>({ run: side.steps })).ms);
    }
    if (before !== undefined && placement([before, distance!.ns()]) !== '') elsewhere++;
  }
  return elsewhere;
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
async function findBest(workload: Workload, trials: Trials): Promise<Best[]> {
  const found: Best[] = [];
  for (const threads of THREADS) {
    const blas = workload.work.kind === 'mlp' ? torchBlas() : torchBlas().slice(0, 1);
    const [usual, ...others] = (await trials.peer(threads, blas[0]!).ask<{ modes: string[] }>({ modes: workload.work.kind })).modes;
    const tried: Tried[] = [];
    const fastest = (): Tried => tried.toSorted((a, b) => a.msMin - b.msMin)[0]!;
    const tryOut = async (name: string, mode: string): Promise<void> => void tried.push(await trial(workload, threads, name, mode, trials.peer(threads, name)));
    for (const name of blas) await tryOut(name, usual!);
    for (const mode of others) await tryOut(fastest().blas, mode);
    found.push({ threads, configuration: { mode: fastest().mode, blas: fastest().blas }, tried });
  }
  return found;
}

/** The processes in which configurations of PyTorch are tried out; what counts is measured in fresh ones. */
class Trials {
  readonly #peers = new Map<string, Peer>();

  peer(threads: number, blas: string): Peer {
    const key = `${threads} ${blas}`;
    const peer = this.#peers.get(key) ?? torchPeer(threads, blas);
    this.#peers.set(key, peer);
    return peer;
  }

  /** Returns PyTorch's version. */
  async close(): Promise<string | undefined> {
    let version: string | undefined;
    for (const peer of this.#peers.values()) {
      version = (await peer.ask<Answer>({ run: 1 })).version;
      await peer.close();
    }
    return version;
  }
}

async function trial(workload: Workload, threads: number, blas: string, mode: string, peer: Peer): Promise<Tried> {
  const candidate = newSide(mode, threads, peer);
  await prepare(candidate, workload, { mode }, 200);
  await takeTurns([candidate], 3);
  return { mode, blas, msMin: minimum(candidate.ms) };
}

function figure(side: Side, sides: readonly Side[], workload: Workload, elsewhere: number): Figure {
  const { name, threads, configuration, ms } = side;
  const torch = sides.find((other) => other.name === 'torch' && other.threads === threads);
  const goal = name === 'fit' ? workload.fit?.[threads - 1] : name === 'loop' ? workload.loop?.[threads - 1] : undefined;
  return {
    side: name,
    threads,
    ...(configuration === undefined ? {} : { configuration }),
    msMedian: median(ms),
    msMin: minimum(ms),
    ...(torch === undefined || torch === side ? {} : { ratio: median(ms.map((time, round) => torch.ms[round]! / time)) }),
    ...(goal === undefined ? {} : { goal }),
    ...(threads > 1 && elsewhere > 0 ? { elsewhere } : {}),
  };
}

/** Of one number of threads: medians in ms, torch's over ours, what is under its goal, and how torch was run. */
function cells(figures: readonly Figure[]): string[] {
  const of = (name: string): Figure | undefined => figures.find(({ side }) => side === name);
  const ms = (name: string): string => (of(name) === undefined ? '' : short(of(name)!.msMedian));
  const ratio = (name: string): string => (of(name)?.ratio === undefined ? '' : `${short(of(name)!.ratio!)}x`);
  const under = figures.filter((f) => f.goal !== undefined && f.ratio !== undefined && f.ratio < f.goal);
  const { configuration } = of('torch') ?? {};
  const elsewhere = figures[0]!.elsewhere;
  return [
    ms('loop'),
    ms('fit'),
    ms('torch'),
    ratio('loop'),
    ratio('fit'),
    under.map((f) => `${f.side} < ${f.goal}x`).join(', '),
    configuration === undefined ? '' : `${configuration.mode}, ${configuration.blas}`,
    elsewhere === undefined ? '' : `CPUs on one core or far apart in ${elsewhere} of ${ROUNDS} rounds`,
  ];
}
