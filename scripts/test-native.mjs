// The native side without Node.js: tests and a recorded training program with both compilers, on 64-bit ARM under
// qemu-user, under AddressSanitizer with UndefinedBehaviorSanitizer and under ThreadSanitizer (clang); equal bits from all
// of them on every target with fused multiply-add; what the addon as it is shipped asks of a system; the assembly of gemm's tiles,
// headers that compile by themselves, instructions of kernels counted under valgrind, a minute of fuzzing the verifier and seconds of
// what else is read, and the format. Reports of doctest go to $ANNEAL_REPORTS where that is set. CONTRIBUTING.md says what each build proves.
//
//     npm run test:native                    everything
//     npm run test:native -- address fuzz    some of it
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkAssembly, checkSplit } from './check-assembly.mjs';
import { checkHeaders } from './check-headers.mjs';
import { checkPortable } from './check-portable.mjs';
import { run } from './slots.mjs';

const { resolve } = createRequire(import.meta.url);
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const reports = process.env['ANNEAL_REPORTS'];
const scratch = mkdtempSync(join(tmpdir(), 'anneal-native-'));
const program = join(scratch, 'program.anrf');
/** Seconds for each fuzzer of native/fuzz; `npm run test:fuzz` is the long run. */
const FUZZ_SECONDS = { verify: 60, session: 5, program_file: 2, cgroup: 3 };

/** Runs what is built for 64-bit ARM. Its memory order is the host's, so it cannot show a race that only ARM allows. */
const QEMU = ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu'];
const ARM = ['--toolchain', join(root, 'cmake', 'aarch64.cmake')];

/** Kernels as node-gyp compiled them for the addon: what g++ makes of the targets is tested, read and counted there. */
const ADDON_OBJECTS = join(root, 'build', 'Release', 'obj.target');
const PORTABLE = ['-DANNEAL_PORTABLE=ON', '-DANNEAL_TESTS=ON'];

/**
 * A build folder: what it is configured with and which programs it makes; with `cmakeJs` that configures it. Programs run
 * under an `emulator`, where there is one, without the test cases in `leaveOut`.
 */
const builds = {
  gcc: { compiler: 'g++', options: [...PORTABLE, '-DANNEAL_WIDTHS=OFF', `-DANNEAL_ADDON_OBJECTS=${ADDON_OBJECTS}`], targets: ['native_tests', 'replay', 'kernels', 'addon'] },
  clang: { compiler: 'clang++-19', options: ['-DANNEAL_TESTS=ON'], targets: ['all'], cmakeJs: true },
  neon: { compiler: 'aarch64-linux-gnu-g++', options: [...ARM, ...PORTABLE], targets: ['native_tests', 'replay', 'addon'], emulator: QEMU, leaveOut: '*dispose joins soon*' },
  'neon-clang': { compiler: 'clang++-19', options: [...ARM, '-DANNEAL_TESTS=OFF'], targets: ['replay'], emulator: QEMU },
  address: { compiler: 'clang++-19', options: ['-DANNEAL_SANITIZE=address', '-DANNEAL_FUZZ=ON'], targets: ['fuzz', 'native_tests', 'replay'] },
  thread: { compiler: 'clang++-19', options: ['-DANNEAL_SANITIZE=thread'], targets: ['native_tests', 'replay'] },
};

/** Makes something when it is first asked for, and gives the same to whoever asks again. */
function once(make) {
  const made = new Map();
  return (name) => {
    if (!made.has(name)) made.set(name, make(name));
    return made.get(name);
  };
}

/** The addon by node-gyp, of the sources as they are. */
const addonOfPackage = once(() => run(process.execPath, ['scripts/build-addon.mjs']));

