import { ImageFolder } from '../data/image-folder.js';
import { ImageTransform, type EncodedImage } from '../data/image-transform.js';
import { channelAffineOf, checkChannelNormalize, normalized, type Affine, type ChannelNormalize } from '../data/normalize.js';
import { describeList, describeValue } from '../describe-value.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { inspected, labelled, type Inspect } from '../inspect.js';
import { inputDType } from '../nn/input-dtype.js';
import { forwardOf, Module, type AnyModule, type Inputs } from '../nn/module.js';
import { Sequential } from '../nn/sequential.js';
import type { Batched, ShapeFunction, TakesBatch } from '../nn/shape-mismatch.js';
import { fromArray } from '../ops/leaf.js';
import { checkOptions, withoutUndefined } from '../options.js';
import type { Parameter } from '../parameter.js';
import { isRecord, isTensorRecord, mapTensors, rowsOf, showExampleShape, type BatchTensors, type ExampleShape, type Tensors } from '../records.js';
import { sameShape, showShape, sizeOf, type Shape } from '../shape.js';
import { Pipeline } from '../tables/pipeline.js';
import { ScaledTarget, type TargetKind } from '../tables/target.js';
import type { Row } from '../tables/values.js';
import { Tensor } from '../tensor.js';
import { inEvaluation, predict } from './evaluation.js';
import { classPredictions, probabilitiesOf, singleOutput, type ClassPrediction, type RowPrediction } from './prediction.js';
import type { Source } from './sources.js';
import type { PredictOptions } from './trainer.js';

/** Parts of a model that is used, besides its weights; all of it is saved with them. */
export interface PredictorOptions<T extends TargetKind = TargetKind> {
  /** The fitted pipeline that makes inputs of rows of a table, as data.table() gives it. */
  readonly pipeline?: Pipeline<ExampleShape, T> | undefined;
  /** Names of the classes, in the order of their numbers; two where one output says yes or no. Default: those of the pipeline's target. */
  readonly classes?: readonly string[] | undefined;
  /** The folder of images that the model was trained on, or its transform: examples are images then, as paths or as the bytes of files, and classes are called as the folder's. */
  readonly images?: ImageFolder | ImageTransform | undefined;
  /** Mean and deviation by which tensors are normalised on their way in, as data sets with this option do it: uint8 ones on values scaled to 0..1. Data sets are left as they are. */
  readonly normalize?: ChannelNormalize | undefined;
  /** The number that logits are divided by before they become probabilities, as metrics.calibrate() finds it. Default 1. */
  readonly temperature?: number | undefined;
  /** The probability above which the second of two classes is chosen, as metrics.bestThreshold() finds it. Default 0.5. */
  readonly threshold?: number | undefined;
}

/** One example: a row of a table where there is a pipeline, an image where there are such, else its numbers, row-major; they are int32 for a chain that begins with an embedding, and in Int32Arrays for a model of one's own. */
export type Example = Row | ArrayLike<number> | EncodedImage;

type AnyInputs<I extends ExampleShape, S extends Shape> = (I extends Shape ? Tensor<S> & TakesBatch<I, S> : Inputs<I>) | Source<I> | readonly Example[];
type Outputs<S extends Shape, O extends ExampleShape> = O extends Shape ? Tensor<Batched<S, O>, 'float32'> : BatchTensors<O, { readonly [K in keyof O]: 'float32' }>;

const OP = 'Predictor';
const OPTIONS = ['pipeline', 'images', 'classes', 'normalize', 'temperature', 'threshold'] as const;

/**
 * A model with what its use takes: a pipeline of rows, names of classes, a temperature and a threshold. It predicts in evaluation mode, whatever mode the model is in, and while the model trains; it needs no optimizer. loadModel() gives
 * one, save() makes one file of it.
 *
 *     const predictor = new Predictor(model, { classes: ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'] });
 *     const [first] = await predictor.classify(test);
 *     console.log(first!.label, first!.probability);
 *
 * Throws ArgumentError for what is no model, for classes or a pipeline that do not fit it, and options that are wrong; AnnealError for an unknown option.
 */
