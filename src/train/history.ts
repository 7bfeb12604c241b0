import { FileFormatError } from '../errors.js';
import { inspected, type Inspect } from '../inspect.js';
import type { AnyMetric } from '../metrics/index.js';
import type { EpochRecord } from './events.js';

/** Epochs at each end of a history that are shown. */
const EDGE = 4;

/** End of training, as far as it is known. */
interface Outcome {
  /** Number of the best epoch. */
  readonly best?: number | undefined;
  readonly stopped?: string | undefined;
}

/** A history as JSON: what JSON.stringify(history) gives. Numbers that JSON does not have are the texts NaN, Infinity and -Infinity. */
export interface HistoryJson {
  readonly format: 'anneal.history';
  readonly version: 1;
  /** An EpochRecord; confusion matrices are arrays of rows. */
  readonly epochs: readonly object[];
  readonly best: number | null;
  readonly stopped: string | null;
}

/**
 * The epochs that are complete, in order: an array of records, which also says how training ended. A new one is made whenever something
 * is added, so that nobody's changes.
 */
export class History<M extends AnyMetric = never> extends Array<EpochRecord<M>> {
  readonly #outcome: Outcome;

  constructor(records: Iterable<EpochRecord<M>> = [], outcome: Outcome = {}) {
    super();
    for (const record of records) this.push(record);
    this.#outcome = outcome;
  }

  /** Class of what map() and its kin return: arrays. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  /** The best epoch, where a callback such as train.earlyStopping() has looked for it. */
  get best(): EpochRecord<M> | undefined {
    const { best } = this.#outcome;
    return best === undefined ? undefined : this.find(({ epoch }) => epoch === best);
  }

  /** Reason why training ended before its last epoch; undefined where it did not, or failed. */
  get stopped(): string | undefined {
    return this.#outcome.stopped;
  }

  /** The same with another record, or with more known of how it ended. */
  with$(added: readonly EpochRecord<M>[], outcome: Outcome = {}): History<M> {
    return new History([...this, ...added], { ...this.#outcome, ...outcome });
  }

  /** The numbers of the first and the last epochs, and how it ended. */
  [inspected](_depth: number, options: object, inspect: Inspect): string {
    const shown = this.length <= 2 * EDGE ? [...this] : [...this.slice(0, EDGE), ...this.slice(-EDGE)];
    const facts = [`${this.length} ${this.length === 1 ? 'epoch' : 'epochs'}`, ...(this.best ? [`best ${this.best.epoch}`] : []), ...(this.stopped === undefined ? [] : [`stopped: ${this.stopped}`])];
    const lines = shown.map((record) => `  ${inspect(numbersOf(record), { ...options, compact: true, breakLength: Infinity })}`);
    if (shown.length < this.length) lines.splice(EDGE, 0, `  ... ${this.length - shown.length} more`);
    return [`History (${facts.join(', ')})`, ...lines].join('\n');
  }

  toJSON(): HistoryJson {
    const { best, stopped } = this.#outcome;
    const epochs = [...this].map((record) => JSON.parse(JSON.stringify(record, written)) as object);
    return { format: 'anneal.history', version: 1, epochs, best: best ?? null, stopped: stopped ?? null };
  }
}

/**
 * The history that JSON.stringify(history) was made of; confusion matrices stay arrays of rows. Throws FileFormatError for anything else.
 *
 *     await writeFile('history.json', JSON.stringify(trainer.history));
 *     const history = train.parseHistory(await readFile('history.json', 'utf8'));
 */
export function parseHistory(json: string): History {
  const fail = (cause?: unknown): FileFormatError =>
    new FileFormatError("[parseHistory] this is no history: expected JSON of the format 'anneal.history', version 1. Pass what JSON.stringify(trainer.history) gave.", { op: 'parseHistory', cause });
  let parsed: Partial<HistoryJson>;
  try {
    parsed = JSON.parse(json, read) as Partial<HistoryJson>;
  } catch (cause) {
    throw fail(cause);
  }
  if (parsed?.format !== 'anneal.history' || parsed.version !== 1 || !Array.isArray(parsed.epochs)) throw fail();
  return new History(parsed.epochs as EpochRecord[], { best: parsed.best ?? undefined, stopped: parsed.stopped ?? undefined });
}

const NUMBERS = new Map([NaN, Infinity, -Infinity].map((number) => [String(number), number]));

function written(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function read(_: string, value: unknown): unknown {
  return typeof value === 'string' ? (NUMBERS.get(value) ?? value) : value;
}

/** Returns a record on one line: its numbers, and those of the validation, with six digits. */
function numbersOf(record: object): object {
  const short = ([name, value]: [string, unknown]): [string, unknown][] => {
    if (typeof value === 'number') return [[name, Number(value.toPrecision(6))]];
    return name === 'validation' ? [[name, numbersOf(value as object)]] : [];
  };
  return Object.fromEntries(Object.entries(record).flatMap(short));
}
