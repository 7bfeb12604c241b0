import { Dataset, type Loader } from '../data/index.js';
import { ArgumentError } from '../errors.js';
import type { Loss } from '../losses/index.js';
import type { AnyMetric } from '../metrics/index.js';
import { checkOptions } from '../options.js';
import { describeValue } from '../describe-value.js';
import { checkSignal } from './abort.js';
import { callbacksOf } from './callbacks.js';
import type { FitSetup } from './fit.js';
import { checkSource, toLoader, type Source } from './sources.js';
import { warnOfSortedClasses } from './sorted-classes.js';
import type { FitOptions, ValidationSplit } from './trainer.js';
import { classWeightsFor } from './example-weights.js';

const KNOWN = [
  'epochs', 'batchSize', 'shuffle', 'seed', 'dropLast', 'accumulate', 'classWeights', 'validation', 'validationSplit', 'clip', 'average', 'inspect', 'signal', 'callbacks', 'checkFinite',
] satisfies (keyof FitOptions)[];

type Prepared<M extends AnyMetric> = Pick<FitSetup<M>, 'epochs' | 'firstEpoch' | 'accumulate' | 'batches' | 'validation' | 'classWeights' | 'inspectEvery' | 'signal' | 'callbacks' | 'checkFinite'> & Pick<FitOptions, 'clip' | 'average'>;

/**
 * Makes the arguments of fit() complete: of data that is no loader, one that begins with epoch `firstEpoch`. Throws ArgumentError, and
 * AnnealError for an unknown option.
 */
export function prepare<M extends AnyMetric>(data: Source, options: FitOptions<M>, loss: Loss, firstEpoch: number): Prepared<M> {
  checkSource('fit', data);
  checkOptions('fit', options, KNOWN);
  const { epochs = 1, accumulate = 1, validation, validationSplit, classWeights, checkFinite = true, clip, average, inspect = false, signal, callbacks = [], ...loading } = options;
  checkCount('epochs', epochs, 0);
  checkCount('accumulate', accumulate, 1);
  checkSignal('fit', signal);
  const [source, held] = validationSplit === undefined ? [data, validation] : divided(data, validation, validationSplit, options.seed);
  const batches = toLoader('fit', source, loading);
  if (batches !== (source as unknown)) batches.loadStateDict({ ...batches.stateDict(), epoch: firstEpoch, step: 0 });
  if (held !== undefined) checkSource('fit', held);
  warnOfSortedClasses(batches);
  return {
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
  if (typeof split === 'object') checkOptions('fit validationSplit', split, ['fraction', 'seed', 'shuffle', 'groups', 'stratify']);
  const { fraction, ...options }: ValidationSplit = typeof split === 'object' ? split : { fraction: split };
  if (!(typeof fraction === 'number' && fraction > 0 && fraction < 1)) throw fail(`got ${describeValue(fraction)}, expected a share between 0 and 1, as in { validationSplit: 0.1 }.`);
  if (!(data instanceof Dataset)) {
    throw fail('only a dataset can be split: a stream is not known beforehand, and a loader has its examples. Give fit() a dataset, or validation data.');
  }
  if (options.shuffle === false) return (data as Dataset).split(1 - fraction, options);
  const [held, train] = (data as Dataset).split(fraction, { ...options, seed: options.seed ?? seed });
  return [train, held];
}

function checkCount(name: string, value: unknown, least: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  throw new ArgumentError(`[fit] ${name}: got ${describeValue(value)}, expected an integer of at least ${least}.`, { op: 'fit' });
}
