// The command of the package, in processes of its own.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { data, losses, nn, optim, save, Trainer } from 'anneal';
import { Compiled } from '../../scripts/compiled.js';

const root = join(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string };
const compiled = new Compiled();
let command: string;
let elsewhere: string;

function anneal(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], { cwd: elsewhere, encoding: 'utf8', env: { ...process.env, ...env } });
  return { status, stdout, stderr };
}

beforeAll(async () => {
  command = await compiled.script(join(root, 'src/cli/index.ts'));
  elsewhere = mkdtempSync(join(tmpdir(), 'anneal-cli-'));
});
afterAll(() => {
  compiled.remove();
  rmSync(elsewhere, { recursive: true });
});

test.each([[['--help']], [['-h']], [['help']], [['info', '--help']]])('%j says what there is', (args) => {
  expect(anneal(args)).toEqual({ status: 0, stdout: expect.stringMatching(/anneal info .*anneal build .*anneal demo.*anneal inspect/s), stderr: '' });
});

test.each([
  [[], 'anneal: got no command.'],
  [['frob'], "anneal: got the command 'frob', expected one of info, build, demo, inspect."],
  [['info', 'x'], "anneal: info got 'x', expected nothing behind it."],
  [['build', '--json'], 'anneal: build does not know --json.'],
  [['demo', '--frob'], "anneal: Unknown option '--frob'"],
  [['inspect'], 'anneal: inspect got 0 paths, expected one, of a file or a directory.'],
  [['inspect', 'a', 'b'], 'anneal: inspect got 2 paths'],
  [['inspect', 'a', '--force'], 'anneal: inspect does not know --force.'],
  [['constructor'], "anneal: got the command 'constructor', expected one of info, build, demo, inspect."],
])('%j is refused with what was wrong and what there is', (args, reason) => {
  const { status, stdout, stderr } = anneal(args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain(reason);
  expect(stderr).toContain('anneal demo');
});

test('--version is that of the package', () => {
  expect(anneal(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
});

describe('info', () => {
  test('says what runs here, as JSON', () => {
    const { status, stdout } = anneal(['info', '--json'], { ANNEAL_THREADS: '1', ANNEAL_TARGET: 'baseline' });
    expect(status).toBe(0);
    const facts = JSON.parse(stdout) as { binary: { gflops: number; gbytes: number } };
    expect(facts).toMatchObject({ version, node: process.version, platform: `${process.platform}-${process.arch}`, binary: { target: 'baseline', threads: 1, threadsFrom: 'ANNEAL_THREADS=1' } });
    expect(facts.binary.gflops).toBeGreaterThan(0.1);
    expect(facts.binary.gbytes).toBeGreaterThan(0.1);
  });

  test('says it in lines', () => {
    const { status, stdout } = anneal(['info'], { ANNEAL_THREADS: '' });
    expect(status).toBe(0);
    for (const line of [/^anneal +\d/m, /^Node\.js +v\d/m, /^binary +\S+anneal\.node, by compiler/m, /^CPU +\S/m, /^kernels +\w+; this CPU could also use/m, /^threads +\d+: \S/m, /^speed +\d+ GFLOP\/s .* \d+ GB\/s/m]) {
      expect(stdout).toMatch(line);
    }
  });

  test('says why there is no addon, and ends with 1', () => {
    const file = join(elsewhere, 'nowhere.node');
    const { status, stdout } = anneal(['info'], { ANNEAL_ADDON: file });
    expect(status).toBe(1);
    expect(stdout).toMatch(/^binary +none: .*nowhere\.node/m);
  });
});

test('build has nothing to do where the addon is up to date, and says where it is', () => {
  const { status, stdout } = anneal(['build']);
  expect({ status, stdout }).toEqual({ status: 0, stdout: `[anneal] built: ${join(root, 'build', 'Release', 'anneal.node')}\n` });
});

test('demo learns, and what it says to write next runs', async () => {
  const { status, stdout } = anneal(['demo']);
  expect(status).toBe(0);
  const [, accuracy] = /^([\d.]+) % of 600 points/m.exec(stdout)!;
  expect(Number(accuracy)).toBeGreaterThan(90);
  const next = stdout.split('such as train.mjs:')[1]!.split('The guide')[0]!;
  writeFileSync(join(elsewhere, 'train.ts'), next);
  const { status: trained, stdout: shown } = spawnSync(process.execPath, [await compiled.script(join(elsewhere, 'train.ts'))], { encoding: 'utf8' });
  expect(trained).toBe(0);
  expect(shown).toMatch(/epoch 9 \(10\/10\).* validation accuracy/);
});

describe('inspect', () => {
  let folder: string;
  beforeAll(async () => {
    folder = join(elsewhere, 'runs');
    const model = nn.sequential([2], nn.linear(2, 3), nn.relu());
    const trainer = new Trainer(model, { loss: losses.meanSquaredError, optimizer: optim.sgd(model.parameters(), { lr: 0.1 }) });
    const points = data.fromArrays({ x: [[1, 2], [3, 4]], y: [[1, 2, 3], [1, 1, 1]], targetShape: [3] });
    await trainer.fit(points, { epochs: 3, batchSize: 1, checkpoint: { dir: folder, keep: { last: 2, best: 'loss' } } });
    await save(model, join(elsewhere, 'weights.safetensors'), { metadata: { epoch: '3', note: 'a\u001bb' } });
  });

  test('says what is in a checkpoint', () => {
    const { status, stdout, stderr } = anneal(['inspect', join(folder, 'step-000000006.safetensors')]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^file {6}.*step-000000006\.safetensors, \d+ kB\ntraining {2}6 steps, 3 epochs complete, loss [\d.e-]+\nwritten {3}20[\dTZ:.-]+, by anneal [\d.]+\nwhole {5}yes, by its checksum\n/);
    expect(stdout).toMatch(/\nmodel\n {2}.*\n {2}0: linear\(2, 3\)\n {2}1: relu\(\)\n/);
    expect(stdout).toMatch(/\n\d+ tensors, 1 kB\n.* {2}model\.0\.weight +F32 {2}\[3, 2\]\n/s);
  });

  test('lists those of a directory, with those that are damaged', () => {
    const { status, stdout } = anneal(['inspect', folder]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^step-000000006\.safetensors {2}step 6 {2}epoch 3 {2}loss .* whole\nstep-000000004\.safetensors {2}step 4 .* whole\nbest\.safetensors {12}step \d .* whole\n\nfile /);
    const path = join(folder, 'step-000000004.safetensors');
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(7, bytes.length - 4));
    const damaged = anneal(['inspect', folder]);
    expect(damaged.status).toBe(1);
    expect(damaged.stdout).toMatch(/step-000000004\.safetensors {2}step 4 .* is no checkpoint that can be used: its checksum is/);
    writeFileSync(path, 'x');
    expect(anneal(['inspect', folder]).stdout).toMatch(/step-000000004\.safetensors {2}\[inspect\] .* it has 1 bytes, expected at least 8/);
    const json = JSON.parse(anneal(['inspect', folder, '--json']).stdout) as object[];
    expect(json).toMatchObject([{ checkpoint: { step: 6, epoch: 3 }, tensors: expect.arrayContaining([{ name: 'model.0.weight', dtype: 'F32', shape: [3, 2], bytes: 24 }]) }, { error: expect.any(String) }, {}]);
  });

  test('says what is in any safetensors file, without what would move a terminal’s cursor', () => {
    const { status, stdout } = anneal(['inspect', join(elsewhere, 'weights.safetensors')]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^file +.*weights\.safetensors, 1 kB\nepoch +3\nnote +a\?b\nanneal\.model +\{.*\}\n\n2 tensors, 1 kB\n {2}0\.bias {4}F32 {2}\[3\]\n {2}0\.weight {2}F32 {2}\[3, 2\]\n$/);
  });

  test('ends with 1 where there is nothing', () => {
    expect(anneal(['inspect', 'nowhere'])).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(/^anneal: ENOENT/) });
    expect(anneal(['inspect', command])).toMatchObject({ status: 1, stdout: expect.stringMatching(/is no safetensors file that can be read/) });
    expect(anneal(['inspect', '.'])).toEqual({ status: 0, stdout: '. holds no checkpoints.\n', stderr: '' });
  });
});
