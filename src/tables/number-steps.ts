// Steps of a column of numbers, each fitted on what the steps before it give.
import { DataError } from '../errors.js';
import type { Json, JsonReader } from './json.js';
import { normalQuantile } from './normal-quantile.js';
import { type Place, wrongValue } from './values.js';

/** A fitted step: a function of one number. */
export interface FittedStep {
  readonly json: { readonly [name: string]: Json };
  apply(value: number, place: Place): number;
}

/** Fits a step on numbers, in which NaN stands for a gap. */
export type FitStep = (values: Float64Array, place: Place) => FittedStep;

/** A step of a column of numbers, as it is described: data.columns has the functions that make one. */
export class NumberStep {
  readonly #text: string;
  readonly #fit: FitStep;
  readonly #indicator: boolean | 'auto' | undefined;

  constructor(text: string, fit: FitStep, indicator?: boolean | 'auto') {
    this.#text = text;
    this.#fit = fit;
    this.#indicator = indicator;
  }

  toString(): string {
    return this.#text;
  }

  fit$(values: Float64Array, place: Place): FittedStep {
    return this.#fit(values, place);
  }

  /** Of a step that fills gaps: whether a number more says that there was one, always, never, or where the training rows have gaps. */
  get indicator$(): boolean | 'auto' | undefined {
    return this.#indicator;
  }
}

/** The numbers that are no gaps. Throws DataError where there are none. */
export function present(values: Float64Array, { op, column }: Place): Float64Array {
  const found = values.filter((value) => !Number.isNaN(value));
  if (found.length > 0) return found;
  throw new DataError(`[${op}] column '${column}': got ${values.length} rows with a gap in each, expected at least one number. Leave the column out.`, { op });
}

/** (x - mean) / std; of a column whose numbers are all alike, 0. */
export function standardizing(mean: number, std: number): FittedStep {
  return { json: { kind: 'standardize', mean, std }, apply: (value) => (value - mean) / std };
}

export function fitStandardize(values: Float64Array, place: Place): FittedStep {
  const { mean, std } = momentsOf(present(values, place));
  return standardizing(mean, std === 0 ? 1 : std);
}

/** Mean and deviation, by two passes, so that a large mean costs no digits. */
export function momentsOf(values: ArrayLike<number>): { readonly mean: number; readonly std: number } {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! / values.length;
  let [squares, rest] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const distance = values[i]! - sum;
    rest += distance / values.length;
    squares += (distance * distance) / values.length;
  }
  const std = Math.sqrt(Math.max(squares - rest * rest, 0));
  // Of equal numbers the mean may be off in its last digit.
  return { mean: sum + rest, std: std <= Math.abs(sum) * 1e-15 ? 0 : std };
}

export function minMaxing(min: number, max: number, [low, high]: readonly [number, number]): FittedStep {
  const scale = max > min ? (high - low) / (max - min) : 0;
  return { json: { kind: 'minMax', min, max, range: [low, high] }, apply: (value) => low + (value - min) * scale };
}

export function fitMinMax(range: readonly [number, number]): FitStep {
  return (values, place) => {
    const found = present(values, place);
    return minMaxing(found.reduce((a, b) => Math.min(a, b)), found.reduce((a, b) => Math.max(a, b)), range);
  };
}

/** log(x + offset). */
export function logging(offset: number): FittedStep {
  return {
    json: { kind: 'log', offset },
    apply: (value, place) => {
      if (value + offset <= 0) throw wrongValue(place, value, `a number above ${-offset}`, 'Give log() an offset: log({ offset: 1 }) takes all above -1.');
      return offset === 1 ? Math.log1p(value) : Math.log(value + offset);
    },
  };
}

export function clipping(low: number, high: number): FittedStep {
  return { json: { kind: 'clip', low, high }, apply: (value) => (value < low ? low : value > high ? high : value) };
}

/** Clips to quantiles of the training rows. */
export function fitClip(low: number, high: number): FitStep {
  return (values, place) => {
    const sorted = present(values, place).toSorted();
    return clipping(quantileOf(sorted, low), quantileOf(sorted, high));
  };
}

