import { Distance, placement } from './distance.js';
import { short, table } from './table.js';
import { median, minimum } from './statistics.js';
import { nodePeer, pause, type Peer } from './peer.js';
import { blasPaths, torchBlas, torchPeer, torchPythons, type TorchConfiguration } from './peers/torch.js';
import type { Work, Workload } from './workloads.js';

interface Answer {
  readonly ms: number;
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
  /** The most memory that was resident, the programs themselves included. */
  readonly peakMegabytes: number;
  /** PyTorch's time over this side's: the median of the ratios of the rounds. */
  readonly ratio?: number;
  readonly goal?: number;
  /** Of two threads: the rounds in which the two CPUs were in an unusual place. */
  readonly elsewhere?: number;
}

const WINDOW_MS = 70;
/** Time for a configuration to be tried out: some never come back from compiling. */
const TRIAL_SECONDS = 60;
const ROUNDS = 13;
const THREADS = [1, 2];

/**
 * Training steps of anneal and of PyTorch's best configuration, on one and on two threads. Each side is a fresh process per
 * workload; all sides of a workload take turns in short windows, so that what the machine does to one it does to all.
 */
export async function steps(names: readonly string[], workloads: readonly Workload[]): Promise<object> {
  const results = [];
  const rows = [];
  const trials = new Trials();
  const distance = await Distance.start();
  for (const workload of workloads.filter(({ name }) => names.length === 0 || names.some((asked) => name.includes(asked)))) {
    const best = torchPythons.length > 0 ? await findBest(workload, trials) : [];
    const sides: Side[] = [];
    for (const threads of THREADS) {
      for (const way of workload.fit === undefined ? ['loop'] : ['loop', 'fit']) {
        const side = newSide(way, threads, await nodePeer('steps-worker.ts', { ANNEAL_THREADS: String(threads) }));
        await prepare(side, workload, { way });
        sides.push(side);
      }
    }
    for (const { threads, python, configuration } of best) {
      const side = newSide('torch', threads, torchPeer(python, threads, configuration.blas), configuration);
      await prepare(side, workload, { mode: configuration.mode });
      sides.push(side);
    }
    const elsewhere = await takeTurns(sides, ROUNDS, distance);
    const peaks = await Promise.all(sides.map(({ peer }) => peer.ask<{ readonly megabytes: number }>({ peak: true })));
    for (const { peer } of sides) await peer.close();
    const figures = sides.map((side, i) => figure(side, sides, workload, peaks[i]!.megabytes, elsewhere));
    results.push({ ...workload, figures, torchTried: best.flatMap(({ threads, tried, leftOut }) => [...tried, ...leftOut].map(({ python: _python, ...t }) => ({ threads, ...t }))) });
    for (const threads of THREADS) rows.push([workload.name, `${threads}`, ...cells(figures.filter((f) => f.threads === threads))]);
    console.log(rows.slice(-THREADS.length).map((row) => row.join('  ')).join('\n'));
  }
  await trials.close();
  await distance.close();
  const head = ['ms a step (median)', 'threads', 'loop', 'fit', 'torch', 'loop is faster by', 'fit by', '', 'torch as', ''];
  console.log(`\n${table(head, rows)}`);
  return { torch: [...trials.versions], windowMs: WINDOW_MS, rounds: ROUNDS, workloads: results };
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
  readonly python: string;
  readonly configuration: TorchConfiguration;
  readonly tried: readonly Tried[];
  readonly leftOut: readonly LeftOut[];
}

interface Tried extends TorchConfiguration {
  readonly python: string;
  readonly msMin: number;
}

/** A configuration that cannot run here, and what it said. */
interface LeftOut extends TorchConfiguration {
  readonly python: string;
  readonly error: string;
}

/**
 * The fastest configuration of all PyTorchs for each number of threads. Of each: first the BLAS, found with the usual mode, then the mode.
 * Both matter, but hardly depend on each other, and trying all pairs would take most of the bench's time.
 */
async function findBest(workload: Workload, trials: Trials): Promise<Best[]> {
  const found: Best[] = [];
  for (const threads of THREADS) {
    const tried: Tried[] = [];
    const leftOut: LeftOut[] = [];
    for (const python of torchPythons) await tryAll(workload, threads, python, trials, tried, leftOut);
    if (tried.length === 0) continue;
    const { python, version, mode, blas } = fastest(tried);
    found.push({ threads, python, configuration: { version, mode, blas }, tried, leftOut });
  }
  return found;
}

