import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { median, minimum } from './statistics.js';
import { short, table } from './table.js';

const INSTALLS = 5;
const root = dirname(import.meta.dirname);

/** A first training step of a user's, and what it says when it is done. */
const FIRST_STEP = `import { losses, nn, optim, tensor } from 'anneal';
const model = nn.sequential([4], nn.linear(4, 16), nn.relu(), nn.linear(16, 3));
const optimizer = optim.adam(model.parameters(), { lr: 1e-3 });
const loss = losses.crossEntropy(model.forward(tensor(new Float32Array(64), { shape: [16, 4] })), tensor(new Int32Array(16)));
loss.backward();
await optimizer.step();
console.log(await loss.item());
`;

/**
 * Packs what users get, with the addons that `npm run build:prebuilds` has made, and installs it in empty folders: npm's cache is warm after the first install, scripts are
 * off, and nothing but Node.js and npm is on the PATH. Then a first step, from the start of its process.
 */
export async function install(): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), 'anneal-install-'));
  try {
    execFileSync(process.execPath, [join(root, 'scripts', 'build-dist.mjs')], { stdio: 'inherit' });
    const [packed] = JSON.parse(execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], { cwd: root, encoding: 'utf8' })) as [{ filename: string }];
    const tarball = join(folder, packed.filename);
    const env = bareEnvironment(join(folder, 'bin'), join(folder, 'cache'));
    const times = Array.from({ length: INSTALLS + 1 }, (_, i) => installed(join(folder, `app-${i}`), tarball, env)).slice(1);
    const rows = {
      'npm install, warm cache': summary(times.map(({ installMs }) => installMs)),
      'first step after it, from the start of its process': summary(times.map(({ stepMs }) => stepMs)),
    };
    console.log(table(['ms', 'median', 'min'], Object.entries(rows).map(([what, { median, min }]) => [what, short(median), short(min)])));
    const packedMb = statSync(tarball).size / 1e6;
    console.log(`packed: ${short(packedMb)} MB`);
    return { packedMb, rows };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** An environment with Node.js and npm on the PATH, and a cache of its own. */
function bareEnvironment(bin: string, cache: string): NodeJS.ProcessEnv {
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  const npm = process.env['PATH']!.split(delimiter).map((path) => join(path, 'npm')).find((file) => statSync(file, { throwIfNoEntry: false }) !== undefined)!;
  symlinkSync(npm, join(bin, 'npm'));
  // npm runs its scripts by sh and looks for nothing else here.
  return { ...process.env, PATH: bin, npm_config_cache: cache, npm_config_ignore_scripts: 'true', npm_config_audit: 'false', npm_config_fund: 'false', npm_config_update_notifier: 'false' };
}

function installed(app: string, tarball: string, env: NodeJS.ProcessEnv): { installMs: number; stepMs: number } {
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{ "name": "app", "private": true, "type": "module" }');
  writeFileSync(join(app, 'first-step.js'), FIRST_STEP);
  const start = performance.now();
  execFileSync('npm', ['install', '--prefer-offline', tarball], { cwd: app, env, stdio: ['ignore', 'ignore', 'inherit'] });
  const done = performance.now();
  execFileSync('node', ['first-step.js'], { cwd: app, env, stdio: ['ignore', 'ignore', 'inherit'] });
  return { installMs: done - start, stepMs: performance.now() - done };
}

const summary = (values: readonly number[]): { readonly median: number; readonly min: number } => ({ median: median(values), min: minimum(values) });
