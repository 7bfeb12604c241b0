// Makes the addons that are shipped, prebuilds/anneal-<platform>.node: linked for other systems than this one, stripped.
//
//     npm run build:prebuilds                                  for this platform
//     npm run build:prebuilds -- linux-x64 linux-arm64         for those named; CONTRIBUTING.md says what each needs
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const here = `${process.platform}-${process.arch}`;

/** Options of CMake for a platform that is not this one. */
const crossing = {
  'linux-arm64': ['--toolchain', join(root, 'cmake', 'aarch64.cmake')],
  'win32-x64': ['--toolchain', join(root, 'cmake', 'windows.cmake')],
};
const platforms = ['linux-x64', 'linux-arm64', 'win32-x64', 'darwin-x64', 'darwin-arm64'];

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status ?? error?.message}`);
}

const asked = process.argv.length > 2 ? process.argv.slice(2) : [here];
const unknown = asked.find((platform) => !platforms.includes(platform) || (platform !== here && crossing[platform] === undefined));
if (unknown !== undefined) throw new Error(`no binary for ${unknown} can be made on ${here}: expected one of ${platforms.join(', ')}`);

mkdirSync(join(root, 'prebuilds'), { recursive: true });
for (const platform of asked) {
  const folder = join(root, 'build', `prebuild-${platform}`);
  const file = join(root, 'prebuilds', `anneal-${platform}.node`);
  run('cmake', ['-S', root, '-B', folder, '-DANNEAL_PORTABLE=ON', '-DANNEAL_TESTS=OFF', ...(platform === here ? [] : crossing[platform])]);
  run('cmake', ['--build', folder, `-j${availableParallelism()}`, '--target', 'addon']);
  copyFileSync(join(folder, 'anneal.node'), file);
  console.log(`prebuilds/anneal-${platform}.node: ${(statSync(file).size / 1e6).toFixed(2)} MB`);
}