export class Predictor<T extends TargetKind = TargetKind, I extends ExampleShape = ExampleShape, O extends ExampleShape = Shape> {
  readonly model: Module;
  readonly pipeline: Pipeline<ExampleShape, T> | undefined;
  readonly images: ImageTransform | undefined;
  /** Names of the classes; undefined where there are none. */
  readonly classes: readonly string[] | undefined;
  readonly normalize: ChannelNormalize | undefined;
  readonly temperature: number;
  /** Undefined: the greater one of two classes is chosen. */
  readonly threshold: number | undefined;
  readonly #affines: { readonly bytes: Affine; readonly floats: Affine } | undefined;

  constructor(model: Module<I, O, ShapeFunction>, options: PredictorOptions<T> = {}) {
    checkOptions(OP, options, OPTIONS);
    const { classes, pipeline, images, normalize, temperature = 1, threshold } = options;
    if (!(model instanceof Module)) throw invalid('the model', model, 'a Module, such as nn.sequential(...)');
    this.model = model as unknown as Module;
    if (pipeline !== undefined) checkPipeline(OP, pipeline);
    if (images !== undefined && !(images instanceof ImageFolder || images instanceof ImageTransform)) throw invalid('images', images, 'what data.fromImageFolder() gave, or its transform');
    const [first, second] = Object.entries({ pipeline, images, normalize }).flatMap(([name, value]) => (value === undefined ? [] : [name]));
    if (second !== undefined) throw new ArgumentError(`[${OP}] ${second}: got it beside ${first}, expected one of them, as it makes all of the inputs. Leave it out.`, { op: OP });
    this.pipeline = pipeline;
    this.images = images instanceof ImageFolder ? images.transform : images;
    checkInputs(this.model, pipeline ?? this.images);
    this.classes = checkClasses(classes ?? pipeline?.classNames ?? (images as Partial<ImageFolder> | undefined)?.classNames, pipeline, widthOf(this.model));
    this.#affines = normalize === undefined ? undefined : affinesOf(normalize);
    this.normalize = structuredClone(normalize);
    if (!(typeof temperature === 'number' && temperature > 0 && temperature < Infinity)) throw invalid('temperature', temperature, 'a number above 0');
    if (threshold !== undefined && !(typeof threshold === 'number' && threshold >= 0 && threshold <= 1)) throw invalid('threshold', threshold, 'a probability in [0, 1]');
    if (threshold !== undefined && this.classes !== undefined && this.classes.length > 2) throw invalid('threshold', threshold, `none beside ${this.classes.length} classes, of which the greatest is chosen`);
    this.temperature = temperature;
    this.threshold = threshold;
  }

  /** Kind of what row() answers: a class where classes have names, a number where the pipeline's target is one, else outputs. */
  get kind(): TargetKind {
    return this.classes !== undefined ? 'category' : this.pipeline?.target$ instanceof ScaledTarget ? 'number' : 'none';
  }

