// Bundlers, with the package left out, inside and installed beside, and inside and alone.
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, inject, test } from 'vitest';
import { expectTrained, newProject, PRINT, requireTool, runNode, trained, type Trained, TRAIN_ESM, write } from './project.js';

const shared = inject('shared');
const addon = `anneal-${process.platform}-${process.arch}.node`;
const root = newProject({ folder: shared.installed }, 'bundlers', { type: 'commonjs' });
const entry = write(root, 'src/app.mjs', TRAIN_ESM + PRINT);

const load = <Module>(name: string): Promise<Module> => import(pathToFileURL(requireTool.resolve(name)).href) as Promise<Module>;
const runFile = async (file: string, cwd = root): Promise<Trained> => trained(await runNode(file, [], { cwd, shared }));

/** A folder that no package is installed above. */
function alone(title: string): string {
  const folder = join(shared.folder, `alone-${title}`);
  mkdirSync(folder);
  return folder;
}

describe.each(['esm', 'cjs'] as const)('esbuild, to %s', (format) => {
  const bundle = async (folder: string, options: object = {}): Promise<string> => {
    const { build } = await load<{ build: (options: object) => Promise<{ readonly warnings: readonly unknown[] }> }>('esbuild');
    const outfile = join(folder, `app.${format === 'esm' ? 'mjs' : 'cjs'}`);
    const { warnings } = await build({ entryPoints: [entry], bundle: true, platform: 'node', format, outfile, logLevel: 'silent', ...options });
    expect(warnings.map((warning) => (warning as { readonly id: string }).id).filter((id) => id !== 'empty-import-meta')).toEqual([]);
    return outfile;
  };

  test('external', async () => expectTrained(await runFile(await bundle(join(root, `external-${format}`), { external: ['anneal'] })), shared, shared.installed));
  test('inside, the package installed', async () => expectTrained(await runFile(await bundle(join(root, `inside-${format}`))), shared, shared.installed));

  test('inside, the addon copied beside', async () => {
    const folder = alone(`esbuild-${format}`);
    const file = await bundle(folder);
    expect((await runNode(file, [], { cwd: folder, shared })).errors).toContain(`copy prebuilds/${addon} of the package to the bundle's folder`);
    cpSync(join(shared.installed, 'node_modules/anneal/prebuilds', addon), join(folder, addon));
    expectTrained(await runFile(file, folder), shared, folder);
  });
});

describe('webpack 5', () => {
  interface Stats {
    toJson(): { readonly errors: readonly unknown[]; readonly warnings: readonly { readonly message: string }[] };
  }
  const bundle = async (folder: string, options: { readonly [option: string]: unknown; readonly experiments?: object }): Promise<void> => {
    const { default: webpack } = await load<{ default: (options: object, done: (error: Error | null, stats: Stats) => void) => void }>('webpack');
    const { errors, warnings } = await new Promise<ReturnType<Stats['toJson']>>((resolve, reject) => {
      webpack({ mode: 'production', target: 'node20', entry, context: root, output: { path: folder, filename: 'app.cjs' }, optimization: { minimize: options.experiments !== undefined }, ...options }, (error, stats) => (error === null ? resolve(stats.toJson()) : reject(error)));
    });
    expect({ errors, warnings }).toEqual({ errors: [], warnings: [] });
  };

  test('external', async () => {
    await bundle(join(root, 'webpack-external'), { externals: { anneal: 'module-import anneal' } });
    expectTrained(await runFile(join(root, 'webpack-external/app.cjs')), shared, shared.installed);
  });

  test.each(['module', 'commonjs'])('inside and alone, to %s: the addons are emitted as assets', async (type) => {
    const folder = alone(`webpack-${type}`);
    // In a project that is then removed: webpack writes where a module was into the bundle.
    const built = join(shared.folder, `webpack-${type}-built`);
    cpSync(join(shared.installed, 'node_modules'), join(built, 'node_modules'), { recursive: true });
    const made = { context: built, entry: write(built, 'app.mjs', TRAIN_ESM + PRINT) };
    const filename = type === 'module' ? 'app.mjs' : 'app.cjs';
    await bundle(folder, type === 'module' ? { ...made, experiments: { outputModule: true }, output: { path: folder, filename, module: true, chunkFormat: 'module' } } : made);
    rmSync(built, { recursive: true });
    expect(readdirSync(folder).filter((name) => name.endsWith('.node'))).toHaveLength(5);
    const result = await runFile(join(folder, filename), folder);
    expect(result.weights).toBe(shared.weights);
    expect(result.binary).toContain(folder);
  });
});

describe('Rollup', () => {
  test('external', async () => {
    const { rollup } = await load<{ rollup: (options: object) => Promise<{ write(options: object): Promise<unknown> }> }>('rollup');
    const warnings: unknown[] = [];
    const build = await rollup({ input: entry, external: ['anneal', /^node:/], onwarn: (warning: unknown) => void warnings.push(warning) });
    await build.write({ file: join(root, 'rollup.mjs'), format: 'esm' });
    expect(warnings).toEqual([]);
    expectTrained(await runFile(join(root, 'rollup.mjs')), shared, shared.installed);
  });
});

describe('Vite, a build for servers', () => {
  const bundle = async (folder: string, noExternal: true | undefined): Promise<string> => {
    const { build } = await load<{ build: (options: object) => Promise<unknown> }>('vite');
    await build({ root, configFile: false, logLevel: 'error', ssr: noExternal === undefined ? {} : { noExternal }, build: { ssr: entry, outDir: folder, emptyOutDir: false, rollupOptions: { output: { entryFileNames: 'app.mjs' } } } });
    return join(folder, 'app.mjs');
  };

  test('external, which is its default', async () => expectTrained(await runFile(await bundle(join(root, 'vite'), undefined)), shared, shared.installed));
  test('ssr.noExternal, the package installed', async () => expectTrained(await runFile(await bundle(join(root, 'vite-inside'), true)), shared, shared.installed));

  test('ssr.noExternal, alone', async () => {
    const folder = alone('vite');
    const file = await bundle(folder, true);
    if (!existsSync(join(folder, addon))) cpSync(join(shared.installed, 'node_modules/anneal/prebuilds', addon), join(folder, addon));
    expectTrained(await runFile(file, folder), shared, folder);
  });
});

test('@vercel/nft finds the addon, and what it finds is enough', async () => {
  const { nodeFileTrace } = await load<{ nodeFileTrace: (files: string[], options: object) => Promise<{ readonly fileList: ReadonlySet<string>; readonly warnings: ReadonlySet<Error> }> }>('@vercel/nft');
  const { fileList, warnings } = await nodeFileTrace([entry], { base: shared.installed });
  expect([...warnings]).toEqual([]);
  const folder = alone('nft');
  for (const file of fileList) cpSync(join(shared.installed, file), join(folder, file));
  expectTrained(await runFile(join(folder, 'bundlers/src/app.mjs'), folder), shared, folder);
  expect([...fileList].filter((file) => /\.(cc|h|gyp|md)$/.test(file))).toEqual([]);
});
