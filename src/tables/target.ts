import { describeList, describeValue } from '../describe-value.js';
import { ArgumentError, DataError } from '../errors.js';
import { checkChoice, checkFlags, checkOptions } from '../options.js';
import { isRecord, type ExampleShape } from '../records.js';
import type { NoTargets, TargetDType } from '../data/dataset.js';
import { unknownCategory } from './categories.js';
import type { Json, JsonReader } from './json.js';
import { momentsOf } from './number-steps.js';
import { categoryOf, numberOf, type Place } from './values.js';

/** Kinds of targets: a class, a number, or none. */
export type TargetKind = 'category' | 'number' | 'none';

export interface NumberTarget {
  readonly kind: 'number';
  /** Trains on (y - mean) / std of the training rows; predictions of rows are brought back. Default false. */
  readonly standardize?: boolean | undefined;
}

export interface ClassTargetOption {
  readonly kind: 'category';
  /** Names of the classes, in the order of their numbers. Default: those of the rows that the pipeline is fitted on, by name. */
  readonly classes?: readonly string[] | undefined;
}

/** The target of a pipeline: its column, and whether it is a class or a number. */
export interface TargetOption {
  readonly [column: string]: 'category' | 'number' | ClassTargetOption | NumberTarget;
}

/** Kind that an option of targets asks for. */
export type KindOf<T> = [T] extends [undefined] ? 'none' : T extends { readonly [column: string]: infer K } ? (K extends NumberTarget ? 'number' : K extends ClassTargetOption ? 'category' : K extends 'category' | 'number' ? K : never) : 'none';

/** Shape and dtype of a target: a class is an index, a number [1], as a model with one output gives it. */
export type TargetShape<T extends TargetKind> = T extends 'category' ? [] : T extends 'number' ? [1] : NoTargets;
export type TargetType<T extends TargetKind> = T extends 'category' ? 'int32' : T extends 'number' ? 'float32' : NoTargets;

/** Facts about a fitted target. */
export type TargetOf<T extends TargetKind> = T extends 'category'
  ? { readonly column: string; readonly kind: 'category'; readonly classNames: readonly string[] }
  : T extends 'number'
    ? { readonly column: string; readonly kind: 'number'; readonly mean: number; readonly std: number }
    : undefined;

/** A target as it is described. */
export interface TargetSpec {
  readonly column: string;
  readonly kind: 'category' | 'number';
  readonly standardize: boolean;
  readonly classes: readonly string[] | undefined;
}

/** Reads the option. Throws ArgumentError for what is none. */
export function targetSpec(op: string, option: unknown): TargetSpec | undefined {
  if (option === undefined) return undefined;
  const columns = isRecord(option) ? Object.entries(option) : [];
  if (columns.length !== 1) throw new ArgumentError(`[${op}] target: got ${isRecord(option) ? `${columns.length} columns` : describeValue(option)}, expected one column and its kind, as in { target: { species: 'category' } } or { target: { price: 'number' } }.`, { op });
  const [[column, how]] = columns as [[string, unknown]];
  if (!isRecord(how)) {
    checkChoice(op, `target.${column}`, how, ['category', 'number']);
    return { column, kind: how as 'category' | 'number', standardize: false, classes: undefined };
  }
  const kind = how['kind'] as 'category' | 'number';
  checkChoice(op, `target.${column}.kind`, kind, ['category', 'number']);
  checkOptions(`${op} target.${column}`, how, kind === 'category' ? ['kind', 'classes'] : ['kind', 'standardize']);
  checkFlags(`${op} target.${column}`, how, ['standardize']);
  const { classes } = how as { readonly classes?: readonly string[] };
  const named = classes === undefined || (Array.isArray(classes) && classes.length >= 2 && classes.every((name) => typeof name === 'string') && new Set(classes).size === classes.length);
  if (!named) throw new ArgumentError(`[${op}] target.${column}.classes: got ${describeList(classes)}, expected at least two names that differ, as in ['no', 'yes'].`, { op });
  return { column, kind, standardize: how['standardize'] === true, classes };
}

