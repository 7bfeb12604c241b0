// npm run bench                          every bench
// npm run bench -- steps                 one of them; figures go to bench/results/<name>.json
// npm run bench -- steps Adam cross      workloads whose names contain these words: printed, not written
// npm run bench -- kernels gemm ...      kernels takes names of families and options (kernels.ts)
// npm run bench -- readme                writes the figures of bench/results into README.md, docs/benchmarks.md and docs/kernels.md
// npm run bench -- instructions          counts instructions anew, which the native tests compare with
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { instructions, kernels } from './kernels.js';
import { machine, quiet } from './machine.js';
import { writePages } from './readme.js';
import { fileOf, save } from './save.js';
import { attention, dense, generation, images, language } from './workloads.js';

/** Benches of the library, in Node.js. */
const benches: Readonly<Record<string, (args: readonly string[]) => Promise<object>>> = {
  steps: async (args) => (await import('./steps.js')).steps(args, dense),
  language: async (args) => (await import('./steps.js')).steps(args, language),
  images: async (args) => (await import('./steps.js')).steps(args, images),
  generation: async (args) => (await import('./steps.js')).steps(args, generation),
  attention: async (args) => (await import('./steps.js')).steps(args, attention),
  overhead: async () => (await import('./overhead.js')).overhead(),
  startup: async () => (await import('./startup.js')).startup(),
  install: async () => (await import('./install.js')).install(),
  recorder: async () => (await import('./recorder.js')).recorder(),
  threads: async () => (await import('./threads.js')).threads(),
  'step-options': async () => (await import('./step-options.js')).stepOptions(),
  tables: async () => (await import('./tables.js')).tables(),
  checkpoints: async () => (await import('./checkpoints.js')).checkpoints(),
  'loop-delay': async () => (await import('./loop-delay.js')).loopDelay(),
  recompute: async () => (await import('./recompute.js')).recompute(),
  serving: async () => (await import('./serving.js')).serving(),
};

async function measure(name: string, args: readonly string[]): Promise<void> {
  const bench = benches[name];
  if (bench === undefined) throw new Error(`no bench is called ${name}; there are kernels, instructions, readme, ${Object.keys(benches).join(', ')}`);
  execFileSync(process.execPath, [join(dirname(import.meta.dirname), 'scripts', 'build-addon.mjs')], { stdio: 'inherit' });
  const { info } = await import('anneal');
  const loadBefore = await quiet();
  console.log(`\n${name}`);
  const figures = await bench(args);
  if (args.length === 0) save(fileOf(name, info().target), { machine: machine(info()), loadBefore, ...figures });
}

const [name, ...args] = process.argv.slice(2);
if (name === 'kernels') await kernels(args);
else if (name === 'instructions') instructions();
else if (name === 'readme') writePages();
else if (name !== undefined) await measure(name, args);
else {
  await kernels([]);
  for (const each of Object.keys(benches)) await measure(each, []);
}
