import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { KernelFigure } from './kernels.js';
import type { Machine } from './machine.js';
import { geometricMean } from './statistics.js';
import type { ServingFigure } from './serving.js';
import type { Figure } from './steps.js';
import { short } from './table.js';
import type { Workload } from './workloads.js';

const root = dirname(import.meta.dirname);
const results = join(import.meta.dirname, 'results');
const [BEGIN, END] = ['<!-- figures, written by: npm run bench -- readme -->', '<!-- end of figures -->'];

/** The pages with figures, and the sections of each: the README has what a user would ask first. */
export const figurePages: Readonly<Record<string, () => readonly (string | undefined)[]>> = {
  'README.md': () => [newest('steps'), newest('images'), newest('language'), kernels(firstAsked)],
  'docs/benchmarks.md': () => [steps('steps', '-avx512'), steps('steps'), steps('images', '-avx512'), steps('images'), steps('language', '-avx512'), steps('language'), steps('generation', '-avx512'), steps('generation'), ...[overhead, startup, loopDelay].flatMap((section) => [section('-avx512'), section('')])],
  'docs/kernels.md': () => [kernels(() => true), functions()],
  'docs/serving.md': () => [serving('-avx512'), serving('')],
};

/** Kernels that most of a training step's time goes into, of the newest kind of CPU. */
const FIRST_ASKED: readonly (readonly [family: string, group: string])[] = [
  ['gemm-avx512', 'large squares'],
  ['gemm-avx512', 'MLP forward'],
  ['gemm-avx512', 'MLP input gradient'],
  ['gemm-avx512', 'MLP weight gradient'],
  ['epilogue-avx512', 'bias and relu'],
  ['math-avx512', 'functions'],
  ['pointwise', 'chains out of cache'],
  ['reduce', 'out of cache'],
  ['softmax-avx512', 'cross-entropy and its gradient'],
  ['optimizers-avx512', 'Adam'],
];

function firstAsked(family: string, group: string): boolean {
  return FIRST_ASKED.some(([f, g]) => f === family && g === group);
}

/** Writes the figures in results/ into the pages, so that none is typed by hand. */
export function writePages(): void {
  for (const page of Object.keys(figurePages)) {
    const file = join(root, page);
    writeFileSync(file, withFigures(page, readFileSync(file, 'utf8')));
  }
}

/** A page's text with the figures that results/ has now. */
export function withFigures(page: string, text: string): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${page} lacks ${BEGIN} and ${END}`);
  const sections = figurePages[page]!().filter((section) => section !== undefined);
  const up = page.includes('/') ? '../' : '';
  return `${text.slice(0, begin)}${BEGIN}\n\n${sections.join('\n\n').replaceAll('](bench/', `](${up}bench/`)}\n\n${text.slice(end)}`;
}

function read<R>(name: string): (R & { readonly machine: Machine }) | undefined {
  const file = join(results, `${name}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as R & { readonly machine: Machine }) : undefined;
}

const source = (name: string, command = name): string => `\`npm run bench -- ${command}\`, [bench/results/${name}.json](bench/results/${name}.json)`;
const place = ({ cpu, cores, node, compiler }: Machine): string => `${cores} cores of an ${cpu}, Node.js ${node.slice(1)}, g++ ${compiler}`;
const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const newest = (bench: StepsBench): string | undefined => steps(bench, '-avx512') ?? steps(bench);

function steps(bench: StepsBench, suffix = ''): string | undefined {
  const file = `${bench}${suffix}`;
  const found = read<{ torch: readonly string[]; rounds: number; workloads: (Workload & { figures: Figure[] })[] }>(file);
  if (found === undefined) return undefined;
  const rows = found.workloads.map(({ name, unit = 'ms', makes, figures }) => {
    const shown = (ms: number): string => (makes === undefined ? short(ms * (unit === 'us' ? 1000 : 1)) : ((1000 * makes) / ms).toFixed(0));
    const cells = [1, 2].flatMap((threads) => {
      const of = (side: string): Figure | undefined => figures.find((f) => f.side === side && f.threads === threads);
      const ms = (side: string): string => (of(side) === undefined ? '' : shown(of(side)!.msMedian));
      const ratio = (side: string): string => (of(side)?.ratio === undefined ? '' : `${short(of(side)!.ratio!)}x`);
      const mark = 2 * (of('loop')?.elsewhere ?? 0) > found.rounds ? ' †' : '';
      return [both(ms('loop'), ms('fit')) + mark, ms('torch') + mark, both(ratio('loop'), ratio('fit'))];
    });
    const peaks = STEPS[bench].peaks ? ['loop', 'torch'].map((side) => figures.find((f) => f.side === side && f.threads === 1)?.peakMegabytes.toFixed(0) ?? '') : [];
    return [unit === 'us' && makes === undefined ? `${name}, µs` : name, ...cells, ...peaks];
  });
  const head = ['', 'anneal, 1 thread', 'PyTorch', 'faster by', 'anneal, 2 threads', 'PyTorch', 'faster by', ...(STEPS[bench].peaks ? ['peak memory, MB', 'PyTorch'] : [])];
  const page: StepsPage = STEPS[bench];
  return (
    `${page.what}, ${page.unit ?? 'median ms'}, beside the fastest of the configurations of PyTorch ${found.torch.join(' and ')} that we know how to make ` +
    `(${page.configurations}; OpenBLAS as what it detects and as older CPUs, BLIS; tuned malloc), found anew for each line. Both sides took turns in one run on ${place(found.machine)}. ` +
    `${page.more}†: the host of this virtual machine had put the two CPUs on one core, or on cores that share no cache. ${source(file, bench)}.\n\n${markdown(head, rows)}`
  );
}

