import { FileFormatError } from '../errors.js';
import type { Snapshot } from '../checkpoint/snapshot.js';
import { ConfusionMatrix, type AnyMetric } from '../metrics/index.js';
import type { Optimizer } from '../optim/index.js';
import { isRecord } from '../records.js';
import type { EpochState } from './epoch.js';
import type { EpochRecord } from './events.js';
import { History } from './history.js';

/** The best epoch so far by the result that is monitored. */
export interface BestSoFar {
  readonly epoch: number;
  readonly value: number;
}

/** Everything that a fit() knows between two steps besides its model, optimizer and random streams. */
export interface FitState {
  /** Epochs that the trainer had completed before this fit(). */
  readonly firstEpoch: number;
  /** Steps of this fit(). */
  readonly submitted: number;
  /** True if it has come to its end. */
  readonly complete: boolean;
  readonly stopped: string | null;
  /** Records of the complete epochs; the number of the one that a callback has called the best. */
  readonly epochs: readonly object[];
  readonly best: number | null;
  /** The epoch that is under way; null between two. */
  readonly epoch: (EpochState & { readonly observed: boolean }) | null;
  /** By the callbacks that have one. */
  readonly callbacks: readonly object[];
  /** State of the loader. */
  readonly loader: object;
  /** Rates that are numbers, as they are now: they may have been assigned. */
  readonly rates: readonly (number | null)[];
  /** The best one of keep.best. */
  readonly kept: BestSoFar | null;
  /** Description of what is trained on what, for whoever resumes. */
  readonly made: Made;
}

/** Description of a fit(): what has to be the same for a resumed one to leave the same bits. */
export interface Made {
  readonly data: object;
  readonly options: object;
}

/** The state of a fit() in a checkpoint. Throws FileFormatError for a checkpoint of another kind. */
export function fitStateOf({ state, path }: Snapshot & { readonly path: string }): FitState {
  const fit = state['fit'];
  const count = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
  const all = (value: unknown, fits: (one: unknown) => boolean): boolean => Array.isArray(value) && value.every(fits);
  const orNull = (fits: (value: unknown) => boolean) => (value: unknown): boolean => value === null || fits(value);
  const epochFits = orNull((epoch) => isRecord(epoch) && count(epoch['steps']) && count(epoch['examples']) && typeof epoch['seconds'] === 'number' && isRecord(epoch['results']) && Object.values(epoch['results']).every(isRecord));
  const numbers = orNull((value) => typeof value === 'number');
  const fine =
    isRecord(fit) && count(fit['firstEpoch']) && count(fit['submitted']) && all(fit['epochs'], isRecord) && orNull(count)(fit['best']) && epochFits(fit['epoch']) && all(fit['callbacks'], isRecord) && all(fit['rates'], numbers) &&
    orNull((stopped) => typeof stopped === 'string')(fit['stopped']) && isRecord(fit['loader']) && isRecord(fit['made']) && isRecord(fit['made']['data']) && isRecord(fit['made']['options']) && orNull((kept) => isRecord(kept) && typeof kept['value'] === 'number')(fit['kept']);
  if (fine) return fit as unknown as FitState;
  throw new FileFormatError(`[fit] resume: ${path} is no checkpoint of a fit(): got none of its state, expected one that fit() wrote. A loop of your own goes on with Checkpoints.load().`, { op: 'fit' });
}

/** The history in a state. */
export function historyOf<M extends AnyMetric>({ epochs, best, stopped }: FitState, metrics: readonly M[]): History<M> {
  const records = epochs.map((record) => revived(record, metrics)) as unknown as EpochRecord<M>[];
  return new History<M>(records, { ...(best === null ? {} : { best }), ...(stopped === null ? {} : { stopped }) });
}

/** A record with matrices in place of the rows that JSON has of them. */
function revived(record: object, metrics: readonly AnyMetric[]): object {
  const matrices = metrics.filter(({ accumulator }) => accumulator?.().result() instanceof ConfusionMatrix).map(({ name }) => name);
  const of = (results: object): object => {
    const found = Object.entries(results).map(([name, value]: [string, unknown]) => [name, matrices.includes(name) ? new ConfusionMatrix(Float64Array.from((value as number[][]).flat())) : value]);
    return Object.fromEntries(found) as object;
  };
  const { validation } = record as { readonly validation?: object };
  return { ...of(record), ...(validation === undefined ? {} : { validation: of(validation) }) };
}

/** The rates of an optimizer that are numbers, by group. */
export function ratesOf({ groups }: Optimizer): (number | null)[] {
  return groups.map(({ lr }) => (typeof lr === 'number' ? lr : null));
}