const fastest = (tried: readonly Tried[]): Tried => tried.toSorted((a, b) => a.msMin - b.msMin)[0]!;

/** Notes what the configurations of one PyTorch reach. */
async function tryAll(workload: Workload, threads: number, python: string, trials: Trials, tried: Tried[], leftOut: LeftOut[]): Promise<void> {
  const { kind } = workload.work;
  const { version, modes, paths } = await trials.about(python, threads, workload.work);
  const own: Tried[] = [];
  const tryOut = async (blas: string, mode: string): Promise<void> => {
    const configuration = { version, mode, blas, python };
    try {
      if (trials.failed.has(failureKey(workload, configuration))) return;
      own.push({ ...configuration, msMin: await inTime(trial(workload, threads, mode, trials.peer(python, threads, blas))) });
    } catch (error) {
      const { message } = error as Error;
      console.log(`left out: PyTorch ${version}, ${mode}, ${blas}, ${threads} threads: ${message}`);
      leftOut.push({ ...configuration, error: message });
      trials.failed.add(failureKey(workload, configuration));
      trials.forget(python, threads, blas);
    }
  };
  const [usual, ...others] = modes;
  // Others hardly call it: convolutions are oneDNN's.
  for (const blas of kind === 'mlp' || kind === 'gpt' || kind === 'generate' ? torchBlas(paths) : torchBlas(paths).slice(0, 1)) await tryOut(blas, usual!);
  for (const mode of others) await tryOut(own.length > 0 ? fastest(own).blas : 'default', mode);
  tried.push(...own);
}

/** Name of a failure: what has failed on one thread is not tried on two. */
const failureKey = ({ name }: Workload, { version, mode, blas }: TorchConfiguration): string => [name, version, mode, blas].join(' ');

async function inTime<R>(promise: Promise<R>): Promise<R> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error(`took longer than ${TRIAL_SECONDS} s`)), TRIAL_SECONDS * 1000)));
  promise.catch(() => undefined);
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

interface About {
  readonly version: string;
  readonly modes: readonly string[];
  readonly paths: readonly string[];
}

/** The processes in which configurations of PyTorch are tried out; what counts is measured in fresh ones. */
class Trials {
  readonly #peers = new Map<string, Peer>();
  /** Of every PyTorch that was asked. */
  readonly versions = new Set<string>();
  readonly failed = new Set<string>();

  peer(python: string, threads: number, blas: string): Peer {
    const key = [python, threads, blas].join(' ');
    const peer = this.#peers.get(key) ?? torchPeer(python, threads, blas);
    this.#peers.set(key, peer);
    return peer;
  }

  async about(python: string, threads: number, work: Work): Promise<About> {
    const about = await this.peer(python, threads, 'default').ask<About>({ about: work, paths: blasPaths });
    this.versions.add(about.version);
    return about;
  }

  /** Lets go of a process that has failed: the next one that is asked for is fresh. */
  forget(python: string, threads: number, blas: string): void {
    const key = [python, threads, blas].join(' ');
    const peer = this.#peers.get(key);
    this.#peers.delete(key);
    peer?.kill();
  }

  async close(): Promise<void> {
    for (const peer of this.#peers.values()) await peer.close();
  }
}

async function trial(workload: Workload, threads: number, mode: string, peer: Peer): Promise<number> {
  const candidate = newSide(mode, threads, peer);
  await prepare(candidate, workload, { mode }, 200);
  await takeTurns([candidate], 3);
  return minimum(candidate.ms);
}

function figure(side: Side, sides: readonly Side[], workload: Workload, peakMegabytes: number, elsewhere: number): Figure {
  const { name, threads, configuration, ms } = side;
  const torch = sides.find((other) => other.name === 'torch' && other.threads === threads);
  const goal = name === 'fit' ? workload.fit?.[threads - 1] : name === 'loop' ? workload.loop?.[threads - 1] : undefined;
  return {
    side: name,
    threads,
    ...(configuration === undefined ? {} : { configuration }),
    msMedian: median(ms),
    msMin: minimum(ms),
    peakMegabytes,
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
    configuration === undefined ? '' : `${configuration.version}, ${configuration.mode}, ${configuration.blas}`,
    elsewhere === undefined ? '' : `CPUs on one core or far apart in ${elsewhere} of ${ROUNDS} rounds`,
  ];
}
