// Answers for examples: a class with probabilities, a number, or outputs as they are.
import { ArgumentError, ShapeError } from '../errors.js';
import { activationOf } from '../losses/output-activation.js';
import { div, exp, log, log1p, neg, reshape, sigmoid, softmax, sub } from '../ops/index.js';
import type { Tensors } from '../records.js';
import { showShape } from '../shape.js';
import type { TargetKind } from '../tables/target.js';
import { Tensor } from '../tensor.js';

/** Prediction of a class: the chosen one, and the probability of each. */
export interface ClassPrediction {
  /** Name of the class; its number, as text, where classes have no names. */
  readonly label: string;
  /** Number of the class, from 0. */
  readonly index: number;
  /** Probability of that class, as the model has it. */
  readonly probability: number;
  readonly probabilities: { readonly [label: string]: number };
}

/** Prediction of a number, in the units of the table. */
export interface NumberPrediction {
  readonly value: number;
}

/** Outputs as they are, where there are neither classes nor a target. */
export interface PlainPrediction {
  readonly outputs: readonly number[];
}

/** Prediction for a row, by the kind of its target. */
export type RowPrediction<T extends TargetKind = TargetKind> = T extends 'category' ? ClassPrediction : T extends 'number' ? NumberPrediction : PlainPrediction;

/** Throws ArgumentError for a record of outputs. */
export function singleOutput(op: string, outputs: Tensors): Tensor {
  if (outputs instanceof Tensor) return outputs;
  throw new ArgumentError(`[${op}] the model gives a record of outputs: got ${Object.keys(outputs).join(', ')}, expected one tensor. Take predict().`, { op });
}

/** Records probabilities of classes, [N, C], or [N, 1] of the second of two. A softmax or a sigmoid at the end of a model is noticed. */
export function probabilitiesOf(op: string, outputs: Tensor, classes: number | undefined, temperature: number): Tensor {
  const [count, columns = 1] = outputs.shape;
  const expected = classes ?? Math.max(columns, 2);
  if (outputs.shape.length < 1 || outputs.shape.length > 2 || (columns !== expected && !(columns === 1 && expected === 2))) {
    const such = classes === undefined ? '[N, C], or [N, 1] for yes or no' : `[${count ?? 'N'},${classes}], one for each class${classes === 2 ? ', or one for the second of two' : ''}`;
    throw new ShapeError(`[${op}] the outputs are no classes: got ${showShape(outputs.shape)}, expected ${such}. Give the last layer as many outputs, or take predict() for numbers.`, { op, shapes: [outputs.shape] });
  }
  const rows = outputs.shape.length === 1 ? (reshape(outputs, [-1, 1]) as Tensor) : outputs;
  const activation = activationOf(outputs);
  const scaled = (logits: Tensor): Tensor => (temperature === 1 ? logits : (div(logits, temperature) as Tensor));
  if (columns === 1) {
    if (activation !== 'sigmoid') return sigmoid(scaled(rows)) as Tensor;
    return temperature === 1 ? rows : (sigmoid(scaled(sub(log(rows), log1p(neg(rows))) as Tensor)) as Tensor);
  }
  if (temperature === 1 && (activation === 'softmax' || activation === 'logSoftmax')) return activation === 'softmax' ? rows : (exp(rows) as Tensor);
  return softmax(scaled(activation === 'softmax' ? (log(rows) as Tensor) : rows), 1) as Tensor;
}

/** Classes of rows of probabilities as probabilitiesOf() gives them. */
export function classPredictions(values: Float32Array, count: number, classes: readonly string[] | undefined, threshold: number | undefined): ClassPrediction[] {
  const columns = values.length / count;
  const labels = classes ?? Array.from({ length: Math.max(columns, 2) }, (_, i) => String(i));
  return Array.from({ length: count }, (_, row) => {
    const each = columns === 1 ? [1 - values[row]!, values[row]!] : values.subarray(row * columns, (row + 1) * columns);
    const index = chosen(each, threshold);
    return { label: labels[index]!, index, probability: each[index]!, probabilities: Object.fromEntries(labels.map((label, i) => [label, each[i]!])) };
  });
}

/** The greatest; of two classes the second where it is above the threshold. */
function chosen(probabilities: ArrayLike<number>, threshold: number | undefined): number {
  if (probabilities.length === 2 && threshold !== undefined) return Number(probabilities[1]! > threshold);
  let best = 0;
  for (let c = 1; c < probabilities.length; c++) if (probabilities[c]! > probabilities[best]!) best = c;
  return best;
}
