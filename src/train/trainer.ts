import type { DTypes, Loader, Pipeline, Row, SplitOptions, TargetKind } from '../data/index.js';
import { ArgumentError, BusyError } from '../errors.js';
import type { AnyLoss, Loss, LossFor, TargetsOf } from '../losses/loss.js';
import type { AnyMetric } from '../metrics/index.js';
import { Module, type Inputs } from '../nn/module.js';
import type { Batched, ShapeFunction, TakesBatch } from '../nn/shape-mismatch.js';
import { summarize, type Summary, type SummaryOptions } from '../nn/summary.js';
import { Optimizer, type Average, type Clip } from '../optim/index.js';
import { inspected, labelled, type Inspect } from '../inspect.js';
import { checkOptions, checkRequired, withoutUndefined } from '../options.js';
import { describeValue } from '../describe-value.js';
import type { BatchTensors, ExampleShape } from '../records.js';
import type { Shape } from '../shape.js';
import type { Described, State } from '../state.js';
import type { Tensor } from '../tensor.js';
import { checkSignal, throwIfAborted } from './signal.js';
import { evaluate } from './evaluation.js';
import type { Callback, Results, TrainEvent } from './events.js';
import { eventsOf } from './events.js';
import { History } from './history.js';
import { nothingFrom } from './sources.js';
import { checkOptimizes } from './fit-options.js';
import { Fit, type FitSetup } from './fit.js';
import { runWithCheckpoints } from './checkpointed-run.js';
import type { FitCheckpointOptions, ResumeOptions } from './checkpoint-options.js';
import { prepare } from './fit-options.js';
import { predict } from './evaluation.js';
import type { RowPrediction } from './prediction.js';
import { checkPipeline, Predictor } from './predictor.js';
import { checkSource, DEFAULT_BATCH, inOrder, toLoader, type Source, type Suits } from './sources.js';
import { EPOCHS, epochsOf, loadState, stateOf } from './training-state.js';
import { until } from './signal.js';
import type { ClassWeights } from './example-weights.js';

export interface TrainerOptions<L extends AnyLoss, M extends AnyMetric, K extends TargetKind = TargetKind> {
  /**
   * Loss that training makes small: a function of (outputs, targets) that gives a scalar. Of a model that gives a record of outputs, it gets that
   * record; of data that has a record of targets, that one.
   */
  readonly loss: L;
  /** Over the model's parameters. */
  readonly optimizer: Optimizer;
  /** Looked at on the way; they never change what is trained. */
  readonly metrics?: readonly M[] | undefined;
  /** Pipeline of the rows of a table, fitted, as data.table() gives it: predictRow() takes rows then. */
  readonly pipeline?: Pipeline<ExampleShape, K> | undefined;
}

/** Part of a dataset that is held back for validation, and how it is chosen. */
export interface ValidationSplit extends SplitOptions {
  /** In (0, 1): of the examples, or of the groups. */
  readonly fraction: number;
}

export interface FitOptions<M extends AnyMetric = never> {
  /** Passes over the data. Default 1. */
  readonly epochs?: number | undefined;
  /** Examples in a batch. Default 32. With shuffle, seed and dropLast, as in data.loader(); not for a ready loader. */
  readonly batchSize?: number | undefined;
  readonly shuffle?: boolean | undefined;
  readonly seed?: number | undefined;
  readonly dropLast?: boolean | undefined;
  /**
   * Batches of a step: their gradients add up to those of all their examples together, in the memory of one batch, whatever the means of the
   * batches were divided by. Default 1. Steps, and what depends on their number, are counted as updates.
   */
  readonly accumulate?: number | undefined;
  /**
   * Weights of the examples of each class in the loss of training: one number a class, or 'balanced', so that all classes together count
   * alike. For one class index an example; a label that the loss ignores weighs 0. Validation does not know of it.
   */
  readonly classWeights?: ClassWeights | undefined;
  /** Evaluated after every epoch. */
  readonly validation?: Source | undefined;
  /**
   * The share of a dataset, in (0, 1), that is taken away before training, drawn by `seed`, and evaluated after every epoch: as dataset.split()
   * would. The same seed takes the same examples. With options of split(): { fraction: 0.1, shuffle: false } takes the last ones.
   */
  readonly validationSplit?: number | ValidationSplit | undefined;
  /** Makes gradients smaller in this fit(), as optimizer.clip does: `{ globalNorm: 1 }`, say. */
  readonly clip?: Clip | undefined;
  /**
   * Keeps an average of the weights from here on: it becomes optimizer.average, of which optimizer.withAverage() makes use. One that the optimizer
   * keeps already by the same options, or that a state has brought, goes on. Training and validation go on with the weights themselves.
   */
  readonly average?: Average | undefined;
  /**
   * Looks into layers every so many steps, from the first one on; true: once an epoch. Step events and records then have `layers`: norms of weights and
   * gradients, how far updates go, dead units. A step that is looked into runs by itself, with its gradients and a copy of the weights in memory; the
   * others as ever, and the weights are the same. Default false.
   */
  readonly inspect?: boolean | { readonly every: number } | undefined;
  /**
   * Ends fit() with DivergenceError at the first step whose loss is not finite, or whose gradients are not, so far as those of small
   * parameters (biases) show it, before that step changes anything. Costs next to nothing. Default true.
   */
  readonly checkFinite?: boolean | undefined;
  /** Ends fit() after the step that is under way; it rejects with AnnealError (ANNEAL_ABORTED). */
  readonly signal?: AbortSignal | undefined;
  readonly callbacks?: Callback<M> | readonly Callback<M>[] | undefined;
  /**
   * Writes checkpoints into a directory while training goes on: everything that a resumed fit() has to know to end with the same bits. SIGTERM and SIGINT end this fit() with
   * a last one, after the step that is under way; a second signal ends the process at once.
   */
  readonly checkpoint?: FitCheckpointOptions | undefined;
  /**
   * Goes on from a checkpoint, in the middle of an epoch, too, in a program that is otherwise the same: 'latest', or a path. `epochs` are those of the whole training. Without any
   * checkpoint in the directory, 'latest' begins anew.
   */
  readonly resume?: string | URL | ResumeOptions | undefined;
}

