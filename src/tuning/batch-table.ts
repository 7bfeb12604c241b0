import { table } from '../nn/summary-text.js';
import { withUnit } from '../with-unit.js';
import type { BatchSizeReport } from './batch-size.js';

/** A line for each size that was measured, and the advice. */
export function tableOfSizes({ batchSize, reason, sizes }: Pick<BatchSizeReport, 'batchSize' | 'reason' | 'sizes'>): string {
  const head = ['batch size', 'examples/s', 'time to a loss', 'temporaries', 'process', ''];
  const rows = sizes.map((size) => [
    String(size.batchSize),
    withUnit(Number(size.examplesPerSecond.toPrecision(3)), ''),
    `${size.relativeTime.toFixed(2)}x`,
    withUnit(size.temporaryBytes, 'B'),
    withUnit(size.residentBytes, 'B'),
    size.batchSize === batchSize ? 'advised' : '',
  ]);
  return [...table([head, ...rows], 0), '', reason].join('\n');
}
