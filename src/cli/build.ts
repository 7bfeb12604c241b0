import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './package.js';

/** Builds the addon of this package; `force`: also where it is up to date. The process ends with what the build ends with. */
export function build(force: boolean, verbose: boolean): void {
  const options = [...(force ? ['--force'] : []), ...(verbose ? ['--verbose'] : [])];
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'build-addon.mjs'), ...options], { stdio: 'inherit' });
  if (status === 0) process.stdout.write(`[anneal] built: ${join(root, 'build', 'Release', 'anneal.node')}\n`);
  process.exitCode = status ?? 1;
}
