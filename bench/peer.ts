import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { Compiled } from '../scripts/compiled.js';

/** Time for a process to end by itself. */
const LAST_MS = 5000;

/** A process that answers a line of JSON with a line of JSON: one side of a comparison, in a process of its own. */
export class Peer {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #lines: Interface;

  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.#process = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
    this.#lines = createInterface({ input: this.#process.stdout! });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  async ask<A>(message: object): Promise<A> {
    this.#process.stdin!.write(`${JSON.stringify(message)}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error(`the peer ended before it answered ${JSON.stringify(message)}`);
    const answer = JSON.parse(value as string) as A & { readonly error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  /** Ends it, whatever it is doing. */
  kill(): void {
    this.#process.kill('SIGKILL');
    this.#lines.close();
  }

  /** Lets it end, which processes of its own may keep it from: then it is killed. */
  async close(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    this.#process.stdin!.end();
    const late = setTimeout(() => this.#process.kill('SIGKILL'), LAST_MS);
    if (exitCode === null && signalCode === null) await once(this.#process, 'exit');
    clearTimeout(late);
    this.#lines.close();
  }
}

const compiled = new Compiled();
process.on('exit', () => compiled.remove());

/** A bench file of this folder in a fresh Node.js, as one file like the library that users get, kept on one CPU where that is asked for (and can be: on Linux). */
export async function nodePeer(file: string, env: Readonly<Record<string, string>>, cpu?: number): Promise<Peer> {
  const command = [process.execPath, '--expose-gc', await compiled.script(new URL(file, import.meta.url).pathname)];
  const pinned = cpu === undefined || process.platform !== 'linux' ? command : ['taskset', '-c', String(cpu), ...command];
  return new Peer(pinned[0]!, pinned.slice(1), env);
}

/** Answers the lines on standard input, until it ends. */
export async function serve(answer: (message: never) => Promise<object>): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line) as never))}\n`);
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
