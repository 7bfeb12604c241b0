// What bundlers make of the library: one file, of ES modules or of CommonJS, which has to find the addon where the package is installed.
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
let project = '';

/** Runs a file; what it prints, and the errors. */
function run(file: string, env: Record<string, string> = {}): Promise<{ out: string; errors: string }> {
  return new Promise((resolve) => execFile(process.execPath, [file], { env: { ...process.env, ...env } }, (_, out, errors) => resolve({ out, errors })));
}

const program = "import { tensor } from 'anneal'; tensor([1, 2]).sum().item().then(console.log);";

async function bundled(format: 'esm' | 'cjs', folder: string, contents = program): Promise<string> {
  const file = join(folder, `app.${format === 'esm' ? 'mjs' : 'cjs'}`);
  await build({
    stdin: { contents, resolveDir: root },
    alias: { anneal: join(root, 'src/index.ts') },
    bundle: true, format, platform: 'node', target: 'node20.19', outfile: file, logLevel: 'error', logOverride: { 'empty-import-meta': 'silent' },
  });
  return file;
}

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'anneal-bundle-'));
  const installed = join(project, 'node_modules/anneal');
  await mkdir(join(installed, 'build'), { recursive: true });
  await cp(join(root, 'package.json'), join(installed, 'package.json'));
  await symlink(join(root, 'build/Release'), join(installed, 'build/Release'));
  await writeFile(join(project, 'package.json'), '{ "name": "app" }');
});

afterAll(() => rm(project, { recursive: true, force: true }));

for (const format of ['esm', 'cjs'] as const) {
  test(`a bundle of ${format} finds the addon of the installed package`, async () => {
    expect(await run(await bundled(format, join(project, 'out')))).toEqual({ out: '3\n', errors: '' });
  });

  test(`a bundle of ${format} that stands alone says what to do, and takes an addon that is named or lies beside it`, async () => {
    const alone = await mkdtemp(join(tmpdir(), 'anneal-alone-'));
    const file = await bundled(format, alone);
    const { errors } = await run(file);
    expect(errors).toMatch(/no native addon for .* This is a bundle: keep anneal out of it \(esbuild: --external:anneal\) and installed beside it, or copy prebuilds\/anneal-/);
    expect(await run(file, { ANNEAL_ADDON: join(root, 'build/Release/anneal.node') })).toEqual({ out: '3\n', errors: '' });
    await cp(join(root, 'build/Release/anneal.node'), join(alone, `anneal-${process.platform}-${process.arch}.node`));
    expect(await run(file)).toEqual({ out: '3\n', errors: '' });
    await rm(alone, { recursive: true });
  });
}

test('a bundle that leaves out the library which draws bars shows progress in lines', async () => {
  const alone = await mkdtemp(join(tmpdir(), 'anneal-alone-'));
  const file = await bundled('esm', alone, `
    import { data, losses, nn, optim, Trainer, train } from 'anneal';
    const points = data.fromArrays({ x: new Float32Array(8), y: Int32Array.of(0, 1, 0, 1), shape: [2] });
    const model = nn.sequential([2], nn.linear(2, 2));
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 0.1 }) });
    const stream = { isTTY: true, write: (text) => process.stdout.write(text) };
    trainer.fit(points, { epochs: 1, batchSize: 2, callbacks: [train.progress({ stream })] });`);
  const { out, errors } = await run(file, { ANNEAL_ADDON: join(root, 'build/Release/anneal.node') });
  expect({ out, errors }).toEqual({ out: expect.stringMatching(/^epoch 0 \(1\/1\) {2}step 2\/2 {2}loss 0\.\d+ .*\n$/) as string, errors: '' });
  await rm(alone, { recursive: true });
});

test('a bundle that leaves out the library which compares spellings still says what is wrong', async () => {
  const alone = await mkdtemp(join(tmpdir(), 'anneal-alone-'));
  const file = await bundled('esm', alone, "import { nn } from 'anneal'; try { nn.linear(1, 2, { bais: false }); } catch (error) { console.log(error.message); }");
  expect((await run(file)).out).toBe('[linear] unknown option: got bais, expected one of bias, weight.\n');
  await rm(alone, { recursive: true });
});
