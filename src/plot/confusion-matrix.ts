import { ArgumentError } from '../errors.js';
import { checkOptions } from '../options.js';
import { describeValue } from '../describe-value.js';
import { draw } from './draw.js';
import type { PlotOptions } from './figure.js';

export interface ConfusionMatrixPlotOptions extends PlotOptions {
  /** Names of the classes, in their order. Default: their numbers. */
  readonly classes?: readonly string[] | undefined;
}

const OP = 'plot.confusionMatrix';
const LONGEST_NAME = 10;

/**
 * Draws how often each class was taken for each, as an SVG picture: right classes down, predicted ones across. A square is the
 * darker the greater its share of its row, so that the diagonal shows the recall of each class.
 *
 *     const { confusionMatrix } = await trainer.evaluate(test);          // with metrics.confusionMatrix()
 *     await writeFile('confusion.svg', plot.confusionMatrix(confusionMatrix, { classes: ['cat', 'dog'] }));
 *
 * Takes rows of counts, too, as sklearn.metrics.confusion_matrix gives them. Throws ArgumentError for what is not square, or names of another number;
 * AnnealError (ANNEAL_OPTIONAL_MISSING) without echarts.
 */
export function confusionMatrix(matrix: { toJSON(): number[][] } | readonly (readonly number[])[], options: ConfusionMatrixPlotOptions = {}): string {
  checkOptions(OP, options, ['classes', 'title', 'width', 'height']);
  const rows = rowsOf(matrix);
  const { classes = rows.map((_, i) => String(i)), ...size } = options;
  if (classes.length !== rows.length) throw new ArgumentError(`[${OP}] classes: got ${classes.length} names for ${rows.length} classes, expected one for each.`, { op: OP });
  const names = classes.map((name) => (name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name));
  const cells = rows.flatMap((counts, row) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    return counts.map((count, column) => ({ row, column, shade: total === 0 ? 0 : count / total, text: count.toLocaleString('en-US') }));
  });
  const right = rows.reduce((sum, counts, i) => sum + counts[i]!, 0);
  const all = rows.flat().reduce((sum, count) => sum + count, 0);
  const subtitle = `${right.toLocaleString('en-US')} of ${all.toLocaleString('en-US')} right${all === 0 ? '' : ` (${((100 * right) / all).toFixed(1)} %)`}. Squares are shaded by their share of the row.`;
  const panels = [{ title: 'right class', x: { name: 'predicted class', categories: names }, y: { name: '', categories: names }, lines: [], cells }];
  return draw({ title: 'Confusion matrix', subtitle, panels }, { width: 560, height: 520, ...Object.fromEntries(Object.entries(size).filter(([, value]) => value !== undefined)) });
}

function rowsOf(matrix: unknown): readonly (readonly number[])[] {
  const rows: unknown = typeof matrix === 'object' && matrix !== null && 'toJSON' in matrix ? (matrix as { toJSON(): unknown }).toJSON() : matrix;
  if (Array.isArray(rows) && rows.length > 0 && rows.every((row) => Array.isArray(row) && row.length === rows.length && row.every((count) => typeof count === 'number'))) return rows as number[][];
  throw new ArgumentError(`[${OP}] the matrix: got ${describeValue(matrix)}, expected what metrics.confusionMatrix() gives, or as many rows of counts as columns.`, { op: OP });
}