/** The folder of a build. All builds go on side by side, as the cores allow; one alone has all of them. */
const built = once(async (name) => {
  const { compiler, options, targets, cmakeJs } = builds[name];
  const folder = join(root, 'build', `native-${name}`);
  if (name === 'gcc') await addonOfPackage();
  const defines = [`-DCMAKE_CXX_COMPILER=${compiler}`, ...options];
  if (cmakeJs) await run(process.execPath, [resolve('cmake-js/bin/cmake-js'), 'configure', `--out=${folder}`, ...defines.map((define) => define.replace('-D', '--CD'))]);
  else await run('cmake', ['-S', root, '-B', folder, ...defines]);
  await run('cmake', ['--build', folder, `-j${asked.length > 1 ? 1 : availableParallelism()}`, '--target', ...targets]);
  return folder;
});

/** Hash of what every test case leaves, by its name, in the tests that ended first. All others must leave the same. */
let bits;

/** Test cases that one process runs. A case keeps one core busy, mostly. */
const CASES_OF_PROCESS = 4;

const testsIn = once(async (name) => {
  const { emulator = [], leaveOut } = builds[name];
  const [command, ...program] = [...emulator, join(await built(name), 'native_tests')];
  if (leaveOut !== undefined) program.push(`--test-case-exclude=${leaveOut}`);
  const cases = Number(/passing the current filters: (\d+)/.exec((await run(command, [...program, '--count'])).stdout)[1]);
  if (reports !== undefined) mkdirSync(reports, { recursive: true });

  const left = new Map();
  async function casesFrom(first) {
    const file = join(scratch, `${name}-${first}.bits`);
    const options = [`--first=${first}`, `--last=${first + CASES_OF_PROCESS - 1}`];
    if (reports !== undefined) options.push('--reporters=xml', `--out=${join(reports, `native-${name}-${String(first).padStart(3, '0')}.xml`)}`);
    await run(command, [...program, ...options], { env: { ANNEAL_BITS: file } });
    for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) left.set(line.slice(17), line.slice(0, 16));
  }
  await all(Array.from({ length: Math.ceil(cases / CASES_OF_PROCESS) }, (_, i) => casesFrom(1 + i * CASES_OF_PROCESS)));
  bits ??= left;
  const differing = [...bits].filter(([test, hash]) => left.get(test) !== hash).map(([test]) => test);
  if (differing.length > 0) throw new Error(`native_tests of ${name} leaves other bits in: ${differing.join('; ')}`);
  console.log(`${name}: ${cases} test cases, of which ${left.size} leave bits, the same everywhere`);
});

/** Waits for all of them, then fails with everything that failed. */
async function all(promises) {
  const failures = (await Promise.allSettled(promises)).filter(({ status }) => status === 'rejected');
  if (failures.length > 0) throw new Error(failures.map(({ reason }) => reason.message).join('\n'));
}

/** The hash that a training program leaves, recorded in Node.js with an addon: that of the package, or another one. */
const recorded = once(async (addon) => {
  await addonOfPackage();
  const [file, env] = addon === undefined ? [program, {}] : [join(mkdtempSync(join(scratch, 'of-another-')), 'program.anrf'), { ANNEAL_ADDON: addon }];
  const { stdout } = await run(process.execPath, [resolve('tsx/cli'), '--conditions=anneal-source', 'scripts/record-program.ts', file], { env });
  return stdout.trim();
});

const SPREAD = [['--threads', '2'], ['--threads', '3'], ['--threads', '4', '--queued']];

