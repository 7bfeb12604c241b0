// The native side without Node.js: tests and a recorded training program with both compilers, on 64-bit ARM under
// qemu-user, under AddressSanitizer with UndefinedBehaviorSanitizer (g++) and under ThreadSanitizer (clang); equal bits from all
// of them on every target with fused multiply-add; the assembly of gemm's tiles, instructions of kernels counted under valgrind,
// a minute of fuzzing the verifier, and the format. Reports of doctest go to $ANNEAL_REPORTS where that is set.
//
//     npm run test:native                    everything
//     npm run test:native -- address fuzz    some of it
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkAssembly, checkSplit } from './check-assembly.mjs';

const { resolve } = createRequire(import.meta.url);
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const reports = process.env['ANNEAL_REPORTS'];
const program = join(tmpdir(), `anneal-${process.pid}.anrf`);
const FUZZ_SECONDS = 60;

/** Runs what is built for 64-bit ARM. Its memory order is the host's, so it cannot show a race that only ARM allows. */
const QEMU = ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu'];
const ARM = ['--toolchain', join(root, 'cmake', 'aarch64.cmake')];

/** A build folder: what it is configured with and which programs it makes; with `addon` cmake-js configures it and makes that, too. */
const builds = {
  gcc: { compiler: 'g++', options: [], targets: ['native_tests', 'replay', 'kernels'] },
  clang: { compiler: 'clang++-19', options: ['-DANNEAL_TESTS=ON'], targets: ['all'], addon: true },
  neon: { compiler: 'aarch64-linux-gnu-g++', options: ARM, targets: ['native_tests', 'replay'] },
  'neon-clang': { compiler: 'clang++-19', options: [...ARM, '-DANNEAL_TESTS=OFF'], targets: ['replay'] },
  address: { compiler: 'g++', options: ['-DANNEAL_SANITIZE=address'], targets: ['native_tests', 'replay'] },
  thread: { compiler: 'clang++-19', options: ['-DANNEAL_SANITIZE=thread'], targets: ['native_tests', 'replay'] },
  fuzz: { compiler: 'clang++-19', options: ['-DANNEAL_FUZZ=ON', '-DANNEAL_SANITIZE=address', '-DANNEAL_TESTS=OFF'], targets: ['fuzz_verify'] },
};

/** Runs a command and throws where it fails; returns what it printed, when asked to. */
function run(command, args, { capture = false, env = {} } = {}) {
  const stdio = ['ignore', capture ? 'pipe' : 'inherit', 'inherit'];
  const result = spawnSync(command, args, { cwd: root, stdio, encoding: 'utf8', env: { ...process.env, ...env } });
  if (result.error) throw new Error(`${command} could not be started (${result.error.message}); CONTRIBUTING.md says what has to be installed`);
  if (result.status !== 0) throw new Error(`${command} ended with ${result.status ?? result.signal}`);
  return result.stdout ?? '';
}

const made = new Set();

/** The folder of a build, made when it is first asked for. */
function built(name) {
  const { compiler, options, targets, addon } = builds[name];
  const folder = join(root, 'build', `native-${name}`);
  if (made.has(name)) return folder;
  const defines = [`-DCMAKE_CXX_COMPILER=${compiler}`, ...options];
  if (addon) run(process.execPath, [resolve('cmake-js/bin/cmake-js'), 'configure', `--out=${folder}`, ...defines.map((define) => define.replace('-D', '--CD'))], { capture: true });
  else run('cmake', ['-S', root, '-B', folder, ...defines], { capture: true });
  run('cmake', ['--build', folder, `-j${availableParallelism()}`, '--target', ...targets], { capture: true });
  made.add(name);
  return folder;
}

/** What every test case leaves, by its name, in the first run of the tests. Later ones must leave the same. */
let bits;

/** Test cases that one process runs. A case keeps one core busy, mostly, so as many processes run at once as there are cores. */
const CASES_OF_PROCESS = 4;

async function testsIn(name, { emulator = [], leaveOut = [] } = {}) {
  const [command, ...program] = [...emulator, join(built(name), 'native_tests')];
  if (leaveOut.length > 0) program.push(`--test-case-exclude=${leaveOut.join(',')}`);
  const cases = Number(/passing the current filters: (\d+)/.exec(run(command, [...program, '--count'], { capture: true }))[1]);
  if (reports !== undefined) mkdirSync(reports, { recursive: true });

  let next = 1;
  const left = new Map();
  const failures = [];
  async function runSome() {
    while (next <= cases) {
      const first = next;
      const last = first + CASES_OF_PROCESS - 1;
      next = last + 1;
      const file = join(tmpdir(), `anneal-${process.pid}-${name}-${first}.bits`);
      const options = [`--first=${first}`, `--last=${last}`];
      if (reports !== undefined) options.push('--reporters=xml', `--out=${join(reports, `native-${name}-${String(first).padStart(3, '0')}.xml`)}`);
      const child = spawn(command, [...program, ...options], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ANNEAL_BITS: file } });
      let printed = '';
      child.stdout.on('data', (text) => (printed += text));
      const [status, signal] = await once(child, 'close');
      if (status !== 0) {
        console.error(printed);
        failures.push(`cases ${first} to ${last} ended with ${status ?? signal}`);
      } else {
        for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) left.set(line.slice(17), line.slice(0, 16));
      }
      rmSync(file, { force: true });
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, runSome));
  if (failures.length > 0) throw new Error(`native_tests of ${name}: ${failures.join('; ')}`);
  bits ??= left;
  const differing = [...bits].filter(([test, hash]) => left.get(test) !== hash).map(([test]) => test);
  if (differing.length > 0) throw new Error(`native_tests of ${name} leaves other bits in: ${differing.join('; ')}`);
  console.log(`${name}: ${cases} test cases, of which ${left.size} leave bits, the same everywhere`);
}

