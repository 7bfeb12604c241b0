// The long run of the fuzzers of native/fuzz, one after the other on one core at low priority, and of the properties of
// test/hostile/files.test.ts, by which files of every format are spoiled. What fuzzers find worth keeping is in build/fuzz/<name>,
// where the next run goes on; a fault is there, too, as a file that the fuzzer takes as its argument. Ends with a line for each:
// executions, coverage, time, faults. docs/reliability.md keeps those of the longest run.
//
//     npm run test:fuzz                             ten minutes
//     npm run test:fuzz -- --minutes 600            ten hours
//     npm run test:fuzz -- verify session files     some of them
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { availableParallelism, constants, setPriority } from 'node:os';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { resolve } = createRequire(import.meta.url);
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const build = join(root, 'build', 'native-address');
const folder = join(root, 'build', 'fuzz');

/** A fuzzer begins anew after a fault, which its corpus may lead to again. */
const MOST_FAULTS = 20;

/** Parts of the time. */
const FUZZERS = { verify: 0.5, session: 0.25, program_file: 0.1, cgroup: 0.05, files: 0.1 };

const { values, positionals } = parseArgs({ allowPositionals: true, options: { minutes: { type: 'string', default: '10' } } });
const names = positionals.length > 0 ? positionals : Object.keys(FUZZERS);
const unknown = names.filter((name) => !(name in FUZZERS));
const minutes = Number(values.minutes);
if (unknown.length > 0 || !(minutes > 0)) {
  console.error(`fuzz: expected names among ${Object.keys(FUZZERS).join(', ')}, and --minutes above 0`);
  process.exit(2);
}
const whole = names.reduce((sum, name) => sum + FUZZERS[name], 0);

setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
mkdirSync(folder, { recursive: true });
await native();
let faults = 0;
for (const name of names) {
  const seconds = Math.ceil((60 * minutes * FUZZERS[name]) / whole);
  faults += await (name === 'files' ? files(seconds) : fuzz(name, seconds));
}
process.exit(faults > 0 ? 1 : 0);

/** Builds the fuzzers, and copies them, so that work on the sources does not change them under a long run. */
async function native() {
  if (names.every((name) => name === 'files')) return;
  const configure = ['-S', root, '-B', build, '-DCMAKE_CXX_COMPILER=clang++-19', '-DANNEAL_SANITIZE=address', '-DANNEAL_FUZZ=ON'];
  if ((await run('cmake', configure)).status !== 0) throw new Error('cmake could not configure the build');
  if ((await run('cmake', ['--build', build, `-j${availableParallelism()}`, '--target', 'fuzz'])).status !== 0) throw new Error('the fuzzers do not compile');
  await seeds();
  for (const name of names) if (name !== 'files') copyFileSync(join(build, `fuzz_${name}`), join(folder, `fuzz_${name}`));
}

/** Programs of every op, for the fuzzer of the verifier to spoil. */
async function seeds() {
  const programs = join(folder, 'verify');
  mkdirSync(programs, { recursive: true });
  await run(process.execPath, [resolve('tsx/cli'), '--conditions=anneal-source', join(root, 'scripts', 'fuzz-seeds.ts'), programs]);
}

async function fuzz(name, seconds) {
  const corpus = join(folder, name);
  mkdirSync(corpus, { recursive: true });
  // Files are written anew for every input of one of them.
  const memory = existsSync('/dev/shm') ? { TMPDIR: '/dev/shm' } : {};
  const env = { ...process.env, ...memory };
  const started = performance.now();
  const left = () => Math.ceil(seconds - (performance.now() - started) / 1000);
  const figures = { executions: 0, edges: '?', corpus: 0, faults: 0 };
  while (left() > 0 && figures.faults < MOST_FAULTS) {
    const options = [corpus, `-max_total_time=${left()}`, '-print_final_stats=1', '-max_len=8192', '-timeout=20', '-rss_limit_mb=4096', `-artifact_prefix=${folder}/${name}-`];
    const { status, output } = await run(join(folder, `fuzz_${name}`), options, { env });
    const found = (pattern) => pattern.exec(output)?.[1];
    figures.executions += Number(found(/number_of_executed_units: (\d+)/) ?? 0);
    figures.edges = `${found(/DONE +cov: (\d+)/) ?? '?'} of ${found(/Loaded \d+ modules? +\((\d+) inline/)}`;
    if (status === 0) continue;
    figures.faults++;
    console.log(output.slice(-4000));
  }
  report(name, { ...figures, corpus: readdirSync(corpus).length, seconds: (performance.now() - started) / 1000 });
  return figures.faults;
}

/** Files of every format that TypeScript reads, spoiled at random. */
async function files(seconds) {
  const started = performance.now();
  const seed = Date.now() % 2 ** 31;
  const test = ['run', '--project', 'planned', 'test/hostile/files', '--testTimeout', String((seconds + 600) * 1000)];
  const { status, output } = await run(process.execPath, [resolve('vitest/package.json').replace('package.json', 'vitest.mjs'), ...test], { cwd: root, env: { ...process.env, ANNEAL_FUZZ_SECONDS: String(seconds), ANNEAL_FUZZ_SEED: String(seed) } });
  const executions = [...output.matchAll(/(\d+) files spoiled/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  report('files', { executions, seed, seconds: (performance.now() - started) / 1000, faults: status === 0 ? 0 : 1 });
  if (status !== 0) console.log(output.slice(-4000));
  return status === 0 ? 0 : 1;
}

function report(name, { seconds, ...figures }) {
  console.log(`${name}: ${Object.entries(figures).map(([what, value]) => `${what} ${value}`).join(', ')}, ${(seconds / 3600).toFixed(2)} h`);
}

function run(command, args, options = {}) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let output = '';
    const take = (chunk) => (output = (output + chunk).slice(-1_000_000));
    let head = '';
    child.stdout.on('data', take);
    child.stderr.on('data', (chunk) => (head.length < 4096 && (head += chunk), take(chunk)));
    child.on('error', fail);
    child.on('close', (status) => done({ status, output: output.includes(head) ? output : head + output }));
  });
}
