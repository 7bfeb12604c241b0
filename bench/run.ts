// npm run bench                          every bench
// npm run bench -- steps                 one of them; figures go to bench/results/<name>.json
// npm run bench -- kernels gemm ...      kernels takes names of families and options (kernels.ts)
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { kernels } from './kernels.js';
import { machine, quiet } from './machine.js';
import { save } from './save.js';

/** Benches of the library, in Node.js. */
const benches: Readonly<Record<string, () => Promise<object>>> = {
  steps: async () => (await import('./steps.js')).steps(),
  overhead: async () => (await import('./overhead.js')).overhead(),
  recorder: async () => (await import('./recorder.js')).recorder(),
  'loop-delay': async () => (await import('./loop-delay.js')).loopDelay(),
};

async function measure(name: string): Promise<void> {
  const bench = benches[name];
  if (bench === undefined) throw new Error(`no bench is called ${name}; there are kernels, ${Object.keys(benches).join(', ')}`);
  execFileSync(process.execPath, [join(dirname(import.meta.dirname), 'scripts', 'build-addon.mjs')], { stdio: 'inherit' });
  const { info } = await import('anneal');
  const loadBefore = await quiet();
  console.log(`\n${name}`);
  const figures = await bench();
  save(name, { machine: machine(info()), loadBefore, ...figures });
}

const [name, ...args] = process.argv.slice(2);
if (name === undefined || name === 'kernels') await kernels(args);
for (const other of name === undefined ? Object.keys(benches) : name === 'kernels' ? [] : [name, ...args]) await measure(other);
