// The command of the package, in processes of its own.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
  expect(anneal(args)).toEqual({ status: 0, stdout: expect.stringMatching(/anneal info .*anneal build .*anneal demo/s), stderr: '' });
});

test.each([
  [[], 'anneal: got no command.'],
  [['frob'], "anneal: got the command 'frob', expected one of info, build, demo."],
  [['info', 'x'], "anneal: info got 'x', expected nothing behind it."],
  [['build', '--json'], 'anneal: build does not know --json.'],
  [['demo', '--frob'], "anneal: Unknown option '--frob'"],
  [['constructor'], "anneal: got the command 'constructor', expected one of info, build, demo."],
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
