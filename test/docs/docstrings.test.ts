// Every example in a docstring compiles, and runs where it can; every docstring begins with a noun phrase or a verb.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as anneal from 'anneal';
import { Compiled } from '../../scripts/compiled.js';

const root = join(import.meta.dirname, '../..');
const require = createRequire(import.meta.url);

interface Docstring {
  readonly file: string;
  readonly line: number;
  readonly lines: readonly string[];
}

function docstringsOf(file: string): Docstring[] {
  const source = readFileSync(join(root, file), 'utf8');
  return [...source.matchAll(/^[^\S\n]*\/\*\*(.*?)\*\//gms)].map((match) => ({
    file,
    line: source.slice(0, match.index).split('\n').length,
    lines: match[1]!.split('\n').map((line) => line.replace(/^\s*\* ?/, '').trimEnd()),
  }));
}

const docstrings = ['src', 'test', 'bench', 'scripts', 'examples']
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile() && /\.m?ts$/.test(entry.name) && !entry.parentPath.includes('node_modules'))
  .map(({ parentPath, name }) => relative(root, join(parentPath, name)).replaceAll('\\', '/'))
  .toSorted()
  .flatMap(docstringsOf);

describe('docstrings', () => {
  const textOf = ({ lines }: Docstring): string => lines.join('\n').trim();
  const place = ({ file, line }: Docstring): string => `${file}:${line}`;

  test('begin with a noun phrase or a verb, not with a relative clause or a question', () => {
    expect(docstrings.length).toBeGreaterThan(1000);
    const relativeOrAsking = /^(What|Whatever|Whether|Which|Who|Whoever|Whose|Where|Wherever|How|Why|Those|Is|Are|Was|Were|Does|Do|Did|Has|Have|Can|May|Must|Should|Will)\b/;
    const asks = (text: string): boolean => /^[^.:;]*\?(\s|$)/.test(text);
    expect(docstrings.filter((one) => relativeOrAsking.test(textOf(one)) || asks(textOf(one))).map((one) => `${place(one)} ${textOf(one).split('\n')[0]}`)).toEqual([]);
  });
});

/** Things that examples speak of, by name, each as code that may name others. */
const SURROUNDINGS: Readonly<Record<string, string>> = {
  train: `const train = data.fromArrays({ x: Float32Array.from({ length: 40 * 784 }, (_, i) => Math.sin(i)), y: Int32Array.from({ length: 40 }, (_, i) => i % 10), shape: [784], classes: 10 });`,
  test: `const test = data.fromArrays({ x: Float32Array.from({ length: 20 * 784 }, (_, i) => Math.cos(i)), y: Int32Array.from({ length: 20 }, (_, i) => i % 10), shape: [784], classes: 10 });`,
  dataset: `const dataset = data.fromArrays({ x: Float32Array.from({ length: 40 * 784 }, (_, i) => Math.sin(i)), y: Int32Array.from({ length: 40 }, (_, i) => i % 10), shape: [784] });`,
  photos: `const photos = data.fromArrays({ x: new Uint8Array(8 * 3 * 32 * 32), y: new Int32Array(8), shape: [3, 32, 32] });`,
  validation: `const validation = test;`,
  all: `const all = dataset;`,
  patients: `const patients = Array.from({ length: all.size }, (_, i) => 'patient ' + (i % 10));`,
  model: `const model = nn.sequential([784], nn.linear(784, 10));`,
  loss: `const loss = losses.crossEntropy;`,
  optimizer: `const optimizer = optim.adam(model.parameters());`,
  trainer: `const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy(), metrics.confusionMatrix()] });`,
  loader: `const loader = data.loader(train, { batchSize: 10 });`,
  inputs: `const [inputs] = [...data.loader(train, { batchSize: 10 })][0]!;`,
  labels: `const [, labels] = [...data.loader(train, { batchSize: 10 })][0]!;`,
  epochs: `const epochs = 5;`,
  validationLoss: `const validationLoss = 0.5;`,
  lines: `const lines = ['5.1,3.5,1.4,0.2', '4.9,3.0,1.4,0.2'];`,
  first: `const first = await trainer.fit(train, { epochs: 2 });`,
  second: `const second = await trainer.fit(train, { epochs: 2 });`,
};

const ONE_OUTPUT = {
  model: `const model = nn.sequential([2], nn.linear(2, 1));`,
  trainer: `const trainer = new Trainer(model, { loss: losses.meanSquaredError, optimizer });`,
  test: `const test = data.fromArrays({ x: [[0, 1], [1, 0], [1, 1]], y: [[1], [0], [1]], shape: [2], targetShape: [1] });`,
  inputs: `const [inputs] = [...data.loader(test)][0]!;`,
  targets: `const [, targets] = [...data.loader(test)][0]!;`,
  labels: `const labels = [1, 0, 1];`,
};

