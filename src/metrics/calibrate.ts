import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { checkOptions } from '../options.js';
import { CalibrationSums } from './calibration.js';
import { checkLabels } from './scores.js';

/** Logits of examples that were not trained on, and their labels. */
export interface LabelledLogits {
  /** [N][C], as `await outputs.array()` has them; or one output an example, [N] or [N][1], which says yes or no. */
  readonly logits: ArrayLike<number> | ArrayLike<ArrayLike<number>>;
  /** Class indices; of one output 1 and 0. */
  readonly labels: ArrayLike<number | boolean>;
}

/** Quality of probabilities before and after logits are divided by the temperature. */
export interface BeforeAfter {
  readonly before: number;
  readonly after: number;
}

/** A temperature, and what it changes on the examples that it was fitted on. */
export interface Calibration {
  readonly temperature: number;
  /** Mean cross-entropy, in nats. */
  readonly loss: BeforeAfter;
  /** Expected calibration error of the predicted class, with 15 bins. */
  readonly error: BeforeAfter;
}

const OP = 'metrics.calibrate';
/** Inverse temperatures are looked for between these. */
const [LEAST, GREATEST] = [1e-4, 1e4];

/**
 * Temperature scaling: finds T for which the mean cross-entropy of softmax(logits / T) is the smallest, so that probabilities mean what they say; which class is the greatest stays. For examples that were not trained on. The loss is convex in 1 / T,
 * whose derivative's root is found by bisection. Source: Guo et al., arXiv:1706.04599.
 *
 *     const logits = [[4, 0], [5, 0], [0, 6], [3, 0], [0, 4]];
 *     const { temperature } = metrics.calibrate({ logits, labels: [0, 0, 1, 1, 1] });
 *     const calibrated = new Predictor(model, { temperature });
 *
 * Throws ArgumentError for logits that are not finite, labels out of range, and where no temperature is the best: all are classified rightly, or labels agree with logits no more than by chance.
 */
export function calibrate(given: LabelledLogits, options: Record<string, never> = {}): Calibration {
  checkOptions(OP, options, []);
  const { logits, labels } = given ?? {};
  if (logits?.length === undefined || labels?.length === undefined) throw new ArgumentError(`[${OP}] got ${describeValue(given)}, expected { logits, labels }. Read a tensor first: await outputs.array().`, { op: OP });
  checkLabels(OP, 'logits', logits.length, labels);
  if (logits.length === 0) throw new ArgumentError(`[${OP}] logits: got none, expected those of at least one example.`, { op: OP });
  const rows = Array.from(logits as ArrayLike<number | ArrayLike<number>>, (row, i) => logitsOf(row, i));
  const right = Array.from(labels, (label, i) => labelOf(label, i, rows[i]!.length));
  const inverse = bestInverse(rows, right);
  const [before, after] = [qualityOf(rows, right, 1), qualityOf(rows, right, inverse)];
  return { temperature: 1 / inverse, loss: { before: before.loss, after: after.loss }, error: { before: before.error, after: after.error } };
}

/** Logits of all classes; one output is that of yes beside a no of 0. */
function logitsOf(row: number | ArrayLike<number>, i: number): Float64Array {
  const values = typeof row === 'number' ? Float64Array.of(row) : Float64Array.from(row ?? []);
  if (values.length >= 1 && values.every(Number.isFinite)) return values.length === 1 ? Float64Array.of(0, values[0]!) : values;
  throw new ArgumentError(`[${OP}] logits[${i}]: got ${values.length === 0 ? describeValue(row) : `[${values.join(', ')}]`}, expected finite numbers, one a class. Probabilities become logits by their logarithm.`, { op: OP });
}

function labelOf(label: unknown, i: number, classes: number): number {
  const index = Number(label);
  if (Number.isInteger(index) && index >= 0 && index < classes) return index;
  throw new ArgumentError(`[${OP}] labels[${i}]: got ${describeValue(label)}, expected an integer in [0, ${classes}).`, { op: OP });
}

/** The 1 / T at which the derivative of the loss by it, the mean of E_p[z] - z[label], is 0. */
function bestInverse(rows: readonly Float64Array[], labels: readonly number[]): number {
  const slope = (inverse: number): number => rows.reduce((sum, row, i) => sum + probabilitiesOf(row, inverse).reduce((mean, p, c) => mean + p * row[c]!, 0) - row[labels[i]!]!, 0);
  if (slope(LEAST) >= 0) throw new ArgumentError(`[${OP}] no temperature is the best: got labels that agree with the logits no more than by chance, expected those of these examples. Check that both are in one order.`, { op: OP });
  if (slope(GREATEST) <= 0) throw new ArgumentError(`[${OP}] no temperature is the best: got ${rows.length} examples that are all classified rightly, expected some that are not. Take more of them, which the model was not trained on.`, { op: OP });
  let [low, high] = [LEAST, GREATEST];
  while (high / low > 1 + 1e-12) {
    const middle = Math.sqrt(low * high);
    if (slope(middle) < 0) low = middle;
    else high = middle;
  }
  return low;
}

function probabilitiesOf(row: Float64Array, inverse: number): Float64Array {
  const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = row.map((logit) => Math.exp((logit - most) * inverse));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

function qualityOf(rows: readonly Float64Array[], labels: readonly number[], inverse: number): { readonly loss: number; readonly error: number } {
  const sums = new CalibrationSums(15);
  let loss = 0;
  for (const [i, row] of rows.entries()) {
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const probabilities = probabilitiesOf(row, inverse);
    loss += (most - row[labels[i]!]!) * inverse - Math.log(probabilities.reduce((a, b) => Math.max(a, b), 0));
    const predicted = row.indexOf(most);
    sums.add(probabilities[predicted]!, Number(predicted === labels[i]));
  }
  return { loss: loss / rows.length, error: sums.curve().error };
}
