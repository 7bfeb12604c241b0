import { checkOptions } from '../options.js';
import { draw } from '../plot/draw.js';
import type { Panel, PlotOptions, Point } from '../plot/figure.js';
import type { BatchSizeReport } from './batch-size.js';
import { show } from './range-test.js';

const MEGABYTE = 2 ** 20;

/** Throughput, time to a given loss, memory: one panel each over the batch size. */
export function plotAdvice({ batchSize, reason, noiseScale: { value }, sizes, memory }: Omit<BatchSizeReport, 'plot' | 'toString'>, options: PlotOptions = {}): string {
  checkOptions('adviseBatchSize.plot', options, ['title', 'width', 'height']);
  const x = { name: 'batch size', scale: 'log2' as const };
  const over = (of: (size: (typeof sizes)[number]) => number): Point[] => sizes.map((size) => [size.batchSize, of(size)]);
  const advised = { x: batchSize, text: `advised: ${batchSize}` };
  const [first, last] = [sizes[0]!.batchSize, sizes.at(-1)!.batchSize];
  const noise = value >= first && value <= last ? [{ x: value, text: `noise scale: ${show(value)}` }] : [];
  const panels: Panel[] = [
    { title: 'Throughput on this machine', x, y: { name: 'examples per second' }, lines: [{ name: 'examples per second', points: over((size) => size.examplesPerSecond) }], marks: [{ x: batchSize }] },
    { title: 'Time to a given loss', x, y: { name: 'relative to the best', scale: 'log' }, lines: [{ name: 'estimated time', points: over(({ relativeTime }) => relativeTime) }], marks: [advised, ...noise] },
    {
      title: 'Memory',
      x,
      y: { name: 'MB', scale: 'log' },
      lines: [
        { name: 'temporaries of a step', points: over(({ temporaryBytes }) => temporaryBytes / MEGABYTE) },
        { name: 'whole process', points: over(({ residentBytes }) => residentBytes / MEGABYTE) },
      ],
      marks: [{ y: memory / MEGABYTE, text: 'available' }],
    },
  ];
  return draw({ title: 'Batch size', subtitle: reason, panels }, options);
}
