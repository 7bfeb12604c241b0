import { Column, type FeatureEncoder, readNumbers } from './column.js';
import type { Json, JsonReader } from './json.js';
import { momentsOf } from './number-steps.js';
import { type Place, timeOf, wrongValue } from './values.js';

/** Periods, in which a date stands somewhere on a circle. */
export type Cycle = 'hour' | 'day' | 'week' | 'month' | 'year';

export const CYCLES: readonly Cycle[] = ['hour', 'day', 'week', 'month', 'year'];

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Share of the period that is over at that time, in UTC: weeks begin on Mondays. */
const SHARES: { readonly [C in Cycle]: (time: number) => number } = {
  hour: (time) => modulo(time, HOUR) / HOUR,
  day: (time) => modulo(time, DAY) / DAY,
  // 1970 began on a Thursday.
  week: (time) => modulo(time + 3 * DAY, 7 * DAY) / (7 * DAY),
  month: (time) => {
    const date = new Date(time);
    return shareOf(time, Date.UTC(date.getUTCFullYear(), date.getUTCMonth()), Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1));
  },
  year: shareOfYear,
};

/** The year that was asked for last: most dates of a table are of few years. */
const year = { from: 0, to: 0 };

function shareOfYear(time: number): number {
  if (!(time >= year.from && time < year.to)) {
    const number = new Date(time).getUTCFullYear();
    [year.from, year.to] = [Date.UTC(number, 0), Date.UTC(number + 1, 0)];
  }
  return shareOf(time, year.from, year.to);
}

const modulo = (a: number, b: number): number => ((a % b) + b) % b;
const shareOf = (time: number, from: number, to: number): number => (time - from) / (to - from);

/** Mean and deviation of times, in days since 1970. */
interface Trend {
  readonly mean: number;
  readonly std: number;
}

function trendOf(time: number, { mean, std }: Trend, value: unknown, place: Place): number {
  const trend = Math.fround((time / DAY - mean) / std);
  if (Number.isFinite(trend)) return trend;
  throw wrongValue(place, value, 'a date near those of the training rows', 'Correct it, or give null for a gap.');
}

/** Each cycle is two numbers, a point on the circle; a gap is the middle of it. A trend is the time itself, standardised; a gap is 0, the mean. */
class DateEncoder implements FeatureEncoder {
  readonly output = 'features';
  readonly names: readonly string[];
  readonly #cycles: readonly Cycle[];
  readonly #trend: Trend | undefined;
  readonly #indicator: boolean;

  constructor(cycles: readonly Cycle[], trend: Trend | undefined, indicator: boolean) {
    this.#cycles = cycles;
    this.#trend = trend;
    this.#indicator = indicator;
    this.names = [...cycles.flatMap((cycle) => [` ${cycle} sin`, ` ${cycle} cos`]), ...(trend === undefined ? [] : [' trend']), ...(indicator ? [' is missing'] : [])];
  }

  write(value: unknown, place: Place, into: Float32Array, at: number): void {
    const time = timeOf(value, place);
    const isGap = Number.isNaN(time);
    let to = at;
    for (const cycle of this.#cycles) {
      const angle = isGap ? 0 : 2 * Math.PI * SHARES[cycle](time);
      into[to++] = isGap ? 0 : Math.sin(angle);
      into[to++] = isGap ? 0 : Math.cos(angle);
    }
    if (this.#trend !== undefined) into[to++] = isGap ? 0 : trendOf(time, this.#trend, value, place);
    if (this.#indicator) into[to] = Number(isGap);
  }

  toJSON(): Json {
    const trend = this.#trend === undefined ? null : { mean: this.#trend.mean, std: this.#trend.std };
    return { kind: 'dates', cycles: this.#cycles, trend, indicator: this.#indicator };
  }
}

/** Without `cycles`: weeks and years, and days where there are times of day. */
export function dateColumn(cycles: readonly Cycle[] | undefined, trend: boolean): Column<'features'> {
  return new Column('features', 'date', `dates(${JSON.stringify({ cycles, trend })})`, (values, place) => {
    const times = readNumbers(values, place, timeOf);
    const known = times.filter((time) => !Number.isNaN(time));
    const found: readonly Cycle[] = known.some((time) => time % DAY !== 0) ? ['day', 'week', 'year'] : ['week', 'year'];
    const { mean, std } = momentsOf(known.map((time) => time / DAY));
    return new DateEncoder(cycles ?? found, trend ? { mean, std: std === 0 ? 1 : std } : undefined, known.length < times.length);
  });
}

export function parseDateColumn(reader: JsonReader): FeatureEncoder {
  const { cycles, trend, indicator } = reader.fields(['kind', 'cycles', 'trend', 'indicator']);
  const moments = trend.isNull ? undefined : trend.fields(['mean', 'std']);
  return new DateEncoder(cycles.list((one) => one.oneOf(CYCLES)), moments && { mean: moments.mean.number(), std: moments.std.positive() }, indicator.flag());
}
