// The package as it is installed: where it looks for its addon, and what it says of one that cannot be used.
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Compiled } from '../../scripts/compiled.js';

const root = join(import.meta.dirname, '../..');
const built = join(root, 'build/Release/anneal.node');
const name = `anneal-${process.platform}-${process.arch}.node`;
const compiled = new Compiled();
/** A folder whose name has a space and letters beyond ASCII. */
let folder = '';
let library = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'anneal größer 大 '));
  library = await compiled.script(join(root, 'src/index.ts'));
});
afterAll(() => {
  compiled.remove();
  rmSync(folder, { recursive: true });
});

/** A project that has the package installed; its folder. */
function project(title: string): string {
  const installed = join(folder, title, 'node_modules/anneal');
  for (const part of ['dist', 'prebuilds']) mkdirSync(join(installed, part), { recursive: true });
  cpSync(library, join(installed, 'dist/index.js'));
  cpSync(join(root, 'package.json'), join(installed, 'package.json'));
  symlinkSync(join(root, 'node_modules/cli-progress'), join(installed, '..', 'cli-progress'));
  return join(folder, title);
}

const prebuilt = (of: string): string => join(of, 'node_modules/anneal/prebuilds', name);

function shipped(title: string, change: (file: string) => void = () => undefined): string {
  const made = project(title);
  cpSync(built, prebuilt(made));
  change(prebuilt(made));
  return made;
}

const sum = "import { tensor } from 'anneal'; console.log(await tensor([1, 2]).sum().item());";

function run(of: string, program: string = sum): Promise<{ readonly out: string; readonly errors: string; readonly signal: string | null }> {
  const file = join(of, 'program.mjs');
  writeFileSync(file, program);
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [file], { env: { ...process.env, ANNEAL_ADDON: undefined } }, (_, out, errors) => resolve({ out, errors, signal: child.signalCode }));
  });
}

/** Output of a project that cannot use its addon: an error that says this, and ends in what to do. */
async function refuses(of: string, problem: RegExp): Promise<void> {
  const { out, errors, signal } = await run(of);
  expect({ out, signal }).toEqual({ out: '', signal: null });
  expect(errors).toMatch(problem);
  expect(errors).toContain("code: 'ANNEAL_ADDON_MISSING'");
  expect(errors).toContain('Install the package again, or build the addon from source: npx anneal build.');
}

function patch(file: string, change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(file);
  change(bytes);
  writeFileSync(file, bytes);
}

test('the shipped addon is used, in a folder of any name', async () => {
  expect(await run(shipped('shipped'))).toEqual({ out: '3\n', errors: '', signal: null });
});

test('one that is built from source comes first', async () => {
  const made = shipped('both', (file) => writeFileSync(file, 'not used'));
  mkdirSync(join(made, 'node_modules/anneal/build/Release'), { recursive: true });
  cpSync(built, join(made, 'node_modules/anneal/build/Release/anneal.node'));
  const { out } = await run(made, "import { info } from 'anneal'; console.log(info().binary);");
  expect(out.trim()).toBe(join(made, 'node_modules/anneal/build/Release/anneal.node'));
});

test('none: platform, C library, and what was looked for', async () => {
  const made = project('none');
  const library = process.platform === 'linux' ? ', (glibc [\\d.]+|musl)' : '';
  await refuses(made, new RegExp(`no native addon for ${process.platform}-${process.arch}${library}: looked for \\S.*build.Release.anneal\\.node and .*prebuilds.${name.replaceAll('.', '\\.')}`));
});

test('no addon at all', async () => {
  await refuses(shipped('text', (file) => writeFileSync(file, 'version https://git-lfs.github.com/spec/v1\n')), /could not be loaded on .*, Node\.js v/);
});

test('a folder in its place, which cannot be read as a file', async () => {
  await refuses(shipped('folder', (file) => (rmSync(file), mkdirSync(file))), /could not be loaded on .*, Node\.js v.*EISDIR/);
});

test('an addon of another library', async () => {
  const other = dirname(createRequire(createRequire(import.meta.url).resolve('vite')).resolve('rolldown/package.json'));
  const { optionalDependencies } = JSON.parse(readFileSync(join(other, 'package.json'), 'utf8')) as { readonly optionalDependencies: Readonly<Record<string, string>> };
  const binding = Object.keys(optionalDependencies).map((dependency) => join(other, '..', dependency)).find(existsSync)!;
  const { main } = JSON.parse(readFileSync(join(binding, 'package.json'), 'utf8')) as { readonly main: string };
  await refuses(shipped('foreign', (file) => cpSync(join(binding, main), file)), /is an addon of another library/);
});

