// Measures the largest error of each elementary function over all 2^32 floats (native/test/ulp.cc), holds it to its bound here,
// and writes what was measured to bench/results/ulp.json. About ten seconds a function.
//
//     npm run test:ulp                 all functions
//     npm run test:ulp -- exp tanh     some of them; the others keep their entries
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Bounds that the documentation promises, in units in the last place of the exact result; of gradients, which have zeros, in units of 2^-24. */
const BOUNDS = {
  exp: 1.1, log: 0.9, expm1: 1.7, log1p: 2.5, softplus: 2.9, tanh: 1.4, sigmoid: 2.5, erf: 1.4, gelu: 15, gelu_tanh: 220, gelu_grad: 4, gelu_tanh_grad: 3,
};

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'build', 'native');
const file = join(root, 'bench', 'results', 'ulp.json');

function run(command, args) {
  const { status, signal, stdout, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ended with ${status ?? signal}`);
  return stdout;
}

const names = process.argv.slice(2);
for (const name of names) if (!(name in BOUNDS)) throw new Error(`no function is called ${name}: there are ${Object.keys(BOUNDS).join(', ')}`);
run('cmake', ['-S', root, '-B', folder]);
run('cmake', ['--build', folder, `-j${availableParallelism()}`, '--target', 'ulp']);
const { target, compiler, functions } = JSON.parse(run(join(folder, 'ulp'), names));

const kept = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).functions : {};
let broken = false;
for (const [name, { ulp, at }] of Object.entries(functions)) {
  const within = ulp <= BOUNDS[name];
  broken ||= !within;
  console.log(`${name.padEnd(15)} ${String(ulp).padStart(7)} ULP at ${at}${within ? '' : `, above its bound of ${BOUNDS[name]}`}`);
  kept[name] = { ...functions[name], bound: BOUNDS[name], target, compiler };
}
writeFileSync(file, `${JSON.stringify({ functions: kept }, undefined, 1)}\n`);
process.exit(broken ? 1 : 0);