/** The quantile of sorted numbers, between two of them in proportion. As numpy.quantile. */
export function quantileOf(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const [a, b] = [sorted[below]!, sorted[Math.min(below + 1, sorted.length - 1)]!];
  return a + (b - a) * (at - below);
}

/** Quantiles to 0..1, or on to the normal distribution's. Values that stand for several quantiles get the middle of them. */
export function quantizing(quantiles: readonly number[], distribution: 'uniform' | 'normal'): FittedStep {
  const last = quantiles.length - 1;
  return {
    json: { kind: 'quantile', quantiles, distribution },
    apply: (value) => {
      if (Number.isNaN(value)) return NaN;
      const share = value <= quantiles[0]! ? 0 : value >= quantiles[last]! ? 1 : (position(quantiles, value, false) + position(quantiles, value, true)) / (2 * last);
      return distribution === 'uniform' ? share : normalQuantile(Math.min(Math.max(share, 1e-7), 1 - 1e-7));
    },
  };
}

/** Place of a value among ascending ones, between two of them in proportion: from the left of equal ones, or from the right. */
function position(ascending: readonly number[], value: number, fromRight: boolean): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (fromRight ? ascending[middle]! <= value : ascending[middle]! < value) low = middle + 1;
    else high = middle;
  }
  // low: the number of those that are below, or not above.
  const [before, after] = [Math.max(low - 1, 0), Math.min(low, ascending.length - 1)];
  const [a, b] = [ascending[before]!, ascending[after]!];
  return b > a ? before + (value - a) / (b - a) : fromRight ? before : after;
}

export function fitQuantile(count: number, distribution: 'uniform' | 'normal'): FitStep {
  return (values, place) => {
    const sorted = present(values, place).toSorted();
    const most = Math.max(Math.min(count, sorted.length), 2);
    return quantizing(Array.from({ length: most }, (_, i) => quantileOf(sorted, i / (most - 1))), distribution);
  };
}

/** Puts `value` where there is a gap. */
export function imputing(fill: number): FittedStep {
  return { json: { kind: 'impute', value: fill }, apply: (value) => (Number.isNaN(value) ? fill : value) };
}

/** The number that is most frequent; the least of several. */
export function mostFrequent(values: Float64Array): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, one) => (one[1] > best[1] || (one[1] === best[1] && one[0] < best[0]) ? one : best))[0];
}

const KINDS = ['standardize', 'minMax', 'log', 'clip', 'quantile', 'impute'] as const;

/** Reads a step that toJSON() has written. */
export function parseStep(reader: JsonReader): FittedStep {
  switch (reader.kind(KINDS)) {
    case 'standardize': {
      const { mean, std } = reader.fields(['kind', 'mean', 'std']);
      return standardizing(mean.number(), std.positive());
    }
    case 'minMax': {
      const { min, max, range } = reader.fields(['kind', 'min', 'max', 'range']);
      const ends = range.list((end) => end.number());
      if (ends.length !== 2) throw range.wrong('two numbers');
      return minMaxing(min.number(), max.number(min.number()), ends as [number, number]);
    }
    case 'log':
      return logging(reader.fields(['kind', 'offset']).offset.number());
    case 'clip': {
      const { low, high } = reader.fields(['kind', 'low', 'high']);
      return clipping(low.number(), high.number(low.number()));
    }
    case 'quantile': {
      const { quantiles, distribution } = reader.fields(['kind', 'quantiles', 'distribution']);
      const numbers = quantiles.list((one) => one.number());
      if (numbers.length < 2 || numbers.some((one, i) => i > 0 && one < numbers[i - 1]!)) throw quantiles.wrong('at least 2 ascending numbers');
      return quantizing(numbers, distribution.oneOf(['uniform', 'normal']));
    }
    case 'impute':
      return imputing(reader.fields(['kind', 'value']).value.number());
  }
}