/** Things that are others in the examples of some files. */
const OTHERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'src/checkpoint/checkpoints.ts': { loader: `const loader = data.loader(data.fromArrays({ x: new Float32Array(40 * 784), y: new Int32Array(40), shape: [784] }), { batchSize: 10 });`, inputs: '', labels: '' },
  'src/optim/lbfgs.ts': { ...ONE_OUTPUT, x: `const x = tensor([[0, 1], [1, 0]]);`, y: `const y = tensor([[1], [0]]);` },
  'src/optim/muon.ts': {
    model: `class Headed extends nn.Module<[784], [10]> {
      readonly trunk = nn.linear(784, 16);
      readonly head = nn.linear(16, 10);
      override forward(x: Tensor) { return this.head.forward(this.trunk.forward(x).relu()); }
    }
    const model = new Headed();`,
  },
  'src/optim/optimizer.ts': { optimizer: `const optimizer = optim.adam(model.parameters(), { average: optim.exponentialMovingAverage() });` },
  'src/graph/assign.ts': { x: `const x = tensor(new Float32Array(2 * 784), { shape: [2, 784] });` },
  'src/nn/linear.ts': { x: `const x = tensor(new Float32Array(32 * 784), { shape: [32, 784] });` },
  'src/nn/sequential.ts': { x: `const x = tensor(new Float32Array(32 * 784), { shape: [32, 784] });` },
  'src/nn/module.ts': {
    worker: `const worker = { postMessage: (arrays: Awaited<ReturnType<nn.Module['toArrays']>>) => void arrays };`,
    parentPort: `const parentPort = { on: (event: 'message', listener: (arrays: Awaited<ReturnType<nn.Module['toArrays']>>) => unknown) => void [event, listener] };`,
  },
  'src/ops/contraction.ts': { x: `const x = tensor([[1, 2], [3, 4]]);`, w: `const w = tensor([[1, 0], [0, 1]]);` },
  'src/ops/define.ts': { x: `const x = tensor([1, 2]);` },
  'src/ops/lstm-cell.ts': {
    x: `const x = tensor([[1, 2]]);`,
    h0: `const h0 = tensor([[0]]);`,
    c0: `const c0 = tensor([[0]]);`,
    weightIh: `const weightIh = tensor([[1, 0], [0, 1], [1, 1], [0, 0]]);`,
    weightHh: `const weightHh = tensor([[1], [0], [1], [0]]);`,
  },
  'src/tensor.ts': { real: `const real = tensor([[1, 2]]);`, fake: `const fake = tensor([[3, 4]]);`, share: `const share = 0.3;` },
  'src/losses/binary.ts': ONE_OUTPUT,
  'src/plot/predictions.ts': { ...ONE_OUTPUT, targets: `const targets = [1, 0, 1];` },
  'src/plot/score-curves.ts': { ...ONE_OUTPUT, outputs: `const outputs = await trainer.predict(test);` },
  'src/plot/confusion-matrix.ts': {
    model: `const model = nn.sequential([1], nn.linear(1, 2));`,
    test: `const test = data.fromArrays({ x: [[0], [1], [2]], y: [0, 1, 1], shape: [1] });`,
  },
  'src/metrics/field.ts': {
    model: `class TwoHeads extends nn.Module<[4], { kind: [3]; price: [1] }> {
      readonly kind = nn.linear(4, 3);
      readonly price = nn.linear(4, 1);
      override forward(x: Tensor) { return { kind: this.kind.forward(x), price: this.price.forward(x) }; }
    }
    const model = new TwoHeads();`,
    loss: `const loss = (outputs: { kind: Tensor; price: Tensor }, targets: { kind: Tensor; price: Tensor }): Tensor => losses.crossEntropy(outputs.kind, targets.kind).add(losses.meanSquaredError(outputs.price, targets.price));`,
  },
};

interface Example {
  readonly title: string;
  readonly file: string;
  readonly code: string;
}

/** The indented lines of a docstring, where there are some. */
function exampleOf({ file, line, lines }: Docstring): Example[] {
  const code = lines.filter((text) => text.startsWith('    ')).map((text) => text.slice(4));
  return code.length === 0 ? [] : [{ title: `${file}:${line}`, file, code: code.join('\n') }];
}

const examples = docstrings.filter(({ file }) => file.startsWith('src/')).flatMap(exampleOf);