/** A fitted target. */
export abstract class Target {
  readonly column: string;
  abstract readonly kind: 'category' | 'number';
  abstract readonly shape: ExampleShape;
  abstract readonly dtype: TargetDType;

  constructor(column: string) {
    this.column = column;
  }

  /** The number that training aims at. Throws DataError for a gap, and for a class that is not known. */
  abstract encode(value: unknown, place: Place): number;
  abstract toJSON(): Json;
}

/** Classes by number, in the order of their names. */
export class ClassTarget extends Target {
  readonly kind = 'category';
  readonly shape = [];
  readonly dtype = 'int32';
  readonly classNames: readonly string[];
  readonly #numbers: ReadonlyMap<string, number>;

  constructor(column: string, classNames: readonly string[]) {
    super(column);
    this.classNames = classNames;
    this.#numbers = new Map(classNames.map((name, i) => [name, i]));
  }

  override encode(value: unknown, place: Place): number {
    const name = categoryOf(value, place);
    if (name === undefined) throw gapInTarget(place, value);
    const number = this.#numbers.get(name);
    if (number === undefined) throw unknownCategory(place, value, this.classNames);
    return number;
  }

  override toJSON(): Json {
    return { column: this.column, kind: this.kind, classNames: this.classNames };
  }
}

/** A number, (y - mean) / std. */
export class ScaledTarget extends Target {
  readonly kind = 'number';
  readonly shape = [1];
  readonly dtype = 'float32';
  readonly mean: number;
  readonly std: number;

  constructor(column: string, mean: number, std: number) {
    super(column);
    this.mean = mean;
    this.std = std;
  }

  override encode(value: unknown, place: Place): number {
    const number = numberOf(value, place);
    if (Number.isNaN(number)) throw gapInTarget(place, value);
    return (number - this.mean) / this.std;
  }

  /** The number that an output means. */
  decode(output: number): number {
    return output * this.std + this.mean;
  }

  override toJSON(): Json {
    return { column: this.column, kind: this.kind, mean: this.mean, std: this.std };
  }
}

function gapInTarget({ op, column, row }: Place, value: unknown): DataError {
  return new DataError(`[${op}] target '${column}'${row === undefined ? '' : `, row ${row}`}: got ${describeValue(value)}, expected a value. Drop the row: rows.filter((row) => row['${column}'] !== null), or data.table(rows, { onMissingTarget: 'skip' }).`, { op });
}

/** Learns classes, or mean and deviation. */
export function fitTarget({ column, kind, standardize, classes }: TargetSpec, values: readonly unknown[], place: Place): Target {
  if (kind === 'category') {
    const names = new Set<string>();
    values.forEach((value, row) => {
      const name = categoryOf(value, { ...place, row });
      if (name === undefined) throw gapInTarget({ ...place, row }, value);
      names.add(name);
    });
    if (classes !== undefined) {
      const other = [...names].find((name) => !classes.includes(name));
      if (other !== undefined) throw unknownCategory(place, other, classes);
      return new ClassTarget(column, [...classes]);
    }
    if (names.size < 2) throw new DataError(`[${place.op}] target '${column}': got ${names.size === 1 ? `one class, '${[...names][0]}'` : 'no rows'}, expected at least 2 classes. Take more rows.`, { op: place.op });
    return new ClassTarget(column, [...names].toSorted((a, b) => (a < b ? -1 : 1)));
  }
  const plain = new ScaledTarget(column, 0, 1);
  const numbers = values.map((value, row) => plain.encode(value, { ...place, row }));
  if (!standardize) return plain;
  const { mean, std } = momentsOf(numbers);
  return new ScaledTarget(column, mean, std === 0 ? 1 : std);
}

export function parseTarget(reader: JsonReader): Target | undefined {
  if (reader.isNull) return undefined;
  if (reader.kind(['category', 'number']) === 'number') {
    const { column, mean, std } = reader.fields(['column', 'kind', 'mean', 'std']);
    return new ScaledTarget(column.text(), mean.number(), std.positive());
  }
  const { column, classNames } = reader.fields(['column', 'kind', 'classNames']);
  const names = classNames.names();
  if (names.length < 2) throw classNames.wrong('at least 2 names');
  return new ClassTarget(column.text(), names);
}
