import { ArgumentError } from '../errors.js';
import { Column, type FeatureEncoder, readNumbers } from './column.js';
import type { Json, JsonReader } from './json.js';
import { type FittedStep, type NumberStep, parseStep } from './number-steps.js';
import { keyOf, numberOf, type Place, wrongValue } from './values.js';

/** A column of numbers: its steps one after the other, and where a step fills gaps possibly a second number, 1 where there was one. */
export class NumberEncoder implements FeatureEncoder {
  readonly output = 'features';
  readonly names: readonly string[];
  readonly #steps: readonly FittedStep[];
  readonly #indicator: boolean;

  constructor(steps: readonly FittedStep[], indicator: boolean) {
    this.#steps = steps;
    this.#indicator = indicator;
    this.names = indicator ? ['', ' is missing'] : [''];
  }

  write(value: unknown, place: Place, into: Float32Array, at: number): void {
    const number = numberOf(value, place);
    let result = number;
    for (const step of this.#steps) result = step.apply(result, place);
    if (Number.isNaN(result)) throw gapIn(place, value);
    const rounded = Math.fround(result);
    if (!Number.isFinite(rounded)) throw wrongValue(place, value, 'a number that float32 holds after its steps', 'Clip it, or take its logarithm.');
    into[at] = rounded;
    if (this.#indicator) into[at + 1] = Number.isNaN(number) ? 1 : 0;
  }

  toJSON(): Json {
    return { kind: 'number', steps: this.#steps.map(({ json }) => json), indicator: this.#indicator };
  }
}

export function parseNumberColumn(reader: JsonReader): NumberEncoder {
  const { steps, indicator } = reader.fields(['kind', 'steps', 'indicator']);
  return new NumberEncoder(steps.list(parseStep), indicator.flag());
}

function gapIn(place: Place, value: unknown): Error {
  return wrongValue(place, value, 'a number', `Fill gaps before other steps, as in { ${keyOf(place.column)}: [data.columns.impute('median'), data.columns.standardize()] }, or drop the row.`);
}

/** The column of these steps. */
export function numberColumn(steps: readonly NumberStep[]): Column<'features'> {
  return new Column('features', 'number', `[${steps.join(', ')}]`, (values, place) => {
    const numbers = readNumbers(values, place, numberOf);
    const gap = numbers.findIndex((value) => Number.isNaN(value));
    const [first, ...rest] = steps.filter(({ indicator$ }) => indicator$ !== undefined);
    if (rest.length > 0) throw new ArgumentError(`[${place.op}] column '${place.column}': got impute() twice, expected it once. Leave one out.`, { op: place.op });
    if (gap >= 0 && first === undefined) throw gapIn({ ...place, row: gap }, values[gap]);
    const fitted: FittedStep[] = [];
    let current = numbers;
    for (const step of steps) {
      const one = step.fit$(current, place);
      fitted.push(one);
      current = readNumbers(current, place, (value) => one.apply(value, place));
    }
    return new NumberEncoder(fitted, first?.indicator$ === 'auto' ? gap >= 0 : first?.indicator$ === true);
  });
}