/** Names that stand in code, fields of something else left out. */
const namesIn = (code: string): Set<string> => new Set(code.replace(/'[^'\n]*'/g, "''").match(/(?<![.\w$])[A-Za-z_$][\w$]*/g));

/** The surroundings that code speaks of, in an order in which each has those that it speaks of itself. */
function surroundingsOf({ file, code }: Example): string[] {
  const known: Readonly<Record<string, string>> = { ...SURROUNDINGS, ...OTHERS[file] };
  const found = new Map<string, string>();
  const visit = (text: string): void => {
    for (const name of namesIn(text)) {
      // A namespace of the library has the name of what most call their data.
      if (found.has(name) || !(name in known) || (name === 'train' && /\btrain\.(Checkpoints|earlyStopping|progress|parseHistory|predictor)\b/.test(code))) continue;
      found.set(name, '');
      visit(known[name]!);
      found.delete(name);
      found.set(name, known[name]!);
    }
  };
  visit(code);
  return [...found.values()];
}

/** A function of the example's lines in a block of their own, in which they may give names anew. */
function functionOf(example: Example, i: number): string {
  return [`/** ${example.title} */`, `async function example${i}(): Promise<void> {`, ...surroundingsOf(example), '{', example.code, '}', '}'].join('\n');
}

/** One pixel. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAACXBIWXMAAAPoAAAD6AG1e1JrAAAADElEQVQImWM4kWIEAANWAV+9CqnkAAAAAElFTkSuQmCC';

/** A program of all examples, with the files that they read. */
function program(): string {
  const functions = examples.map(functionOf).join('\n\n');
  const all = namesIn(functions);
  const imported = Object.keys(anneal).filter((name) => all.has(name));
  const run = examples.map(({ title }, i) => `await run('${title}', example${i});`);
  return `
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { ${[...new Set([...imported, 'nn', 'save', 'Tensor'])].join(', ')} } from 'anneal';

${functions}

const idx = (dims: readonly number[]): Buffer => {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header.set([0, 0, 8, dims.length]);
  dims.forEach((dim, i) => header.writeUInt32BE(dim, 4 + 4 * i));
  return Buffer.concat([header, Buffer.alloc(dims.reduce((product, dim) => product * dim, 1))]);
};
await writeFile('train-images-idx3-ubyte', idx([10, 28, 28]));
await writeFile('train-images-idx3-ubyte.gz', gzipSync(idx([10, 28, 28])));
await writeFile('train-labels-idx1-ubyte', idx([10]));
for (const kind of ['cats', 'dogs']) {
  await mkdir('pets/' + kind, { recursive: true });
  for (const i of [1, 2, 3, 4]) await writeFile('pets/' + kind + '/' + i + '.png', Buffer.from('${PNG}', 'base64'));
}
await writeFile('cars.csv', 'name,power,made,origin\\nT,20,1908-10-01,USA\\nKäfer,NA,1938-05-26,Europe\\n');
await writeFile('events.jsonl', '{"kind":"click","at":"2024-02-29T13:05Z","ms":3,"page":1}\\n');
await writeFile('data_batch_1.bin', Buffer.alloc(2 * 3073));
await writeFile('data_batch_2.bin.gz', gzipSync(Buffer.alloc(3073)));
await save(nn.sequential([784], nn.linear(784, 10)), 'mnist.safetensors', { metadata: { epoch: '5' } });

async function run(title: string, example: () => Promise<void>): Promise<void> {
  try {
    await example();
    console.log('RAN ' + title);
  } catch (error) {
    console.log('FAILED ' + title + ': ' + String(error));
  }
}
${run.join('\n')}
`;
}

describe('the examples in docstrings', () => {
  const compiled = new Compiled();
  let folder: string;
  beforeAll(() => {
    // Inside the project, so that 'anneal' is found.
    mkdirSync(join(root, '.cache'), { recursive: true });
    folder = mkdtempSync(join(root, '.cache', 'docstrings-'));
    writeFileSync(join(folder, 'docstrings.ts'), program());
    copyFileSync(join(root, 'test/tables/fixtures/people.parquet'), join(folder, 'people.parquet'));
    writeFileSync(join(folder, 'people.arrow'), tableToIPC(tableFromArrays({ id: [1, 2], age: [20, null], city: ['Oslo', 'Bergen'] })));
  });
  afterAll(() => {
    compiled.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  // What compiles does so in every mode.
  test.runIf(process.env['ANNEAL_DEBUG'] !== '1')('compile', () => {
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.json', compilerOptions: { noUnusedLocals: false, noUnusedParameters: false }, include: ['*.ts'] }));
    const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { timeout: 60_000, encoding: 'utf8' });
    expect(status === 0 ? '' : stdout.replace(/.*docstrings\.ts\((\d+),\d+\)/g, (at, line) => `${titleAt(Number(line))}: ${at}`)).toBe('');
  });

  test('run', async () => {
    const output = execFileSync(process.execPath, [await compiled.script(join(folder, 'docstrings.ts'))], { cwd: folder, timeout: 120_000, encoding: 'utf8' });
    expect(output.split('\n').filter((line) => line.startsWith('FAILED'))).toEqual([]);
    expect(output.match(/^RAN /gm)?.length).toBe(examples.length);
  });

  /** The docstring of the example at a line of the program. */
  function titleAt(line: number): string {
    const before = program().split('\n').slice(0, line).findLast((text) => text.startsWith('/** src/'));
    return before?.slice(4, -3) ?? 'the surroundings';
  }
});
