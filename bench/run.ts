// npm run bench                   every bench
// npm run bench -- steps          one of them; figures go to bench/results/<name>.json
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { info } from 'anneal';
import { loopDelay } from './loop-delay.js';
import { machine, quiet } from './machine.js';
import { overhead } from './overhead.js';
import { recorder } from './recorder.js';
import { steps } from './steps.js';

const benches: Readonly<Record<string, () => Promise<object>>> = { steps, overhead, recorder, 'loop-delay': loopDelay };
const results = join(import.meta.dirname, 'results');

const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
for (const name of asked.length > 0 ? asked : Object.keys(benches)) {
  const bench = benches[name];
  if (bench === undefined) throw new Error(`no bench is called ${name}; there are ${Object.keys(benches).join(', ')}`);
  const before = await quiet();
  console.log(`\n${name}`);
  const figures = await bench();
  mkdirSync(results, { recursive: true });
  const file = join(results, `${name}.json`);
  writeFileSync(file, `${JSON.stringify({ machine: machine(info()), loadBefore: before, ...figures }, undefined, 1)}\n`);
  console.log(`\nwritten to bench/results/${name}.json`);
}