/** A line for each target that ran: those within the promise have left the recorded bits. */
async function replay(name, options) {
  const { emulator = [] } = builds[name];
  const wanted = await recorded();
  const [command, ...args] = [...emulator, join(await built(name), 'replay'), program, ...options];
  const ran = (await run(command, args)).stdout.trim().split('\n').map((line) => line.split(' '));
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
async function replays(name) {
  const targets = await replay(name, ['--target', 'all', '--threads', '1']);
  await all(targets.filter(isPromised).flatMap((target) => SPREAD.map((threads) => replay(name, ['--target', target, ...threads]))));
}

const compiled = (name) => all([testsIn(name), replays(name)]);

/** The one SIMD target that CMakeLists.txt instruments. */
function sanitized(name) {
  const target = process.arch === 'arm64' ? 'neon' : 'avx2';
  return all([testsIn(name), ...SPREAD.map((threads) => replay(name, ['--target', target, ...threads]))]);
}

/** Left out under qemu: the test that looks at a clock, the reference in replay, clang's tests and all but one of its threads. The bits are g++'s for this machine. */
function arm() {
  return all([
    testsIn('gcc'),
    testsIn('neon'),
    ...[['--threads', '1'], ...SPREAD].map((threads) => replay('neon', ['--target', 'neon', ...threads])),
    replay('neon-clang', ['--target', 'neon', '--threads', '2']),
  ]);
}

async function leavesSameBits(name, addon) {
  const [wanted, got] = [await recorded(), await recorded(join(await built(name), addon))];
  if (got !== wanted) throw new Error(`the addon of ${name} leaves ${got}, that of node-gyp left ${wanted}`);
}

/** The developer's build of the addon, by the compiler that node-gyp did not use, leaves the same bits. */
const addon = () => leavesSameBits('clang', join('Release', 'anneal.node'));

/** The object file of a target in a build. */
const objectOf = async (target, name) => join(await built(name), 'CMakeFiles', `${target}.dir`, 'native', 'targets', `${target}.cc.o`);
const objectOfAddon = (target) => join(ADDON_OBJECTS, target, 'native', 'targets', `${target}.o`);

/** The register tiles of gemm as both compilers made them. */
async function assembly() {
  await addonOfPackage();
  for (const target of ['avx512', 'avx2']) {
    console.log(`gcc: ${checkAssembly(target, objectOfAddon(target))}`);
    console.log(`clang: ${checkAssembly(target, await objectOf(target, 'clang'))}`);
  }
  checkSplit(await objectOf('avx2_w16', 'clang'), objectOfAddon('avx512'));
  for (const name of ['neon', 'neon-clang']) console.log(`${name}: ${checkAssembly('neon', await objectOf('neon', name))}`);
}

/** The addon linked as it is shipped: what it asks of a system, that a loader finds it all, and for this machine its bits. */
async function portable() {
  for (const name of ['gcc', 'neon']) {
    const file = join(await built(name), 'anneal.node');
    console.log(`${name}: ${await checkPortable(file, builds[name].emulator)}`);
  }
  await leavesSameBits('gcc', 'anneal.node');
}

async function instructions() {
  console.log((await run(process.execPath, ['scripts/count-instructions.mjs', await built('gcc')])).stdout.trim());
}

async function fuzz() {
  const folder = await built('address');
  for (const [name, seconds] of Object.entries(FUZZ_SECONDS)) {
    const options = [`-max_total_time=${seconds}`, '-print_final_stats=1', '-verbosity=0', `-artifact_prefix=${join(root, 'build')}/`];
    console.log(`${name}: ${(await run(join(folder, `fuzz_${name}`), options)).stderr.trim()}`);
  }
}

/** Builds, those that take longest first. */
const parts = {
  address: () => sanitized('address'),
  clang: () => compiled('clang'),
  neon: arm,
  gcc: () => compiled('gcc'),
  thread: () => sanitized('thread'),
  fuzz,
  instructions,
  addon,
  portable,
  assembly,
  headers: async () => console.log(await checkHeaders(await built('gcc'))),
  format: async () => void (await run(process.execPath, ['scripts/format-native.mjs'])),
};

const named = process.argv.slice(2);
const asked = named.length > 0 ? named : Object.keys(parts);
const failed = [];
await Promise.all(
  asked.map(async (name) => {
    try {
      await parts[name]();
      console.log(`== ${name}: passed after ${(performance.now() / 1000).toFixed(0)} s`);
    } catch (error) {
      failed.push(name);
      console.error(`== ${name}: FAILED: ${error.message}`);
    }
  }),
);
rmSync(scratch, { recursive: true });
if (failed.length > 0) {
  console.error(`\ntest:native failed in ${failed.join(', ')}`);
  process.exit(1);
}