export interface EventsOptions<M extends AnyMetric = never> extends FitOptions<M> {
  /** Says that steps are only looked at, as Callback.passive: many small ones may run before the first of them is told. Default false. */
  readonly passive?: boolean | undefined;
}

export interface EvaluateOptions {
  /** Default 32. */
  readonly batchSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PredictOptions {
  /** Default: 32 of a dataset, all at once of a tensor. */
  readonly batchSize?: number | undefined;
}

/** Models that fit() is training now. */
const busy = new WeakSet<Module>();

/**
 * Trains, evaluates and uses a model. fit() does what the explicit loop does, bit for bit: forward, loss, zeroGrad, backward,
 * step, for each batch of the loader.
 *
 *     const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy()] });
 *     const history = await trainer.fit(train, { epochs: 5, batchSize: 128, shuffle: true, validation: test });
 *     const { loss, accuracy } = await trainer.evaluate(test);
 *
 * Throws ArgumentError for what is no model, loss, optimizer or metric, and for an optimizer of another model; AnnealError for an unknown option.
 */
export class Trainer<I extends ExampleShape = ExampleShape, O extends ExampleShape = Shape, L extends LossFor<O> = LossFor<O>, const M extends AnyMetric = never, K extends TargetKind = TargetKind> {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly #loss: Loss;
  // Of any type, so that a plain Trainer takes every concrete one: what it gives has at least what that gives.
  readonly #metrics: readonly AnyMetric[];
  #history = new History<M>();
  #epochs = 0;
  readonly #predictor: Predictor<K> | undefined;

  constructor(model: Module<I, O, ShapeFunction>, options: TrainerOptions<L, M, K>) {
    checkRequired('Trainer', options, ['loss', 'optimizer', 'metrics', 'pipeline']);
    const { loss, optimizer, metrics = [], pipeline } = options;
    if (!(model instanceof Module)) throw invalid('the model', model, 'a Module, such as nn.sequential(...)');
    if (typeof loss !== 'function') throw invalid('loss', loss, 'a function of (outputs, targets), such as losses.crossEntropy');
    if (!(optimizer instanceof Optimizer)) throw invalid('optimizer', optimizer, 'an optimizer, such as optim.adam(model.parameters())');
    if (!Array.isArray(metrics)) throw invalid('metrics', metrics, 'an array, as in [metrics.accuracy()]');
    metrics.forEach(checkMetric);
    this.model = model as unknown as Module;
    // Also gives parameters and layers their names.
    checkOptimizes('Trainer', this.model, optimizer);
    this.optimizer = optimizer;
    this.#loss = loss as unknown as Loss;
    this.#metrics = metrics;
    if (pipeline !== undefined) checkPipeline('Trainer', pipeline);
    this.#predictor = pipeline && new Predictor<K>(this.model as unknown as Module<never>, { pipeline });
  }

  /** Epochs that are complete, of all fit() and of those before a state that was loaded: the number of the next one, counted from 0. */
  get epochs(): number {
    return this.#epochs;
  }

  /** The complete epochs of the last fit(), also after it has failed or was stopped. JSON.stringify() writes it, train.parseHistory() reads it. */
  get history(): History<M> {
    return this.#history;
  }

