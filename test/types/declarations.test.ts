import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
// Those that .ci/run installs, besides our own.
const require = createRequire(join(root, 'build/typescript/package.json'));

/** Code of a strict project of somebody else: every option may be undefined, plain names take concrete things, sizes are checked. */
const PROGRAM = `
import { data, losses, metrics, nn, optim, plot, Trainer, train, type Tensor } from 'anneal';

declare const signal: AbortSignal | undefined;
declare const validation: data.Dataset<[2], [], 'int32'> | undefined;
declare const batch: Tensor<[1, 2], 'float32'>;
declare const wide: Tensor<[1, 5], 'float32'>;
const points = data.fromArrays({ x: new Float32Array(4), y: Int32Array.of(0, 1), shape: [2], classes: undefined });
const model = nn.sequential([2], nn.linear(2, 3, { bias: undefined }), nn.relu(), nn.linear(3, 2));
const optimizer = optim.adamw(model.parameters(), { lr: undefined, weightDecay: undefined, clip: undefined, groups: undefined });
const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy({ ignoreIndex: undefined })] });
const history = await trainer.fit(points, { validation, signal, clip: undefined, callbacks: [{ onStep: undefined }, train.progress({ stream: process.stdout })] });
declare const process: { readonly stdout: { write(text: string): boolean; readonly isTTY?: boolean } };
export const accuracy: number = history.at(-1)!.accuracy;
export const plain: { trainer: Trainer; model: nn.Sequential; history: train.History } = { trainer, model, history };
export const picture: string = plot.learningCurves(history, { title: undefined });
{
  using kept = model.forward(batch).keep();
  await kept.data();
}
class Two extends nn.Module<{ a: [2]; b: [] }, [1]> {
  readonly head = nn.linear(2, 1);
  override forward({ a }: nn.Inputs<{ a: [2]; b: [] }>): Tensor {
    return this.head.forward(a);
  }
}
const two = new Trainer(new Two(), { loss: losses.crossEntropy, optimizer });
const records = data.fromArrays({ x: { a: [[1, 2]], b: Int32Array.of(1) }, y: [0], shape: { a: [2], b: [] } });
await two.fit(records);
await two.fit(data.loader(records, { batchSize: 1 }));
await trainer.evaluate(data.loader(points, { batchSize: 1 }));
// @ts-expect-error the model takes the field b, which the data does not have
await two.fit(data.fromArrays({ x: { a: [[1, 2]] }, y: [0], shape: { a: [2] } }));
// @ts-expect-error the model takes examples of [2], but these are of [5]
model.forward(wide);
`;

let project = '';

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'anneal-declarations-'));
  const library = join(project, 'node_modules', 'anneal');
  await mkdir(library, { recursive: true });
  await cp(join(root, 'package.json'), join(library, 'package.json'));
  await run(process.execPath, [compiler('typescript')!, '-p', 'tsconfig.build.json', '--outDir', join(library, 'dist')], { cwd: root });
  await writeFile(join(project, 'package.json'), '{ "type": "module" }');
  await writeFile(join(project, 'program.ts'), PROGRAM);
});

afterAll(() => rm(project, { recursive: true, force: true }));

/** The compiler of a package of that name; undefined where it is not installed. */
function compiler(name: string): string | undefined {
  try {
    return join(dirname(require.resolve(`${name}/package.json`)), 'bin/tsc');
  } catch {
    return undefined;
  }
}

describe('the declarations that are published', () => {
  // Without skipLibCheck, without types of Node.js, for a target whose standard library is older than Symbol.dispose.
  const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--target', 'es2022', '--module', 'nodenext', 'program.ts'];

  for (const name of ['typescript', 'typescript-5.9', 'typescript-5.6']) {
    const tsc = compiler(name);
    it.skipIf(tsc === undefined)(`compile in a strict project, under ${name}`, async () => {
      const { stdout } = await run(process.execPath, [tsc!, ...options], { cwd: project }).catch((error: { stdout: string }) => error);
      expect(stdout).toBe('');
    });
  }

  it('have options that may be undefined, all of them', async () => {
    const files = (await readdir(join(project, 'node_modules/anneal/dist'), { recursive: true })).filter((file) => file.endsWith('.d.ts'));
    const strict: string[] = [];
    for (const file of files) {
      const text = await readFile(join(project, 'node_modules/anneal/dist', file), 'utf8');
      for (const [, name, body] of text.matchAll(/^export interface (\w*Options\b|Callback\b)[^{]*\{\n(.*?)^\}/gms)) {
        for (const [, option, type] of body!.matchAll(/^ {4}(?:readonly )?(\w+)\?: ?((?:[^;{]|\{[^}]*\})*);$/gm)) if (!/\bundefined$/.test(type!)) strict.push(`${file}: ${name}.${option}`);
      }
    }
    expect(files.length).toBeGreaterThan(50);
    // What the engine and custom code say to each other is no user's option.
    expect(strict.filter((line) => !/^(graph|compiler|runtime)\//.test(line))).toEqual([]);
  });
});