type StepsBench = keyof typeof STEPS;

interface StepsPage {
  readonly what: string;
  readonly unit?: string;
  readonly configurations: string;
  /** True where the page shows the peaks of memory. */
  readonly peaks: boolean;
  readonly more: string;
}

const STEPS = {
  steps: {
    what: 'A step (zero grad, forward, loss, backward, Adam; MLP is 784-512-256-10)',
    configurations: 'eager, traced, compiled, flat parameters, fused Adam',
    peaks: false,
    more: 'Where there are two figures, the first is the explicit loop and the second `Trainer.fit`. Adam is the optimizer alone; cross-entropy is the loss and its gradient. ',
  },
  images: {
    what: 'A step of convolutional networks, and what one image takes in evaluation (LeNet of 1x28x28, ResNet-14 of 3x32x32, ResNet-18 of 3x224x224)',
    configurations: 'eager, traced, compiled; channels last or not; with and without oneDNN; flat parameters, fused Adam; models prepared for inference',
    peaks: true,
    more: 'Peak memory is that of the whole process on one thread, Node.js or Python included. ',
  },
  language: {
    what: 'A step of GPTs (forward, loss, backward, clipping, AdamW; 64 or 256 characters of context, 12 texts)',
    configurations: 'eager, traced, compiled; attention fused or as products; flat parameters, fused AdamW',
    peaks: true,
    more: 'Peak memory is that of the whole process on one thread, Node.js or Python included. ',
  },
  generation: {
    what: 'Tokens that GPTs write in a second, each the likeliest, keys and values kept (4 layers of width 128 and context 64; 6 of 384 and 256; 12 of 768 and 1,024 with a vocabulary of 50,257)',
    unit: 'median',
    configurations: 'eager, traced, compiled; keys and values in buffers or joined; attention fused or as products',
    peaks: true,
    more: 'Peak memory is that of the whole process on one thread, Node.js or Python included. ',
  },
} satisfies Record<string, StepsPage>;

const both = (a: string, b: string): string => (b === '' ? a : `${a} · ${b}`);

function kernels(isShown: (family: string, group: string) => boolean): string | undefined {
  const folder = join(results, 'kernels');
  const families = existsSync(folder) ? readdirSync(folder).map((file) => basename(file, '.json')).sort() : [];
  const rows = families.flatMap((family) => {
    const { cases, machine } = read<{ cases: KernelFigure[] }>(`kernels/${family}`)!;
    const groups = [...new Set(cases.map(({ group }) => group))].filter((group) => isShown(family, group));
    return groups.map((group) => {
      const cells = [1, 2].flatMap((threads) => {
        const here = cases.filter((c) => c.group === group && c.threads === threads);
        return [mean(here.flatMap(({ againstPeers }) => againstPeers ?? []), 'x'), mean(here.flatMap(({ ofLimit }) => ofLimit ?? []), '%')];
      });
      return [`[${family}](bench/results/kernels/${family}.json)`, group, machine.target, ...cells];
    });
  });
  if (rows.length === 0) return undefined;
  const head = ['kernels', '', 'target', 'fastest peer, 1 thread', 'of the limit', 'fastest peer, 2 threads', 'of the limit'];
  return (
    'Kernels beside what an expert would call instead (OpenBLAS, BLIS and oneDNN for products, SLEEF for functions), geometric means over shapes of the fastest peer\'s time over ours, and ' +
    'the share of what the machine allows, measured in the same rounds: the peak of fused multiply-adds, or a plain loop over the same arrays. `npm run bench -- kernels`.\n\n' +
    markdown(head, rows)
  );
}

