import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Compiled } from '../../scripts/compiled.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly errors: string;
}

/** Programs of users, in processes of their own. */
export class Programs {
  readonly #folder = mkdtempSync(join(tmpdir(), 'anneal-'));
  readonly #compiled = new Compiled();
  #scripts = 0;

  /** The file of a program for Node.js. */
  script(body: string): Promise<string> {
    const file = join(this.#folder, `script${this.#scripts++}.mts`);
    writeFileSync(file, body);
    return this.#compiled.script(file);
  }

  /** Runs a program, or one that script() has made. */
  async run(body: string, { env = {}, options = [] }: { readonly env?: Readonly<Record<string, string>>; readonly options?: readonly string[] } = {}): Promise<Ended> {
    return runFile(await this.script(body), { env, options });
  }

  remove(): void {
    this.#compiled.remove();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export async function runFile(file: string, { env = {}, options = [] }: { readonly env?: Readonly<Record<string, string>>; readonly options?: readonly string[] } = {}): Promise<Ended> {
  const child = spawn(process.execPath, [...options, file], { cwd: root, env: { ...process.env, ANNEAL_DEBUG: '', ...env } });
  let [out, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, out, errors };
}
