// Package managers, each by an install of its own that runs no script; and the runtimes that come with one.
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { command, expectTrained, lacks, newProject, nodeBinary, type NodeName, PRINT, run, runNode, succeeds, toolFolder, train, trained, TRAIN_CJS, TRAIN_ESM, write } from './project.js';

const shared = inject('shared');
const dependencies = { anneal: `file:${shared.tarball}` };

describe('npm', () => {
  test.each([['npm-11', 'node-20'], ['npm-12', 'node-24']] as const)('%s installs without scripts, and says nothing of any', async (npm, node) => {
    const folder = newProject(shared, npm);
    const { out, errors, ended } = await runNode(command(npm, 'npm'), ['install', shared.tarball], { cwd: folder, shared, node });
    expect({ errors, ended }).toEqual({ errors: '', ended: 0 });
    expect(out).not.toMatch(/script|gyp/i);
    expectTrained(await train({ folder, shared, node }), shared, folder);
    expectTrained(await train({ folder, shared, node, cjs: true }), shared, folder);
  });
});

describe('pnpm', () => {
  const settings = { npm_config_store_dir: join(shared.folder, 'pnpm-store'), pnpm_config_store_dir: join(shared.folder, 'pnpm-store'), pnpm_config_registry: shared.registry };

  const install = async (title: string, node: NodeName, program: string, args: readonly string[]): Promise<void> => {
    const folder = newProject(shared, title, { type: 'module', dependencies });
    const { out, errors, ended } = await run(program, [...args, 'install'], { cwd: folder, shared, node, env: settings });
    expect({ errors, ended }).toEqual({ errors: '', ended: 0 });
    expect(out).not.toMatch(/build|gyp|script/i);
    expectTrained(await train({ folder, shared, node }), shared, folder);
    expectTrained(await train({ folder, shared, node, cjs: true }), shared, folder);
  };

  test('pnpm-10', () => install('pnpm-10', 'node-20', nodeBinary('node-20'), [command('pnpm-10', 'pnpm')]));

  // Its package has a program where the install script, which is not run here, would put it.
  const program = toolFolder('@pnpm/exe.linux-x64');
  const missing = lacks('@pnpm/exe.linux-x64');
  test.skipIf(missing)(`pnpm-12${missing}`, () => install('pnpm-12', 'node-24', join(program!, 'pnpm'), []));
});

describe('Yarn 4', () => {
  const yarn = join(toolFolder('@yarnpkg/cli-dist')!, 'bin/yarn.js');
  const install = async (title: string, linker: string): Promise<string> => {
    const folder = newProject(shared, title, { type: 'module', dependencies });
    const env = {
      YARN_NPM_REGISTRY_SERVER: shared.registry, YARN_NODE_LINKER: linker, YARN_ENABLE_SCRIPTS: '0', YARN_ENABLE_GLOBAL_CACHE: '0', YARN_ENABLE_TELEMETRY: '0',
      YARN_ENABLE_IMMUTABLE_INSTALLS: '0', YARN_HTTPS_CA_FILE_PATH: process.env['NODE_EXTRA_CA_CERTS'], YARN_NPM_MINIMAL_AGE_GATE: '0',
    };
    await succeeds(runNode(yarn, ['install'], { cwd: folder, shared, node: 'node-22', env }));
    return folder;
  };

  test('with node_modules', async () => {
    const folder = await install('yarn', 'node-modules');
    expectTrained(await train({ folder, shared, node: 'node-22' }), shared, folder);
  });

  test('with Plug’n’Play, which takes a package with an addon out of its archive', async () => {
    const folder = await install('yarn-pnp', 'pnp');
    expect(existsSync(join(folder, 'node_modules'))).toBe(false);
    const [esm, cjs] = [write(folder, 'train.mjs', TRAIN_ESM + PRINT), write(folder, 'train.cjs', TRAIN_CJS + PRINT)];
    const env = { NODE_OPTIONS: `--require ${join(folder, '.pnp.cjs')} --experimental-loader ${join(folder, '.pnp.loader.mjs')} --no-warnings` };
    for (const file of [esm, cjs]) expectTrained(trained(await runNode(file, [], { cwd: folder, shared, node: 'node-22', env })), shared, join(folder, '.yarn/unplugged'));
  });
});

describe('Bun', () => {
  // Made for any x86-64 CPU, as machines differ.
  const name = '@oven/bun-linux-x64-baseline';
  const missing = lacks(name);
  test.skipIf(missing)(`installs and trains${missing}`, async () => {
    const bun = join(toolFolder(name)!, 'bin/bun');
    const folder = newProject(shared, 'bun', { type: 'module', dependencies });
    const env = { BUN_CONFIG_REGISTRY: shared.registry, BUN_INSTALL_CACHE_DIR: join(shared.folder, 'bun-cache') };
    await succeeds(run(bun, ['install'], { cwd: folder, shared, env }));
    for (const [file, text] of [['train.mjs', TRAIN_ESM], ['train.cjs', TRAIN_CJS], ['train.ts', TRAIN_ESM]] as const) {
      expectTrained(trained(await run(bun, [write(folder, file, text + PRINT)], { cwd: folder, shared })), shared, folder);
    }
  });
});

describe('Deno', () => {
  const name = '@deno/linux-x64-glibc';
  const missing = lacks(name);
  test.skipIf(missing)(`trains with node_modules, by the permissions that it needs${missing}`, async () => {
    const deno = join(toolFolder(name)!, 'deno');
    const folder = newProject(shared, 'deno');
    symlinkSync(join(shared.installed, 'node_modules'), join(folder, 'node_modules'));
    const file = write(folder, 'train.mjs', TRAIN_ESM + PRINT);
    const allowed = (...permissions: string[]): ReturnType<typeof run> =>
      run(deno, ['run', '--node-modules-dir=manual', '--no-prompt', ...permissions, file], { cwd: folder, shared, env: { DENO_NO_UPDATE_CHECK: '1' } });
    expectTrained(trained(await allowed('--allow-ffi', '--allow-read', '--allow-env')), shared, shared.installed);
    expect((await allowed('--allow-read', '--allow-env')).errors).toMatch(/could not be loaded on linux-x64, .*run again with the --allow-ffi flag/s);
  });
});