function mean(values: readonly number[], unit: 'x' | '%'): string {
  if (values.length === 0) return '';
  return unit === 'x' ? `${geometricMean(values).toFixed(2)}x` : `${(100 * geometricMean(values)).toFixed(0)} %`;
}

/** Accuracy of the functions, which a test by all floats measures. */
function functions(): string | undefined {
  const file = join(results, 'ulp.json');
  if (!existsSync(file)) return undefined;
  const { functions: found } = JSON.parse(readFileSync(file, 'utf8')) as { functions: Record<string, { ulp: number; ofOne: boolean; target: string }> };
  const rows = Object.entries(found).map(([name, { ulp, ofOne, target }]) => [name, `${short(ulp)}${ofOne ? ' of 1' : ''}`, target]);
  return `Largest error of each function over all floats, in units of the last place. \`npm run test:ulp\`, [bench/results/ulp.json](bench/results/ulp.json).\n\n${markdown(['function', 'ULP', 'target'], rows)}`;
}

function overhead(suffix: string): string | undefined {
  const found = read<{ figures: Record<string, { unit: string; median: number }> }>(`overhead${suffix}`);
  if (found === undefined) return undefined;
  const costs = Object.entries(found.figures).map(([what, { unit, median }]) => `${what} ${short(median)} ${unit === 'us' ? 'µs' : unit}`);
  return `What things cost (medians, ${found.machine.target}): ${costs.join('; ')}. ${source(`overhead${suffix}`, 'overhead')}.`;
}

function startup(suffix: string): string | undefined {
  type Times = { readonly median: number };
  const found = read<{ nodeAlone: Times; firstStep: Times; torchFirstStep?: Times; peakMb: Record<string, number> }>(`startup${suffix}`);
  if (found === undefined) return undefined;
  const { nodeAlone, firstStep, torchFirstStep, peakMb, machine } = found;
  const torch = torchFirstStep === undefined ? '' : `, PyTorch's ${short(torchFirstStep.median)} ms`;
  const memory = Object.entries(peakMb).map(([who, mb]) => `${who} ${mb.toFixed(0)} MB`);
  return (
    `From the start of a process to the end of its first step, over 60,000 images in memory (${machine.target}): ${short(firstStep.median)} ms, of which Node.js alone takes ${short(nodeAlone.median)} ms${torch}. ` +
    `Peak of resident memory, one epoch of MNIST: ${memory.join(', ')}. ${source(`startup${suffix}`, 'startup')}.`
  );
}

function loopDelay(suffix: string): string | undefined {
  type Spread = { readonly p99: number; readonly max: number };
  const found = read<{ cases: { name: string; msPerStep: number | null; timer: Spread; http: Spread }[] }>(`loop-delay${suffix}`);
  if (found === undefined) return undefined;
  const cases = found.cases.map(({ name, timer, http }) => `${name} ${short(http.p99)} ms and ${short(timer.max)} ms`);
  const step = Math.max(...found.cases.map(({ msPerStep }) => msPerStep ?? 0));
  return `While a model with steps of ${step.toFixed(0)} ms trains in the same process (${found.machine.target}), the 99th percentile of an HTTP server's answers, and how late a 10 ms timer comes at most: ${cases.join('; ')}. ${source(`loop-delay${suffix}`, 'loop-delay')}.`;
}

const TRAINS = { nothing: 'nothing trains', here: 'trains in the same thread', worker: 'trains in a worker' } as const;

function serving(suffix: string): string | undefined {
  const found = read<{ loadBefore: number; cases: ServingFigure[] }>(`serving${suffix}`);
  if (found === undefined) return undefined;
  const { cases, machine, loadBefore } = found;
  const rows = Object.entries(TRAINS).map(([train, name]) => [name, ...cases.filter((one) => one.train === train).flatMap(({ p50, p99, max }) => [short(p50), short(p99), short(max)])]);
  const threads = [...new Set(cases.map((one) => one.threads))].flatMap((count) => [`${count} thread${count === 1 ? '' : 's'}: p50`, 'p99', 'most']);
  const busy = loadBefore < 1 ? '' : ` The machine had other work (a load of ${loadBefore.toFixed(0)} before it began), so these are upper limits.`;
  return (
    `Milliseconds from asking for one row over HTTP to the end of the answer, by one client on the same machine that keeps its connection, while \`examples/serve.ts\` trains a model of 256 units on 12,000 loans in steps of 128, and while it does not. ` +
    `${place(machine)}.${busy} ${source(`serving${suffix}`, 'serving')}.\n\n${markdown(['', ...threads], rows)}`
  );
}
