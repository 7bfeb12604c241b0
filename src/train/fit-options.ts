import { ArrayLoader, Dataset, FetchedDataset, FetchedLoader, type Loader } from '../data/index.js';
import { isInOrder, SPLIT_OPTIONS } from '../data/split.js';
import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import type { Loss } from '../losses/index.js';
import type { AnyMetric } from '../metrics/index.js';
import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/index.js';
import type { DescribedSchedule } from '../optim/schedules/index.js';
import { checkOptions, suggestion } from '../options.js';
import { warnOnce } from '../warn.js';
import { checkpointSetup, resumeSetup, type CheckpointSetup, type ResumeSetup } from './checkpoint-options.js';
import type { Callback } from './events.js';
import { classWeightsFor } from './example-weights.js';
import type { FitSetup } from './fit.js';
import { checkSignal } from './signal.js';
import { checkSource, type Source, toLoader } from './sources.js';
import type { FitOptions, ValidationSplit } from './trainer.js';

const KNOWN = [
  'epochs', 'batchSize', 'shuffle', 'seed', 'dropLast', 'accumulate', 'classWeights', 'validation', 'validationSplit', 'clip', 'average', 'inspect', 'signal', 'callbacks', 'checkFinite', 'checkpoint', 'resume',
] satisfies (keyof FitOptions)[];

const EVENTS = ['onFitStart', 'onEpochStart', 'onStep', 'onEpochEnd', 'onFitEnd'] satisfies (keyof Callback)[];

type Prepared<M extends AnyMetric> = Pick<FitSetup<M>, 'epochs' | 'firstEpoch' | 'accumulate' | 'batches' | 'validation' | 'classWeights' | 'inspectEvery' | 'signal' | 'callbacks' | 'checkFinite'> &
  Pick<FitOptions, 'clip' | 'average'> & { readonly checkpoint: CheckpointSetup | undefined; readonly resume: ResumeSetup | undefined };

/** Throws ArgumentError for what is no validation data: a share of the data is another option. */
function checkHeld(held: unknown): void {
  if (typeof held === 'number') throw new ArgumentError(`[fit] validation: got ${held}, expected a dataset, a stream or a loader. Of a share of the data say { validationSplit: ${held > 0 && held < 1 ? held : 0.1} }.`, { op: 'fit' });
  checkSource('fit', held, 'validation');
}

/**
 * Makes the arguments of fit() complete: of data that is no loader, one that begins with epoch `firstEpoch`. Throws ArgumentError, and
 * AnnealError for an unknown option.
 */
export function prepare<M extends AnyMetric>(data: Source, options: FitOptions<M>, loss: Loss, firstEpoch: number): Prepared<M> {
  checkSource('fit', data);
  checkOptions('fit', options, KNOWN);
  const { epochs = 1, accumulate = 1, validation, validationSplit, classWeights, checkFinite = true, clip, average, inspect = false, signal, callbacks = [], checkpoint, resume, ...loading } = options;
  checkCount('epochs', epochs, 0);
  checkCount('accumulate', accumulate, 1);
  checkSignal('fit', signal);
  const saving = checkpointSetup(checkpoint);
  const resuming = resumeSetup(resume, saving);
  const [source, held] = validationSplit === undefined ? [data, validation] : divided(data, validation, validationSplit, options.seed);
  const batches = toLoader('fit', source, loading);
  if (batches !== (source as unknown)) batches.loadStateDict({ ...batches.stateDict(), epoch: firstEpoch, step: 0 });
  if (held !== undefined) checkHeld(held);
  warnOfSortedClasses(batches);
  if (saving !== undefined || resuming !== undefined) checkSavable(batches);
  return {
    checkpoint: saving,
    resume: resuming,
    epochs,
    firstEpoch,
    accumulate,
    batches,
    validation: held && heldLoader(held, batches),
    classWeights: classWeightsFor(batches, classWeights, loss),
    inspectEvery: inspectEvery(inspect, batches, accumulate),
    ...(clip === undefined ? {} : { clip }),
    ...(average === undefined ? {} : { average }),
    checkFinite,
    signal,
    callbacks: callbacksOf<M>(callbacks),
  };
}

/** Throws ArgumentError for a loader of the user's own that does not say where it stands. */
function checkSavable(batches: Loader): void {
  const { stateDict, loadStateDict } = batches as Partial<Loader>;
  if (typeof stateDict === 'function' && typeof loadStateDict === 'function') return;
  throw new ArgumentError('[fit] checkpoint: the data is a loader without stateDict() and loadStateDict(), expected both, so that training goes on with the batch after the last one. Add them, or make a loader by data.loader().', { op: 'fit' });
}

/** Once an epoch where nobody says otherwise; in a stream, whose epochs are not known, every 100 steps. */
function inspectEvery(inspect: NonNullable<FitOptions['inspect']>, { length = 100 }: Loader, accumulate: number): number | undefined {
  if (inspect === false) return undefined;
  if (inspect === true) return Math.ceil(length / accumulate);
  checkOptions('fit', inspect, ['every']);
  checkCount('inspect.every', inspect.every, 1);
  return inspect.every;
}

function heldLoader(held: Source, { batchSize }: Loader): Loader {
  const ready = 'batchSize' in held || ('batches' in held && held.batches);
  return toLoader('fit', held, ready ? {} : { batchSize });
}