/** The hash that a training program leaves, recorded in Node.js with the addon. */
let expected;
function recorded() {
  expected ??= record({});
  return expected;
}

function record(env) {
  return run(process.execPath, [resolve('tsx/cli'), '--conditions=anneal-source', 'scripts/record-program.ts', program], { capture: true, env }).trim();
}

const SPREAD = [['--threads', '2'], ['--threads', '3'], ['--threads', '4', '--queued']];

/** A line for each target that ran: those within the promise have left the recorded bits. */
function replay(name, options, emulator = []) {
  const wanted = recorded();
  const [command, ...args] = [...emulator, join(built(name), 'replay'), program, ...options];
  const ran = run(command, args, { capture: true }).trim().split('\n').map((line) => line.split(' '));
  for (const [target, hash] of ran) {
    if (isPromised(target) && hash !== wanted) throw new Error(`replay ${options.join(' ')} leaves ${hash} on ${target}, but the addon left ${wanted}`);
  }
  const targets = ran.map(([target]) => target);
  console.log(`${name}: replay ${options.join(' ')}: ${targets.join(', ')}`);
  return targets;
}

/** The baseline has no fused multiply-add, and the reference is another computation. */
const isPromised = (target) => target !== 'baseline' && target !== 'reference';

/** On one thread everywhere; on several, here and queued, where the bits are promised. */
function replays(name) {
  for (const target of replay(name, ['--target', 'all', '--threads', '1']).filter(isPromised)) {
    for (const threads of SPREAD) replay(name, ['--target', target, ...threads]);
  }
}

async function compiled(name) {
  await testsIn(name);
  replays(name);
}

/** The one SIMD target that CMakeLists.txt instruments. */
async function sanitized(name) {
  await testsIn(name);
  for (const threads of SPREAD) replay(name, ['--target', process.arch === 'arm64' ? 'neon' : 'avx2', ...threads]);
}

/** Left out under qemu: the test that looks at a clock, the reference in replay, clang's tests and all but one of its threads. */
async function arm() {
  if (bits === undefined) await testsIn('gcc');
  await testsIn('neon', { emulator: QEMU, leaveOut: ['*dispose joins soon*'] });
  for (const threads of [['--threads', '1'], ...SPREAD]) replay('neon', ['--target', 'neon', ...threads], QEMU);
  replay('neon-clang', ['--target', 'neon', '--threads', '2'], QEMU);
}

/** The developer's build of the addon, by the compiler that node-gyp did not use, leaves the same bits. */
function addon() {
  const wanted = recorded();
  const got = record({ ANNEAL_ADDON: join(built('clang'), 'Release', 'anneal.node') });
  if (got !== wanted) throw new Error(`the addon of cmake-js leaves ${got}, that of node-gyp left ${wanted}`);
}

/** The register tiles of gemm as both compilers made them. */
function assembly() {
  for (const name of ['gcc', 'clang']) {
    for (const target of ['avx512', 'avx2']) console.log(`${name}: ${checkAssembly(target, built(name))}`);
    checkSplit(built(name));
  }
  for (const name of ['neon', 'neon-clang']) console.log(`${name}: ${checkAssembly('neon', built(name))}`);
}

const parts = {
  format: () => run(process.execPath, ['scripts/format-native.mjs']),
  gcc: () => compiled('gcc'),
  instructions: () => run(process.execPath, ['scripts/count-instructions.mjs', built('gcc')]),
  clang: () => compiled('clang'),
  addon,
  neon: arm,
  assembly,
  address: () => sanitized('address'),
  thread: () => sanitized('thread'),
  fuzz: () => run(join(built('fuzz'), 'fuzz_verify'), [`-max_total_time=${FUZZ_SECONDS}`, '-print_final_stats=1', '-verbosity=0', `-artifact_prefix=${join(root, 'build')}/`]),
};

const asked = process.argv.slice(2);
const failed = [];
for (const name of asked.length > 0 ? asked : Object.keys(parts)) {
  const start = performance.now();
  console.log(`\n== ${name}`);
  try {
    await parts[name]();
    console.log(`== ${name}: passed in ${((performance.now() - start) / 1000).toFixed(0)} s`);
  } catch (error) {
    failed.push(name);
    console.error(`== ${name}: FAILED: ${error.message}`);
  }
}
rmSync(program, { force: true });
if (failed.length > 0) {
  console.error(`\ntest:native failed in ${failed.join(', ')}`);
  process.exit(1);
}
