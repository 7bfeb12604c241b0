// The native side without Node.js: tests and a recorded training program under AddressSanitizer with
// UndefinedBehaviorSanitizer (g++) and under ThreadSanitizer (clang), equal bits from both compilers on every target, a
// minute of fuzzing the verifier, and the format. Reports of doctest go to $ANNEAL_REPORTS where that is set.
//
//     npm run test:native                    everything
//     npm run test:native -- address fuzz    some of it
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const reports = process.env['ANNEAL_REPORTS'];
const program = join(tmpdir(), `anneal-${process.pid}.anrf`);
const FUZZ_SECONDS = 60;

/** A build folder: what it is configured with and which programs it makes. */
const builds = {
  address: { compiler: 'g++', options: ['-DANNEAL_SANITIZE=address'], targets: ['native_tests', 'replay'] },
  thread: { compiler: 'clang++-19', options: ['-DANNEAL_SANITIZE=thread'], targets: ['native_tests', 'replay'] },
  clang: { compiler: 'clang++-19', options: ['-DANNEAL_TESTS=OFF'], targets: ['replay'] },
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

/** The folder of a build, made where needed. */
function built(name) {
  const { compiler, options, targets } = builds[name];
  const folder = join(root, 'build', `native-${name}`);
  run('cmake', ['-S', root, '-B', folder, `-DCMAKE_CXX_COMPILER=${compiler}`, ...options], { capture: true });
  run('cmake', ['--build', folder, `-j${availableParallelism()}`, '--target', ...targets], { capture: true });
  return folder;
}

function testsIn(folder, name, filters = []) {
  if (reports === undefined) return run(join(folder, 'native_tests'), filters);
  mkdirSync(reports, { recursive: true });
  return run(join(folder, 'native_tests'), [...filters, '-r=xml', `-o=${join(reports, `native-${name}.xml`)}`]);
}

/** The hash that a training program leaves, recorded in Node.js with the addon. */
let expected;
function recorded() {
  if (expected !== undefined) return expected;
  const tsx = createRequire(import.meta.url).resolve('tsx/cli');
  expected = run(process.execPath, [tsx, '--conditions=anneal-source', 'scripts/record-program.ts', program], { capture: true }).trim();
  return expected;
}

/** The program leaves the same bits on every target with fused multiply-add, on one thread and on several, here and queued. */
function replays(folder) {
  const wanted = recorded();
  for (const options of [['--threads', '1'], ['--threads', '2'], ['--threads', '4', '--queued']]) {
    const lines = run(join(folder, 'replay'), [program, '--target', 'all', ...options], { capture: true }).trim().split('\n');
    for (const line of lines) {
      const [target, hash] = line.split(' ');
      const promised = target !== 'baseline' && target !== 'reference';
      if (promised && hash !== wanted) throw new Error(`replay on ${target} ${options.join(' ')} leaves ${hash}, but the addon left ${wanted}`);
    }
    console.log(`replay ${options.join(' ')}: ${lines.map((line) => line.split(' ')[0]).join(', ')}`);
  }
}

function sanitized(name) {
  const folder = built(name);
  testsIn(folder, name);
  replays(folder);
}

const parts = {
  format: () => run(process.execPath, ['scripts/format-native.mjs']),
  address: () => sanitized('address'),
  thread: () => sanitized('thread'),
  clang: () => replays(built('clang')),
  fuzz: () => run(join(built('fuzz'), 'fuzz_verify'), [`-max_total_time=${FUZZ_SECONDS}`, '-print_final_stats=1', '-verbosity=0', `-artifact_prefix=${join(root, 'build')}/`]),
};

const asked = process.argv.slice(2);
const failed = [];
for (const name of asked.length > 0 ? asked : Object.keys(parts)) {
  const start = performance.now();
  console.log(`\n== ${name}`);
  try {
    parts[name]();
    console.log(`== ${name}: passed in ${((performance.now() - start) / 1000).toFixed(0)} s`);
  } catch (error) {
    failed.push(name);
    console.error(`== ${name}: FAILED: ${error.message}`);
  }
}
if (failed.length > 0) {
  console.error(`\ntest:native failed in ${failed.join(', ')}`);
  process.exit(1);
}
