// Counts the instructions of the kernels' counted cases (bench/kernels) under callgrind, on one thread of the AVX2 target, which
// valgrind can run, and compares them with bench/results/instructions.json: times hide a regression in noise, counts do not.
// Counts belong to a compiler's version; with another one there is nothing to compare with, and it says so.
//
//     node scripts/count-instructions.mjs <folder of a release build with the target "kernels">
//     node scripts/count-instructions.mjs <folder> --update       writes the file, for this compiler
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './slots.mjs';

const TOLERANCE = 0.02;
const TARGET = 'avx2';
const file = join(dirname(dirname(fileURLToPath(import.meta.url))), 'bench', 'results', 'instructions.json');

const [folder, ...options] = process.argv.slice(2);
const kernels = join(folder ?? '', 'kernels');
const kept = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};

const missing = whatIsMissing();
if (missing !== undefined) {
  console.log(`instructions: skipped, ${missing}`);
  process.exit(options.includes('--update') ? 1 : 0);
}
const { compiler, families } = JSON.parse((await run(kernels, ['--list'])).stdout);
const cases = families.flatMap((family) => family.cases.filter(({ counted }) => counted).map(({ id }) => id));
if (options.includes('--update')) await update();
else await compare();

function whatIsMissing() {
  if (spawnSync('valgrind', ['--version']).status !== 0) return 'valgrind is not installed';
  if (process.arch !== 'x64') return `valgrind's counts are kept for x86-64, and this is ${process.arch}`;
  return undefined;
}

async function count(id) {
  const valgrind = ['--tool=callgrind', '--callgrind-out-file=/dev/null', '--toggle-collect=counted_call'];
  const { stderr } = await run('valgrind', [...valgrind, kernels, '--count', id, '--target', TARGET]);
  return Number(/Collected : (\d+)/.exec(stderr)[1]);
}

/** The counts of all cases, by their names. */
async function countAll() {
  return Object.fromEntries(await Promise.all(cases.map(async (id) => [id, await count(id)])));
}

async function update() {
  const before = kept[compiler] ?? {};
  const counts = await countAll();
  for (const [id, now] of Object.entries(counts)) {
    const change = before[id] === undefined ? 'new' : `${(100 * (now / before[id] - 1)).toFixed(1)} %`;
    if (before[id] !== now) console.log(`${id}: ${now} (${change})`);
  }
  writeFileSync(file, `${JSON.stringify({ ...kept, [compiler]: counts }, undefined, 1)}\n`);
}

async function compare() {
  const expected = kept[compiler];
  if (expected === undefined) {
    console.log(`instructions: skipped, counts are kept for ${Object.keys(kept).join(', ') || 'no compiler'}, and this is ${compiler}`);
    return;
  }
  const counts = await countAll();
  const wrong = [];
  for (const id of new Set([...cases, ...Object.keys(expected)])) {
    if (expected[id] === undefined) wrong.push(`${id} is new`);
    else if (!cases.includes(id)) wrong.push(`${id} is gone`);
    else {
      const now = counts[id];
      if (Math.abs(now / expected[id] - 1) > TOLERANCE) wrong.push(`${id}: ${now} instructions, ${expected[id]} are kept (${(100 * (now / expected[id] - 1)).toFixed(1)} %)`);
    }
  }
  if (wrong.length === 0) {
    console.log(`instructions: ${cases.length} cases within ${100 * TOLERANCE} % of what is kept for ${compiler}`);
    return;
  }
  console.error(`instructions differ by more than ${100 * TOLERANCE} %:\n  ${wrong.join('\n  ')}\nWhere that is meant: npm run bench -- instructions`);
  process.exit(1);
}
