// Builds build/Release/anneal.node with node-gyp when its sources have changed since the last build. Plain JavaScript
// without dependencies: it runs in a clone and in the package as it is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const addon = join(root, 'build', 'Release', 'anneal.node');
const stamp = join(root, 'build', 'Release', 'anneal.sources');

/** Place at which node-gyp looks. In a package it is there only while it builds: pnpm takes one that ships it for one that has to be built when it is installed. */
const binding = join(root, 'binding.gyp');
const shipped = join(root, 'native', 'binding.gyp');
const isClone = existsSync(binding);

/** Things that decide the addon's bytes: its sources by content, and the compiler. Not the version of Node.js, whose interface is stable. */
function fingerprint() {
  const hash = createHash('sha256');
  hash.update(`${process.platform} ${process.arch} ${process.env['CXX'] ?? ''}\n`);
  for (const file of [isClone ? binding : shipped, ...sources(join(root, 'native'))]) {
    hash.update(`${relative(root, file)}\n`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

function sources(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(cc|h|def|inc)$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => !/^test[\\/]|^kernels[\\/]\w+[\\/](test|bench)/.test(relative(folder, file)))
    .sort();
}

/** node-gyp of this package's devDependencies, else the one that npm carries and names in the environment of its scripts. */
function nodeGyp() {
  try {
    return createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  } catch {
    const bundled = process.env['npm_config_node_gyp'] ?? resolve(process.execPath, '../../lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js');
    return existsSync(bundled) ? bundled : undefined;
  }
}

/** Headers that came with this Node.js spare the download. */
function headers() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

function missingTools() {
  const windows = process.platform === 'win32';
  const present = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
  const missing = [];
  if (!['python3', 'python'].some(present)) missing.push('Python 3');
  if (!windows && !present('make')) missing.push('make');
  if (!windows && ![process.env['CXX'], 'c++', 'g++', 'clang++'].some((name) => name && present(name))) missing.push('a C++20 compiler');
  return missing;
}

/** Command that builds it again. */
const again = () => `build it again: ${/[\\/]node_modules[\\/]/.test(`${root}/`) ? 'npx anneal build' : 'npm run build:addon'}`;

function fail(reason) {
  const missing = missingTools();
  const remedy =
    process.platform === 'darwin'
      ? 'xcode-select --install'
      : process.platform === 'win32'
        ? 'install Visual Studio Build Tools with "Desktop development with C++", and Python 3'
        : 'apt-get install g++ make python3 (Debian, Ubuntu), apk add g++ make python3 (Alpine), dnf install gcc-c++ make python3 (Fedora)';
  console.error(
    `\n[anneal] the native addon could not be built for ${process.platform}-${process.arch}: ${reason}.\n` +
      (missing.length > 0 ? `[anneal] missing here: ${missing.join(', ')}.\n[anneal] to get them: ${remedy}.\n` : '') +
      `[anneal] ${missing.length > 0 ? 'then' : 'when that is mended,'} ${again()}.\n`,
  );
  process.exit(1);
}

function build() {
  const gyp = nodeGyp();
  if (gyp === undefined) fail('node-gyp was not found, which npm brings with it: run npx anneal build, or install node-gyp in your project');
  const cores = availableParallelism();
  console.log(`[anneal] building the native addon on ${cores} ${cores === 1 ? 'core' : 'cores'}: some minutes of work, shared among them`);
  const options = ['--release', `--jobs=${cores}`, ...headers()];
  if (!isClone) copyFileSync(shipped, binding);
  const run = spawnSync(process.execPath, [gyp, 'configure', 'build', ...options], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (!isClone) rmSync(binding);
  if (run.status !== 0) {
    console.error(run.stdout + run.stderr);
    fail('node-gyp failed, its output is above');
  }
  // A compiler's warnings are errors; what node-gyp itself has to say is worth reading only when it fails.
  if (process.argv.includes('--verbose')) console.log(run.stdout + run.stderr);
}

/** Two builds at once would spoil each other: whoever comes second waits, unless the first one is dead. */
async function locked(work) {
  const lock = join(root, 'build', '.building');
  mkdirSync(dirname(lock), { recursive: true });
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch {
      if (!alive(lock)) rmSync(lock, { force: true });
      else await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
  process.on('exit', () => rmSync(lock, { force: true }));
  work();
}

function alive(lock) {
  try {
    return process.kill(Number(readFileSync(lock, 'utf8')), 0);
  } catch {
    return false;
  }
}

const isCurrent = () => existsSync(addon) && existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint();

if (!isCurrent() || process.argv.includes('--force')) {
  await locked(() => {
    if (isCurrent() && !process.argv.includes('--force')) return;
    const sources = fingerprint();
    build();
    if (!existsSync(addon)) fail(`the build made no ${relative(root, addon)}`);
    writeFileSync(stamp, sources);
  });
}
