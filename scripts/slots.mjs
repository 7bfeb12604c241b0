// As many pieces of work at once as there are cores, whoever asks for them; first come, first served.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const waiting = [];
let free = availableParallelism();

async function inSlot(work) {
  if (free > 0) free--;
  else await new Promise((resolve) => waiting.push(resolve));
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  }
}

/** Runs a command when a core is free for it, and gives it `input` to read. Resolves with what it printed; rejects, with that, where it fails. */
export function run(command, args, { env = {}, input = '' } = {}) {
  return inSlot(async () => {
    const child = spawn(command, args, { cwd: root, stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    child.stdin.on('error', () => {}).end(input); // whoever reads none of it may close it first
    const printed = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr']) child[stream].setEncoding('utf8').on('data', (text) => (printed[stream] += text));
    const [status, signal] = await once(child, 'close').catch((error) => {
      throw new Error(`${command} could not be started (${error.message}); CONTRIBUTING.md says what has to be installed`);
    });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status ?? signal}:\n${printed.stdout}${printed.stderr}`);
    return printed;
  });
}
