import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Compiled } from '../scripts/compiled.js';
import { pause } from './peer.js';
import { percentile } from './statistics.js';
import { short, table } from './table.js';

const SECONDS = 4;
const LOAN = JSON.stringify({ amount: 3000, months: 24, income: 2500, purpose: 'car' });

/** Latencies of one row over HTTP, in ms. */
export interface ServingFigure {
  readonly train: 'nothing' | 'here' | 'worker';
  readonly threads: number;
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * The server of examples/serve.ts, in a process of its own, asked for one row after the other by one client that keeps its connection: at rest, while the next model trains in the
 * same thread, and in a worker; with one native thread, and with two. The client takes its share of the CPUs, too.
 */
export async function serving(): Promise<object> {
  const compiled = new Compiled();
  const folder = mkdtempSync(join(tmpdir(), 'anneal-serving-'));
  try {
    const script = await compiled.script(join(import.meta.dirname, '../examples/serve.ts'));
    const start = (threads: number, train: string, epochs: number): Promise<Server> => Server.start([script, '--port', '0', '--model', join(folder, 'loans.safetensors'), '--threads', String(threads), '--train', train, '--epochs', String(epochs)]);
    // The file that all of them open.
    await (await start(1, 'here', 2)).end();
    const cases: ServingFigure[] = [];
    for (const threads of [1, 2]) {
      for (const train of ['nothing', 'here', 'worker'] as const) {
        const server = await start(threads, train, 1000);
        cases.push({ train, threads, ...(await server.measure(train !== 'nothing')) });
        await server.end();
      }
    }
    console.log(table(['ms', 'threads', 'requests', 'p50', 'p99', 'max'], cases.map((one) => [`trains ${one.train}`, ...[one.threads, one.requests].map(String), ...[one.p50, one.p99, one.max].map(short)])));
    return { seconds: SECONDS, cases };
  } finally {
    compiled.remove();
    rmSync(folder, { recursive: true });
  }
}

class Server {
  readonly #process: ChildProcess;
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(process: ChildProcess, port: number) {
    this.#process = process;
    this.#port = port;
  }

  static async start(args: readonly string[]): Promise<Server> {
    const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface({ input: started.stdout })) {
      const port = /listening on (\d+)/.exec(line)?.[1];
      if (port !== undefined) return new Server(started, Number(port));
    }
    throw new Error('the server did not begin');
  }

  async measure(training: boolean): Promise<Pick<ServingFigure, 'requests' | 'p50' | 'p99' | 'max'>> {
    for (let i = 0; i < 1000; i++) await this.#ask('/predict');
    if (training) {
      await this.#ask('/train');
      await pause(1000);
    }
    const waits: number[] = [];
    for (const end = performance.now() + SECONDS * 1000; performance.now() < end; ) {
      const begin = performance.now();
      await this.#ask('/predict');
      waits.push(performance.now() - begin);
    }
    return { requests: waits.length, p50: percentile(waits, 0.5), p99: percentile(waits, 0.99), max: waits.reduce((a, b) => Math.max(a, b)) };
  }

  async end(): Promise<void> {
    this.#agent.destroy();
    this.#process.kill('SIGTERM');
    await once(this.#process, 'exit');
  }

  #ask(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port: this.#port, path, method: 'POST', agent: this.#agent }, (response) => {
        response.resume().on('end', () => (response.statusCode! < 300 ? resolve() : reject(new Error(`${path}: ${response.statusCode}`)))).on('error', reject);
      });
      asked.on('error', reject).end(LOAN);
    });
  }
}