test('an addon of another version: the number that differs, by its name', async () => {
  const renamed = shipped('version', (file) => patch(file, (bytes) => void bytes.write('bernouLLi\0', bytes.indexOf('\0bernoulli\0') + 1)));
  await refuses(renamed, /the native addon has no number for 'bernoulli' of distributions \(native\/codes\.def\), this library 2: it is of another version/);
});

// A loader maps an ELF file before it looks at it, and touching what is not there ends a process.
describe.runIf(process.platform === 'linux')('an ELF file', () => {
  test.each([0.999, 0.5, 0.01, 40 / 3e6])('that is truncated to %f of its length', async (part) => {
    await refuses(shipped(`truncated ${part}`, (file) => truncateSync(file, Math.round(part * readFileSync(file).length))), /is truncated/);
  });

  test('that is empty', async () => {
    await refuses(shipped('empty', (file) => truncateSync(file, 0)), /could not be loaded .*too short/);
  });

  test('for another architecture', async () => {
    await refuses(
      shipped('architecture', (file) => patch(file, (bytes) => void bytes.writeUInt16LE(process.arch === 'x64' ? 183 : 62, 18))),
      /could not be loaded on linux-\w+, (glibc|musl).* cannot open shared object file/,
    );
  });

  test('that needs a newer glibc', async () => {
    const hash = (text: string): number => Array.from(text).reduce((h, letter) => {
      const next = (h << 4 >>> 0) + letter.charCodeAt(0);
      const top = (next & 0xf0000000) >>> 0;
      return (next ^ (top >>> 24)) & ~top;
    }, 0);
    const newer = shipped('glibc', (file) =>
      patch(file, (bytes) => {
        const [from, to] = ['GLIBC_2.17', 'GLIBC_2.99'];
        bytes.write(to, bytes.indexOf(`${from}\0`));
        const [old, changed] = [from, to].map((version) => Buffer.from(Uint32Array.of(hash(version)).buffer)) as [Buffer, Buffer];
        let replaced = 0;
        for (let at = bytes.indexOf(old); at >= 0; at = bytes.indexOf(old, at + 1), replaced++) changed.copy(bytes, at);
        expect(replaced).toBeGreaterThan(0);
      }),
    );
    await refuses(newer, /on linux-\w+, glibc [\d.]+, .*version `GLIBC_2\.99' not found/);
  });
});

test('two versions in one process, each with its own addon', async () => {
  const [first, second] = [shipped('first'), shipped('second')];
  const program = `
    import * as a from 'anneal';
    import * as b from ${JSON.stringify(join(second, 'node_modules/anneal/dist/index.js'))};
    const weights = [];
    for (const { nn, optim, losses, tensor, seed, info } of [a, b, a]) {
      seed(1);
      const model = nn.sequential([2], nn.linear(2, 1));
      const optimizer = optim.adam(model.parameters());
      losses.meanSquaredError(model.forward(tensor([[1, 2]])), tensor([[3]])).backward();
      optimizer.step();
      weights.push([...await model.parameters()[0].data()].join());
    }
    console.log(a.info().binary !== b.info().binary, new Set(weights).size);
    try { a.tensor([1]).add(b.tensor([1])); } catch (error) { console.log(error.code); }`;
  const { out, errors } = await run(first, program);
  expect(errors).toBe('');
  expect(out).toMatch(/^true 1\nANNEAL_\w+\n$/);
});

test('a worker loads it first, and ends before the main thread does', async () => {
  const program = `
    import { Worker } from 'node:worker_threads';
    import { once } from 'node:events';
    const worker = new Worker("import('anneal').then(async ({ tensor }) => console.log(await tensor([1, 2]).sum().item()))", { eval: true });
    await once(worker, 'exit');
    const { tensor } = await import('anneal');
    console.log(await tensor([3, 4]).sum().item());`;
  expect(await run(shipped('worker'), program)).toEqual({ out: '3\n7\n', errors: '', signal: null });
});
