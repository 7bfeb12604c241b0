import { spawn } from 'node:child_process';
import { Agent, get } from 'node:http';
import { cpus } from 'node:os';
import { nodePeer, pause, type Peer } from './peer.js';
import { median } from './statistics.js';
import { short, table } from './table.js';

const MLP = [784, 512, 256, 10];
const WIDE = [1024, 2048, 2048, 2048, 10];

/** Load beside the steps. The control always runs back to back: it says what the machine gives. */
interface Condition {
  readonly name: string;
  readonly pauseMs: number;
  /** The process also runs timers and answers HTTP requests. */
  readonly server?: boolean;
  /** Another process keeps one CPU busy. */
  readonly hog?: boolean;
}

const backToBack: Condition = { name: 'back to back', pauseMs: 0 };
const conditions: readonly Condition[] = [
  backToBack,
  ...[1, 5, 30].map((pauseMs) => ({ name: `after ${pauseMs} ms`, pauseMs })),
  { name: 'timers and HTTP', pauseMs: 5, server: true },
  { name: 'busy neighbour', pauseMs: 0, hog: true },
];

const workloads: readonly { readonly name: string; readonly sizes: readonly number[]; readonly batch: number; readonly conditions: readonly Condition[] }[] = [
  ...[32, 128, 512].map((batch) => ({ name: `MLP batch ${batch}`, sizes: MLP, batch, conditions })),
  { name: 'MLP batch 2048', sizes: MLP, batch: 2048, conditions: [backToBack] },
  { name: 'wide MLP batch 128', sizes: WIDE, batch: 128, conditions: [backToBack] },
];

const WINDOW_MS = 120;
const ROUNDS = 9;

/** A window's figures: ms a step. */
interface Round {
  readonly oneThread: number;
  readonly twoThreads: number;
  /** One process on one thread, alone, and a pair of them at once, each kept on a CPU of its own. */
  readonly alone: number;
  readonly pair: number;
}

interface Sides {
  readonly one: Peer;
  readonly two: Peer;
  readonly pair: readonly [Peer, Peer];
  /** Address at which `two` answers HTTP requests. */
  readonly port: number;
  /** Of a step on one thread. */
  readonly ms: number;
}

/**
 * Gain of a second thread in a training step, beside a control of the same run: two processes that train on one thread
 * each, warm and pinned apart. Hosts of virtual machines lend a second CPU at a speed that changes from second to second,
 * so a speed-up means nothing but as a share of the control's.
 */
export async function threads(): Promise<object> {
  const results = [];
  const rows = [];
  for (const { conditions, ...workload } of workloads) {
    const sides = await prepare(workload.sizes, workload.batch);
    for (const condition of conditions) {
      const rounds = await beside(condition, sides.port, () => measured(sides, condition));
      const figure = { workload: workload.name, condition: condition.name, ...summary(rounds) };
      results.push({ ...figure, rounds });
      rows.push([`${workload.name}, ${condition.name}`, ...[figure.oneThread, figure.twoThreads, figure.speedup, figure.control, figure.share].map(short)]);
      console.log(rows.at(-1)!.join('  '));
    }
    for (const peer of [sides.one, sides.two, ...sides.pair]) await peer.close();
  }
  console.log(`\n${table(['medians', 'ms, 1 thread', '2 threads', 'speed-up', 'control', 'share'], rows)}`);
  return { windowMs: WINDOW_MS, roundsPerCase: ROUNDS, cases: results };
}

async function prepare(sizes: readonly number[], batch: number): Promise<Sides> {
  const started: Peer[] = [];
  const peer = async (threads: number, cpu?: number): Promise<{ peer: Peer; port: number }> => {
    const peer = await nodePeer('threads-worker.ts', { ANNEAL_THREADS: String(threads) }, cpu);
    started.push(peer);
    const { port } = await peer.ask<{ port: number }>({ prepare: { sizes, batch } });
    return { peer, port };
  };
  const two = await peer(2);
  const [one, first, second] = [(await peer(1)).peer, (await peer(1, 0)).peer, (await peer(1, cpus().length - 1)).peer];
  let ms = await window(one, 10);
  for (const side of [two.peer, first, second, one]) ms = await window(side, Math.max(5, Math.round(500 / ms)));
  return { one, two: two.peer, pair: [first, second], port: two.port, ms };
}

const window = async (peer: Peer, steps: number, { pauseMs, server }: Condition = backToBack): Promise<number> =>
  (await peer.ask<{ ms: number }>({ run: { steps, pauseMs, timers: server === true } })).ms;

async function measured({ one, two, pair, ms }: Sides, condition: Condition): Promise<Round[]> {
  const rounds: Round[] = [];
  const warm = Math.max(5, Math.round(WINDOW_MS / ms));
  const steps = Math.max(5, Math.round(WINDOW_MS / (ms + condition.pauseMs)));
  for (let round = 0; round < ROUNDS; round++) {
    const figures = { oneThread: 0, twoThreads: 0, alone: 0, pair: 0 };
    const sides = [
      async () => (figures.oneThread = await window(one, steps, condition)),
      async () => (figures.twoThreads = await window(two, steps, condition)),
      async () => (figures.alone = await window(pair[round % 2]!, warm)),
      // Their ends differ a little; the medians of their steps don't notice.
      async () => (figures.pair = Math.max(...(await Promise.all(pair.map((peer) => window(peer, warm)))))),
    ];
    for (const side of round % 2 === 0 ? sides : sides.reverse()) {
      await pause(10);
      await side();
    }
    rounds.push(figures);
  }
  return rounds;
}

/** Medians over the rounds, of times and of the ratios within a round. */
function summary(rounds: readonly Round[]): { oneThread: number; twoThreads: number; speedup: number; control: number; share: number } {
  const of = (value: (round: Round) => number): number => median(rounds.map(value));
  const speedup = ({ oneThread, twoThreads }: Round): number => oneThread / twoThreads;
  const control = ({ alone, pair }: Round): number => (2 * alone) / pair;
  return {
    oneThread: of(({ oneThread }) => oneThread),
    twoThreads: of(({ twoThreads }) => twoThreads),
    speedup: of(speedup),
    control: of(control),
    share: of((round) => speedup(round) / control(round)),
  };
}

/** Keeps up what the condition asks for while `work` runs. */
async function beside<T>({ server, hog }: Condition, port: number, work: () => Promise<T>): Promise<T> {
  const neighbour = hog === true ? spawn(process.execPath, ['-e', 'for (;;);'], { detached: true, stdio: 'ignore' }) : undefined;
  const agent = new Agent({ keepAlive: true });
  const traffic = server === true ? setInterval(() => get({ host: '127.0.0.1', port, agent }, (response) => response.resume()).on('error', () => {}), 5) : undefined;
  try {
    return await work();
  } finally {
    clearInterval(traffic);
    agent.destroy();
    neighbour?.kill('SIGKILL');
  }
}
