// Makes dist/ of src/, from nothing: declarations, and all of the JavaScript in one file, because Node.js takes longer to find and
// link a hundred modules than to run them.
import { spawnSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
rmSync(join(root, 'dist'), { recursive: true, force: true });

const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
const declarations = spawnSync(process.execPath, [join(typescript, 'bin', 'tsc'), '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
if (declarations.status !== 0) process.exit(declarations.status ?? 1);

const options = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  // Names of classes and functions stand in messages.
  keepNames: true,
  logLevel: 'warning',
};
await build({ ...options, entryPoints: [join(root, 'src', 'index.ts')], outfile: join(root, 'dist', 'index.js'), conditions: ['anneal-source'] });
// The command is a user of the library.
await build({ ...options, entryPoints: [join(root, 'src', 'cli', 'index.ts')], outfile: join(root, 'dist', 'cli.js') });

// The package has it among its sources (build-addon.mjs says why).
copyFileSync(join(root, 'binding.gyp'), join(root, 'native', 'binding.gyp'));