  /**
   * Predicts one example, a row of the table where there is a pipeline, else an array of its numbers: a label with probabilities, a number in the units of the table, or outputs.
   *
   *     const predictor = new Predictor(nn.sequential([2], nn.linear(2, 2)), { classes: ['no', 'yes'] });
   *     console.log(await predictor.row([0.5, 0.25]));                         // { label: 'yes', index: 1, probability: ..., probabilities: { no: ..., yes: ... } }
   *
   * Throws ArgumentError for what is no example, ShapeError where the outputs do not fit the classes, and as pipeline.row().
   */
  async row(example: Example): Promise<RowPrediction<T>> {
    return (await this.#rows('predictor.row', [example]))[0]!;
  }

  /** Predicts several examples in one pass of the model. Throws as row() does. */
  async rows(examples: readonly Example[]): Promise<RowPrediction<T>[]> {
    return this.#rows('predictor.rows', examples);
  }

  /**
   * Returns what the model makes of a tensor [N, ...], a record of tensors, the inputs of a dataset, or an array of examples as row() takes them: outputs as they are with the batch in front, as trainer.predict() gives them.
   *
   *     const predictor = new Predictor(model);
   *     const outputs = await predictor.predict(test);                         // [20, 10]
   *
   * Throws as Trainer.predict() and row().
   */
  async predict<S extends Shape>(inputs: AnyInputs<I, S>, options: PredictOptions = {}): Promise<Outputs<S, O>> {
    checkOptions('predict', options, ['batchSize']);
    return (await this.#outputs('predict', inputs, options, (outputs) => outputs)) as unknown as Outputs<S, O>;
  }

  /**
   * Returns the class of each example: of outputs [N, C] the one of the greatest probability, softmax(logits / temperature), and of outputs [N, 1] yes or no by sigmoid(logit / temperature). A softmax or a sigmoid at the end of a model
   * is noticed. Takes what predict() takes.
   *
   *     const predictor = new Predictor(model);
   *     for (const { index, probability } of await predictor.classify(test, { batchSize: 10 })) console.log(index, probability);
   *
   * Throws ShapeError for outputs that are no classes, else as predict().
   */
  async classify<S extends Shape>(inputs: AnyInputs<I, S>, options: PredictOptions = {}): Promise<ClassPrediction[]> {
    const op = 'classify';
    checkOptions(op, options, ['batchSize']);
    const probabilities = (await this.#outputs(op, inputs, options, (outputs) => this.#probabilities(op, outputs))) as Tensor;
    return classPredictions((await probabilities.data()) as Float32Array, rowsOf(probabilities), this.classes, this.threshold);
  }

  /** The model's own, by which save() makes a file of it. */
  stateDict(): Map<string, Parameter> {
    return this.model.stateDict();
  }

  /** Everything but the model, as JSON. */
  toJSON(): object {
    const { classes, pipeline, images, normalize, temperature, threshold } = this;
    return withoutUndefined({ classes, pipeline: pipeline?.toJSON(), images: images?.toJSON(), normalize, temperature: temperature === 1 ? undefined : temperature, threshold });
  }

  [inspected](depth: number, options: object, inspect: Inspect): string {
    return labelled(OP, { model: String(this.model), ...this.toJSON() }, depth, options, inspect);
  }

  async #rows(op: string, examples: readonly Example[]): Promise<RowPrediction<T>[]> {
    const { kind, classes, threshold } = this;
    if (!Array.isArray(examples)) throw new ArgumentError(`[${op}] the examples: got ${describeValue(examples)}, expected an array of them.`, { op });
    const batch = await this.#batch(op, examples);
    const recorded = inEvaluation(this.model, () => {
      const outputs = forwardOf(this.model, this.#normalized(batch));
      return kind === 'category' ? this.#probabilities(op, outputs) : singleOutput(op, outputs);
    });
    const values = (await recorded.data()) as Float32Array;
    if (kind === 'category') return classPredictions(values, examples.length, classes, threshold) as RowPrediction<T>[];
    const each = values.length / examples.length;
    const target = this.pipeline?.target$;
    return examples.map((_, i) => (target instanceof ScaledTarget ? { value: target.decode(numberIn(op, values, i, recorded.shape)) } : { outputs: [...values.subarray(i * each, (i + 1) * each)] })) as RowPrediction<T>[];
  }

  #probabilities(op: string, outputs: Tensors): Tensor {
    return probabilitiesOf(op, singleOutput(op, outputs), this.classes?.length, this.temperature);
  }

  async #outputs(op: string, inputs: unknown, { batchSize }: PredictOptions, finish: (outputs: Tensors) => Tensors): Promise<Tensors> {
    const source = Array.isArray(inputs) ? await this.#batch(op, inputs) : inputs;
    const prepared = source instanceof Tensor || isTensorRecord(source);
    return predict(this.model, source, batchSize, (batch) => finish(forwardOf(this.model, prepared ? this.#normalized(batch) : batch)));
  }

  /** Examples as a tensor, or a record of tensors. */
  #batch(op: string, rows: readonly unknown[]): Tensors | Promise<Tensors> {
    if (rows.length === 0) throw new ArgumentError(`[${op}] the examples: got none, expected at least one.`, { op });
    if (this.pipeline !== undefined) return this.pipeline.batch(rows as readonly Row[]) as Tensors;
    if (this.images !== undefined) return this.images.batch(rows as readonly EncodedImage[], op);
    const shape = this.model instanceof Sequential ? this.model.input : undefined;
    const length = shape === undefined ? lengthOf(rows[0]) : sizeOf(shape);
    const dtype = inputDType(this.model) ?? (rows.every((row) => row instanceof Int32Array) ? 'int32' : 'float32');
    const all = new (dtype === 'int32' ? Int32Array : Float32Array)(rows.length * Math.max(length, 0));
    for (const [i, row] of rows.entries()) {
      if (lengthOf(row) !== length || typeof (row as ArrayLike<unknown>)[0] !== 'number') throw notExample(op, row, i, length);
      if (dtype === 'int32') checkIndices(op, row as ArrayLike<number>, i);
      all.set(row as ArrayLike<number>, i * length);
    }
    return fromArray(all, [rows.length, ...(shape ?? [length])], dtype);
  }

  #normalized(inputs: Tensors): Tensors {
    const affines = this.#affines;
    if (affines === undefined) return inputs;
    return mapTensors(inputs, (tensor) => normalized(tensor, tensor.dtype === 'uint8' ? affines.bytes : affines.floats));
  }
}

function numberIn(op: string, values: Float32Array, i: number, shape: Shape): number {
  if (values.length === shape[0]) return values[i]!;
  throw new ShapeError(`[${op}] the model: got outputs ${showShape(shape)}, expected one number a row, the pipeline's target. Give the last layer one output.`, { op, shapes: [shape] });
}

const lengthOf = (row: unknown): number => (Array.isArray(row) || ArrayBuffer.isView(row) ? ((row as unknown as ArrayLike<number>).length ?? -1) : -1);

function notExample(op: string, row: unknown, i: number, length: number): ArgumentError {
  const got = lengthOf(row) >= 0 ? `${lengthOf(row)} elements` : describeValue(row);
  const advice = isRecord(row) ? 'Rows by columns need a pipeline: new Predictor(model, { pipeline }).' : 'Give the numbers of one example in one array.';
  return new ArgumentError(`[${op}] example ${i}: got ${got}, expected ${length < 0 ? 'an array of' : length} numbers. ${advice}`, { op });
}

/** Throws ArgumentError for an example whose numbers an embedding cannot look up. */
function checkIndices(op: string, row: ArrayLike<number>, i: number): void {
  const wrong = Array.prototype.findIndex.call(row, (value: unknown) => !(Number.isInteger(value) && Math.abs(value as number) < 2 ** 31));
  if (wrong >= 0) throw new ArgumentError(`[${op}] example ${i}: got ${describeValue(row[wrong])} at position ${wrong}, expected whole numbers, which the model looks up in its embedding.`, { op });
}

/** The number of outputs of an example, where that is known. */
function widthOf(model: Module): number | undefined {
  const output = model instanceof Sequential ? model.output : undefined;
  return output === undefined ? undefined : output.length === 0 ? 1 : output.length === 1 ? output[0] : undefined;
}

/** Throws where other inputs are made than the model takes, so far as it says what these are. */
function checkInputs(model: Module, maker: Pipeline | ImageTransform | undefined): void {
  if (maker === undefined || !(model instanceof Sequential)) return;
  const { shape } = maker;
  if (Array.isArray(shape) && sameShape(shape as Shape, model.input)) return;
  throw new ArgumentError(`[${OP}] ${maker instanceof Pipeline ? 'pipeline' : 'images'}: got one that makes inputs ${showExampleShape(shape)}, expected ${showShape(model.input)}, as the model takes. Pass the one that the model was trained with.`, { op: OP });
}

function checkClasses(classes: unknown, pipeline: Pipeline | undefined, width: number | undefined): readonly string[] | undefined {
  if (classes === undefined) return undefined;
  if (!Array.isArray(classes) || classes.length < 2 || !classes.every((name) => typeof name === 'string') || new Set(classes).size < classes.length) throw invalid('classes', classes, "names that differ, at least two, as in ['cat', 'dog']");
  const fitted = pipeline?.classNames;
  if (fitted !== undefined && fitted.join('\0') !== classes.join('\0')) throw new ArgumentError(`[${OP}] classes: got ${describeList(classes)}, expected those of the pipeline's target, ${describeList(fitted)}. Leave them out.`, { op: OP });
  if (pipeline?.target$ instanceof ScaledTarget) throw new ArgumentError(`[${OP}] classes: got ${describeList(classes)}, expected none, as the pipeline's target is a number. Leave them out.`, { op: OP });
  if (width !== undefined && classes.length !== Math.max(width, 2)) throw new ArgumentError(`[${OP}] classes: got ${classes.length} for a model of ${width} output${width === 1 ? '' : 's'}, expected as many, or one output for two classes. Give the last layer as many outputs.`, { op: OP });
  return [...(classes as string[])];
}

function affinesOf(normalize: ChannelNormalize): { readonly bytes: Affine; readonly floats: Affine } {
  const { mean, std } = (normalize ?? {}) as ChannelNormalize;
  const channels = [mean, std].find((one) => Array.isArray(one))?.length ?? 1;
  checkChannelNormalize(normalize, channels, OP);
  const scaled = (numbers: number | readonly number[]): number | readonly number[] => (typeof numbers === 'number' ? numbers / 255 : numbers.map((one) => one / 255));
  return { bytes: channelAffineOf(normalize, channels, OP), floats: channelAffineOf({ mean: scaled(mean), std: scaled(std) }, channels, OP) };
}

function invalid(what: string, got: unknown, expected: string): ArgumentError {
  return new ArgumentError(`[${OP}] ${what}: got ${describeList(got)}, expected ${expected}.`, { op: OP });
}

/**
 * A model with the pipeline of its rows, for serving: objects go in, labels with probabilities or numbers come out. The same as new Predictor(model, { pipeline }).
 *
 *     const pipeline = await data.pipeline({ columns: { age: data.columns.standardize() }, target: { moved: 'category' } }).fit([{ age: 20, moved: 'yes' }, { age: 40, moved: 'no' }]);
 *     const predictor = train.predictor(nn.sequential([1], nn.linear(1, 2)), pipeline);
 *     const { label, probability } = await predictor.row({ age: 30 });
 *
 * Throws ArgumentError for what is no model or no fitted pipeline, and for those that do not fit together.
 */
export function predictor<T extends TargetKind>(model: AnyModule, pipeline: Pipeline<ExampleShape, T>): Predictor<T> {
  if (!((model as unknown) instanceof Module)) throw new ArgumentError(`[train.predictor] model: got ${describeValue(model)}, expected a Module, such as nn.sequential(...).`, { op: 'train.predictor' });
  checkPipeline('train.predictor', pipeline);
  return new Predictor<T>(model as unknown as Module<never>, { pipeline });
}

/** Throws ArgumentError for what is no fitted pipeline. */
export function checkPipeline(op: string, pipeline: unknown): void {
  if (pipeline instanceof Pipeline && pipeline.isFitted) return;
  const got = pipeline instanceof Pipeline ? 'one that has learned nothing yet' : describeValue(pipeline);
  throw new ArgumentError(`[${op}] pipeline: got ${got}, expected a fitted data.Pipeline, as data.table() gives it.`, { op });
}
