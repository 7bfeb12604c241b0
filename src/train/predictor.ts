import { ClassTarget, ScaledTarget, type TargetKind } from '../tables/target.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { activationOf } from '../losses/output-activation.js';
import { forwardOf, Module, type AnyModule } from '../nn/module.js';
import { exp, sigmoid, softmax } from '../ops/index.js';
import { describeValue } from '../describe-value.js';
import type { ExampleShape } from '../records.js';
import { showShape, type Shape } from '../shape.js';
import { Tensor } from '../tensor.js';
import { Pipeline } from '../tables/pipeline.js';
import type { Row } from '../tables/values.js';
import { inEvaluation } from './evaluation.js';

/** Prediction of a class: the most probable one, and the probability of each. */
export interface ClassPrediction {
  readonly label: string;
  readonly probability: number;
  readonly probabilities: { readonly [label: string]: number };
}

/** Prediction of a number, in the units of the table. */
export interface NumberPrediction {
  readonly value: number;
}

/** Outputs as they are, of a pipeline without a target. */
export interface PlainPrediction {
  readonly outputs: readonly number[];
}

/** Prediction for a row, by the kind of the pipeline's target. */
export type RowPrediction<T extends TargetKind = TargetKind> = T extends 'category' ? ClassPrediction : T extends 'number' ? NumberPrediction : PlainPrediction;

const OP = 'predictRow';

/** A model with the pipeline of its rows: see train.predictor(). */
export class Predictor<T extends TargetKind = TargetKind> {
  readonly model: Module;
  readonly pipeline: Pipeline<ExampleShape, T>;

  constructor(model: Module, pipeline: Pipeline<ExampleShape, T>) {
    this.model = model;
    this.pipeline = pipeline;
  }

  /** Predicts one row. Throws as pipeline.row() does; ShapeError where the outputs do not fit the classes. */
  async row(row: Row): Promise<RowPrediction<T>> {
    const [prediction] = await this.#predict([row]);
    return prediction!;
  }

  /** Predicts several rows in one pass of the model. Throws as row() does. */
  async rows(rows: readonly Row[]): Promise<RowPrediction<T>[]> {
    return this.#predict(rows);
  }

  async #predict(rows: readonly Row[]): Promise<RowPrediction<T>[]> {
    const { model, pipeline } = this;
    const inputs = pipeline.batch(rows) as Tensor;
    const target = pipeline.target$;
    const outputs = inEvaluation(model, () => answersOf(forwardOf(model, inputs), target instanceof ClassTarget ? target.classNames.length : undefined));
    const values = await outputs.data();
    const each = values.length / rows.length;
    return rows.map((_, i) => {
      const own = values.subarray(i * each, (i + 1) * each);
      if (target instanceof ClassTarget) return classPrediction(own, target.classNames);
      if (target instanceof ScaledTarget) return { value: target.decode(numberIn(own, outputs.shape)) };
      return { outputs: [...own] };
    }) as RowPrediction<T>[];
  }
}

/** Probabilities of classes, [N, classes] or [N, 1] of the second of two; and of anything else the outputs. */
function answersOf(outputs: unknown, classes: number | undefined): Tensor {
  if (!(outputs instanceof Tensor)) throw new ArgumentError(`[${OP}] the model: got several outputs, expected one. Give its inputs to predict(): trainer.predict(pipeline.batch(rows)).`, { op: OP });
  if (classes === undefined) return outputs;
  const columns = outputs.shape.length === 2 ? outputs.shape[1] : undefined;
  if (columns !== classes && !(columns === 1 && classes === 2)) {
    throw new ShapeError(`[${OP}] the model: got outputs ${showShape(outputs.shape)}, expected [${outputs.shape[0]},${classes}], one for each class of the pipeline${classes === 2 ? ', or one for the second of two' : ''}. Give the last layer as many outputs.`, { op: OP, shapes: [outputs.shape] });
  }
  const activation = activationOf(outputs);
  if (columns === 1) return activation === 'sigmoid' ? outputs : (sigmoid(outputs) as Tensor);
  if (activation === 'softmax') return outputs;
  return (activation === 'logSoftmax' ? exp(outputs) : softmax(outputs, 1)) as Tensor;
}

function classPrediction(given: ArrayLike<number>, classNames: readonly string[]): ClassPrediction {
  const shares = given.length === classNames.length ? given : [1 - given[0]!, given[0]!];
  let best = 0;
  for (let i = 1; i < classNames.length; i++) if (shares[i]! > shares[best]!) best = i;
  return { label: classNames[best]!, probability: shares[best]!, probabilities: Object.fromEntries(classNames.map((name, i) => [name, shares[i]!])) };
}

function numberIn(values: ArrayLike<number>, shape: Shape): number {
  if (values.length === 1) return values[0]!;
  throw new ShapeError(`[${OP}] the model: got outputs ${showShape(shape)}, expected one number a row, the pipeline's target. Give the last layer one output.`, { op: OP, shapes: [shape] });
}

/**
 * A model with the pipeline of its rows, for serving: objects go in, labels with probabilities or numbers come out, in evaluation mode. It needs no optimizer. Outputs for classes are logits, or probabilities
 * where the model ends with softmax or sigmoid.
 *
 *     const pipeline = await data.pipeline({ columns: { age: data.columns.standardize() }, target: { moved: 'category' } }).fit([{ age: 20, moved: 'yes' }, { age: 40, moved: 'no' }]);
 *     const predictor = train.predictor(nn.sequential([1], nn.linear(1, 2)), pipeline);
 *     const { label, probability } = await predictor.row({ age: 30 });
 *
 * Throws ArgumentError for what is no model or no fitted pipeline.
 */
export function predictor<T extends TargetKind>(model: AnyModule, pipeline: Pipeline<ExampleShape, T>): Predictor<T> {
  if (!((model as unknown) instanceof Module)) throw new ArgumentError(`[train.predictor] model: got ${describeValue(model)}, expected a Module, such as nn.sequential(...).`, { op: 'train.predictor' });
  checkPipeline('train.predictor', pipeline);
  return new Predictor(model as unknown as Module, pipeline);
}

/** Throws ArgumentError for what is no fitted pipeline. */
export function checkPipeline(op: string, pipeline: unknown): void {
  if (pipeline instanceof Pipeline && pipeline.isFitted) return;
  const got = pipeline instanceof Pipeline ? 'one that has learned nothing yet' : describeValue(pipeline);
  throw new ArgumentError(`[${op}] pipeline: got ${got}, expected a fitted data.Pipeline, as data.table() gives it.`, { op });
}