  /**
   * Trains for `epochs` passes over the data, a Dataset, a Stream or a loader, and resolves with what it noted of each epoch.
   * The model is in training mode meanwhile. A step is recorded while the one before runs.
   *
   * Rejects with BusyError while another fit() trains this model; ANNEAL_ABORTED when the signal stops it; ArgumentError; an
   * error of a callback or the data's source; the error of a failed step, which names the data, the epoch, the step and, for a
   * label out of range, the example. What was trained until then stays, and so does `history`. With checkpoints also with BusyError where another process has the
   * directory, ANNEAL_STATE_MISMATCH for a checkpoint of another training, which says what differs, and FileFormatError where all are damaged.
   */
  async fit<X extends ExampleShape, Y extends ExampleShape, D extends DTypes>(
    data: Source<X, Y, D> & Suits<I, TargetsOf<L>, X, D>,
    options: FitOptions<M> = {},
  ): Promise<History<M>> {
    const { clip, average, checkpoint, resume, ...prepared } = prepare<M>(data, options, this.#loss, this.#epochs);
    if (busy.has(this.model)) {
      throw new BusyError('[fit] this model is being trained by another fit(). Await that one first, or stop it by its signal.', { op: 'fit' });
    }
    const { model, optimizer } = this;
    const wasTraining = model.training;
    const clipBefore = optimizer.clip;
    busy.add(this.model);
    this.#history = new History<M>();
    if (!wasTraining) this.model.train();
    try {
      if (clip !== undefined) optimizer.clip = clip;
      const note = (history: History<M>, epochs: number): void => void ([this.#history, this.#epochs] = [history, epochs]);
      const setup: FitSetup<M> = { model, optimizer, loss: this.#loss, metrics: this.#metrics as readonly M[], ...prepared };
      const run = (last: FitSetup<M>): Promise<History<M>> => {
        if (average !== undefined) optimizer.goOnAveraging$(average);
        return new Fit<M>(last, note).run();
      };
      if (checkpoint === undefined && resume === undefined) return await run(setup);
      return await runWithCheckpoints(setup, { checkpoint, resume, average, classWeights: options.classWeights }, () => this.stateDict(), run);
    } finally {
      if (clip !== undefined) optimizer.clip = clipBefore;
      if (!wasTraining) this.model.eval();
      busy.delete(this.model);
    }
  }

  /**
   * fit(), but that its events are asked for one by one: training waits in each of them for the next to be asked for. Events are told apart by
   * their `type`; leaving the loop stops training after the step that is under way; `history` has its epochs.
   *
   *     for await (const event of trainer.events(train, { epochs: 5 })) {
   *       if (event.type === 'step' && event.loss > 100) break;
   *       if (event.type === 'epochEnd') console.log(event.record.loss);
   *     }
   *
   * Throws in the loop what fit() rejects with.
   */
  events<X extends ExampleShape, Y extends ExampleShape, D extends DTypes>(
    data: Source<X, Y, D> & Suits<I, TargetsOf<L>, X, D>,
    options: EventsOptions<M> = {},
  ): AsyncGenerator<TrainEvent<M>, void, undefined> {
    const { passive = false, callbacks = [], ...rest } = options;
    return eventsOf<M>((callback) => this.fit(data, { ...rest, callbacks: [...[callbacks].flat(), callback] as readonly Callback<M>[] }), passive);
  }

  /**
   * Everything that training depends on, but for the data: parameters and buffers (`model.0.weight`), the optimizer's state
   * (`optimizer.0.weight.expAvg`), the random streams, and what reduceOnPlateau schedules have seen. save() makes a file of it. To be taken
   * between two fits or in onEpochEnd; the position in the data is its loader's own state.
   *
   *     await save(trainer, 'checkpoint.safetensors');
   *     await trainer.loadStateDict(await load('checkpoint.safetensors'));     // in another process, before fit()
   */
  stateDict(): Map<string, Tensor | Described> {
    return stateOf(this.model, this.optimizer).set(EPOCHS, { shape: [], dtype: 'int32', data: Int32Array.of(this.#epochs) });
  }

  /** Takes over what stateDict() gave. Throws AnnealError (ANNEAL_STATE_MISMATCH), and changes nothing, where it does not fit. */
  async loadStateDict(state: State): Promise<void> {
    const epochs = await epochsOf(state);
    await loadState(this.model, this.optimizer, state);
    this.#epochs = epochs;
  }

  /** Returns a description: what it trains, with what, and the results of the last epoch. */
  toJSON(): object {
    const { model, optimizer, history } = this;
    return { model: String(model), loss: this.#loss.name, optimizer: optimizer.toJSON(), metrics: this.#metrics.map(({ name }) => name), epochs: history.length, last: history.at(-1) };
  }

  [inspected](depth: number, options: object, inspect: Inspect): string {
    return labelled('Trainer', this.toJSON(), depth, options, inspect);
  }

  /** The means of the loss and the metrics over the data, in evaluation mode. May be called while fit() runs: it falls between steps. */
  async evaluate<X extends ExampleShape, Y extends ExampleShape, D extends DTypes>(
    data: Source<X, Y, D> & Suits<I, TargetsOf<L>, X, D>,
    options: EvaluateOptions = {},
  ): Promise<Results<M>> {
    checkSource('evaluate', data);
    checkOptions('evaluate', options, ['batchSize', 'signal']);
    const { signal, ...loading } = options;
    checkSignal('evaluate', signal);
    const batches: Loader = toLoader('evaluate', data, loading);
    const results = await evaluate(this.model, this.#loss, this.#metrics, until(inOrder(batches), signal), () => throwIfAborted('evaluate', signal));
    if (results === undefined) throw nothingFrom('evaluate', batches);
    return results as Results<M>;
  }

  /**
   * Layers, shapes, parameters, memory (with the optimizer's) and floating-point operations, before anything runs: see nn.summary(). `input` is the
   * shape of one example, which a sequential model knows itself.
   *
   *     console.log(String(trainer.summary({ batchSize: 128 })));
   */
  summary(options: { readonly input?: ExampleShape } & SummaryOptions = {}): Summary {
    checkOptions('summary', options, ['input', 'batchSize', 'dtype']);
    return summarize(this.model, options.input, { batchSize: DEFAULT_BATCH, ...withoutUndefined(options) }, this.optimizer.stateBytes);
  }

  /**
   * Returns what the model makes of a tensor [N, ...], of a record of them, or of the inputs of a dataset, in evaluation mode: a tensor, or a record
   * of tensors, whose elements stay readable, however training goes on.
   */
  async predict<S extends Shape>(
    inputs: (I extends Shape ? Tensor<S> & TakesBatch<I, S> : Inputs<I>) | Source<I>,
    options: PredictOptions = {},
  ): Promise<Predicted<S, O>> {
    checkOptions('predict', options, ['batchSize']);
    return (await predict(this.model, inputs, options.batchSize)) as unknown as Predicted<S, O>;
  }

  /**
   * Predicts one row of a table, an object with its columns, by the pipeline that the trainer was given: a label with probabilities, or a number in the table's units. train.predictor() does so without a
   * trainer. Throws ArgumentError without a pipeline, and as pipeline.row() does.
   *
   *     const rows = [{ age: 20, moved: 'yes' }, { age: 40, moved: 'no' }, { age: 30, moved: 'no' }];
   *     const people = await data.table(rows, { numeric: ['age'], target: { moved: 'category' } });
   *     const mover = nn.sequential([1], nn.linear(1, 2));
   *     const moving = new Trainer(mover, { loss: losses.crossEntropy, optimizer: optim.adam(mover.parameters()), pipeline: people.pipeline });
   *     await moving.fit(people.train);
   *     const { label, probabilities } = await moving.predictRow({ age: 25 });
   */
  async predictRow(row: Row): Promise<RowPrediction<K>> {
    if (this.#predictor === undefined) throw new ArgumentError('[predictRow] pipeline: got none, expected that of the table. Give it to the trainer: new Trainer(model, { loss, optimizer, pipeline }).', { op: 'predictRow' });
    return this.#predictor.row(row);
  }
}

/** The outputs of a model that gives O, for a batch of shape S. */
type Predicted<S extends Shape, O extends ExampleShape> = O extends Shape ? Tensor<Batched<S, O>, 'float32'> : BatchTensors<O, { readonly [K in keyof O]: 'float32' }>;

const RESERVED = ['loss', 'epoch', 'steps', 'examples', 'seconds', 'examplesPerSecond', 'validation'];

function checkMetric(metric: AnyMetric, i: number, all: readonly AnyMetric[]): void {
  if (typeof metric === 'function') throw invalid(`metrics[${i}]`, metric, 'a metric. Call the function that makes it, as in metrics.accuracy()');
  if (typeof metric?.measure !== 'function' || typeof metric.name !== 'string') throw invalid(`metrics[${i}]`, metric, 'an object { name, measure }');
  if (RESERVED.includes(metric.name)) throw invalid(`metrics[${i}].name`, metric.name, `another name than ${RESERVED.join(', ')}, which results have already`);
  if (all.findIndex(({ name }) => name === metric.name) !== i) throw invalid(`metrics[${i}].name`, metric.name, 'names that differ: it is taken. Metrics take one, as in metrics.accuracy({ name: \'again\' })');
}

function invalid(what: string, got: unknown, expected: string): ArgumentError {
  return new ArgumentError(`[Trainer] ${what}: got ${describeValue(got)}, expected ${expected}.`, { op: 'Trainer' });
}