function divided(data: Source, validation: Source | undefined, split: number | ValidationSplit, seed = 0): [train: Source, held: Source] {
  const fail = (what: string): ArgumentError => new ArgumentError(`[fit] validationSplit: ${what}`, { op: 'fit' });
  if (validation !== undefined) throw fail('got validation data besides, expected one of the two.');
  if (typeof split === 'object') checkOptions('fit validationSplit', split, ['fraction', ...SPLIT_OPTIONS]);
  const { fraction, ...options }: ValidationSplit = typeof split === 'object' ? split : { fraction: split };
  if (!(typeof fraction === 'number' && fraction > 0 && fraction < 1)) throw fail(`got ${describeValue(fraction)}, expected a share between 0 and 1, as in { validationSplit: 0.1 }.`);
  if (!(data instanceof Dataset || data instanceof FetchedDataset)) {
    throw fail('only a dataset or a folder can be split: a stream is not known beforehand, and a loader has its examples. Give fit() a dataset, or validation data.');
  }
  if (isInOrder(options)) return (data as Dataset | FetchedDataset).split(1 - fraction, options);
  const [held, train] = (data as Dataset | FetchedDataset).split(fraction, { ...options, seed: options.seed ?? seed });
  return [train, held];
}

function checkCount(name: string, value: unknown, least: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  throw new ArgumentError(`[fit] ${name}: got ${describeValue(value)}, expected an integer of at least ${least}.`, { op: 'fit' });
}

/**
 * The callbacks of a fit(), one or several. Throws ArgumentError for what is none: a function that was to be called, or an event that does not exist,
 * which would never be told. Callbacks may have fields of their own.
 */
export function callbacksOf<M extends AnyMetric>(given: Callback<M> | readonly Callback<M>[]): readonly Callback<M>[] {
  const callbacks = [given].flat() as readonly Callback<M>[];
  callbacks.forEach(checkCallback);
  return callbacks;
}

function checkCallback(callback: unknown, i: number): void {
  if (typeof callback === 'function') throw invalidCallback(i, describeValue(callback), 'an object such as { onEpochEnd() { ... } }. Call the function that makes it, as in train.progress()');
  if (typeof callback !== 'object' || callback === null) throw invalidCallback(i, describeValue(callback), 'an object such as { onEpochEnd() { ... } }');
  for (const name of namesOf(callback)) {
    if (!/^on[A-Z]/.test(name)) continue;
    if (!(EVENTS as readonly string[]).includes(name)) throw invalidCallback(i, name, `one of ${EVENTS.join(', ')}.${suggestion(name, EVENTS)}`, '');
    const told: unknown = callback[name as keyof typeof callback];
    if (told !== undefined && typeof told !== 'function') throw invalidCallback(i, `${name}: ${describeValue(told)}`, 'a function of the event');
  }
}

/** Its own names, and those of its classes. */
function namesOf(callback: object): string[] {
  const names: string[] = [];
  for (let level: object | null = callback; level !== null && level !== Object.prototype; level = Object.getPrototypeOf(level) as object | null) names.push(...Object.getOwnPropertyNames(level));
  return names;
}

function invalidCallback(i: number, got: string, expected: string, end = '.'): ArgumentError {
  return new ArgumentError(`[fit] callbacks[${i}]: got ${got}, expected ${expected}${end}`, { op: 'fit' });
}

/** Throws ArgumentError for an optimizer that has no parameter of the model, so that it would train another one. */
export function checkOptimizes(op: string, model: Module, optimizer: Optimizer): void {
  const own = new Set(model.parameters());
  if (own.size === 0) throw new ArgumentError(`[${op}] the model: got one without parameters, expected some to train. Keep layers in fields of the module, or in arrays there.`, { op });
  if (optimizer.parameters.some((parameter) => own.has(parameter))) return;
  throw new ArgumentError(`[${op}] optimizer: got one of ${optimizer.parameters.length} parameters, none of which is this model's, expected one over the model's. Make it of them: optim.adam(model.parameters()).`, { op });
}

/**
 * Warns where examples come sorted by class and are not shuffled: the batches then have one class each, and what is learnt of one is
 * forgotten in the next.
 */
export function warnOfSortedClasses(batches: Loader): void {
  if (!(batches instanceof ArrayLoader || batches instanceof FetchedLoader) || batches.shuffle || batches.length < 2 || !batches.dataset.sortedByClass$) return;
  warnOnce(
    'ANNEAL_SORTED_CLASSES',
    `[fit] the examples of dataset '${batches.dataset.name}' come sorted by class, and are not shuffled: got batches of one class after the other, expected mixed ones. Pass { shuffle: true }.`,
  );
}

/** Warns, once, where a training begins whose rates have ended at 0: it would move nothing. A schedule goes by all steps of its optimizer. */
export function warnOfEndedSchedules({ groups, steps }: Optimizer): void {
  const ended = groups.map(({ lr }) => (typeof lr === 'function' && endedAtZero(lr as DescribedSchedule, steps) ? lr : undefined));
  const [first] = ended;
  if (first === undefined || ended.includes(undefined)) return;
  warnOnce(
    'ANNEAL_SCHEDULE_ENDED',
    `[fit] the schedule ${String(first)} has ended, and the rate stays 0: the optimizer has done ${steps} steps, which schedules count through all fit(). Nothing will move. ` +
      'Give it another: optimizer.lr = ..., over the steps of all fits together; or make a new optimizer.',
  );
}

function endedAtZero(schedule: DescribedSchedule, steps: number): boolean {
  // One that repeats itself passes 0 only.
  return schedule.steps <= steps && [0, 1, 2, schedule.steps].every((further) => schedule(steps + further) === 0);
}
