// The fields of a pipeline's inputs, and the arrays that rows are written into.
import type { DTypes } from '../data/dataset.js';
import { ArgumentError } from '../errors.js';
import { suggestion } from '../options.js';
import { fromArray } from '../ops/leaf.js';
import type { ExampleShape, Tensors } from '../records.js';
import { type Shape, sizeOf } from '../shape.js';
import type { ColumnEncoder } from './column.js';
import type { Place, Row } from './values.js';

/** The name of the field that has the numbers of all columns, where there are other fields beside it. */
export const FEATURES = 'features';

/** A fitted column with its place in the inputs. */
export interface PlacedColumn {
  readonly name: string;
  readonly encoder: ColumnEncoder;
  /** The first of its numbers in the features; undefined where it has fields of its own. */
  readonly at: number;
}

/** One field of the inputs. */
export interface InputField {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: 'float32' | 'int32';
}

/** Most numbers of an example: more do not fit into a tensor of some rows. */
const MOST_FEATURES = 2 ** 20;

/** Inputs that fitted columns become. */
export class Layout {
  readonly columns: readonly PlacedColumn[];
  readonly fields: readonly InputField[];
  /** Names of the features: 'age', 'city=Oslo'. */
  readonly featureNames: readonly string[];

  constructor(op: string, columns: readonly (readonly [name: string, encoder: ColumnEncoder])[]) {
    const names: string[] = [];
    const others: InputField[] = [];
    this.columns = columns.map(([name, encoder]) => {
      const at = names.length;
      if (encoder.output === 'features') for (const one of encoder.names) names.push(name + one);
      else if (encoder.output === 'index') others.push({ name, shape: [], dtype: 'int32' });
      else if (encoder.output === 'terms') others.push({ name, shape: [encoder.count], dtype: 'int32' }, { name: `${name}Weights`, shape: [encoder.count], dtype: 'float32' });
      else others.push({ name, shape: [encoder.count], dtype: 'int32' }, { name: `${name}Lengths`, shape: [], dtype: 'int32' });
      return { name, encoder, at };
    });
    if (names.length > MOST_FEATURES) throw new ArgumentError(`[${op}] columns: got ${names.length} numbers an example, expected at most ${MOST_FEATURES}. Take an embedding where there are many categories, or sparse words.`, { op });
    this.featureNames = names;
    this.fields = [...(names.length > 0 ? [{ name: FEATURES, shape: [names.length], dtype: 'float32' } as const] : []), ...others];
    const twice = this.fields.find(({ name }, i) => this.fields.findIndex((other) => other.name === name) !== i);
    if (twice !== undefined) throw new ArgumentError(`[${op}] columns: got two fields of inputs that are called '${twice.name}', expected names that differ. Rename the column.`, { op });
  }

  /** Returns whether the inputs are one array. */
  get isPlain(): boolean {
    return this.fields.length === 1 && this.fields[0]!.name === FEATURES;
  }

  /** The shape of one example. */
  get shape(): ExampleShape {
    return this.isPlain ? this.fields[0]!.shape : Object.fromEntries(this.fields.map(({ name, shape }) => [name, shape]));
  }

  get dtype(): DTypes {
    return this.isPlain ? 'float32' : Object.fromEntries(this.fields.map(({ name, dtype }) => [name, dtype]));
  }
}

type Values = Float32Array | Int32Array;

/** Examples of a layout, row by row, in arrays that grow. */
export class Examples {
  readonly #layout: Layout;
  readonly #place: { op: string; column: string; row: number | undefined };
  readonly #required: boolean;
  #arrays: Values[];
  #capacity: number;
  #size = 0;

  constructor(layout: Layout, op: string, required: boolean, capacity: number) {
    this.#layout = layout;
    this.#place = { op, column: '', row: undefined };
    this.#required = required;
    this.#capacity = capacity;
    this.#arrays = layout.fields.map(({ shape, dtype }) => new (dtype === 'int32' ? Int32Array : Float32Array)(capacity * sizeOf(shape)));
  }

  get size(): number {
    return this.#size;
  }

  /** Takes a row; `number` stands in messages. */
  add(row: Row, number: number | undefined): void {
    if (this.#size === this.#capacity) this.#grow();
    const place = this.#place;
    place.row = number;
    const { columns, featureNames } = this.#layout;
    const from = this.#size * featureNames.length;
    let field = featureNames.length > 0 ? 1 : 0;
    for (const { name, encoder, at } of columns) {
      place.column = name;
      const value = valueOf(row, name, this.#required, place);
      if (encoder.output === 'features') encoder.write(value, place, this.#arrays[0] as Float32Array, from + at);
      else if (encoder.output === 'index') this.#arrays[field++]![this.#size] = encoder.index(value, place);
      else {
        const [indices, beside] = [this.#arrays[field] as Int32Array, this.#arrays[field + 1]!];
        if (encoder.output === 'terms') encoder.terms(value, place, indices, beside as Float32Array, this.#size * encoder.count);
        else beside[this.#size] = encoder.tokens(value, place, indices, this.#size * encoder.count);
        field += 2;
      }
    }
    this.#size++;
  }

  /** The arrays of all fields, as long as there are rows. */
  arrays(): readonly Values[] {
    return this.#layout.fields.map(({ shape }, i) => (this.#size === this.#capacity ? this.#arrays[i]! : this.#arrays[i]!.subarray(0, this.#size * sizeOf(shape))));
  }

  /** Tensors with the batch in front: one, or a record of them. */
  tensors(): Tensors {
    const arrays = this.arrays();
    const { fields, isPlain } = this.#layout;
    const all = fields.map(({ name, shape, dtype }, i) => [name, fromArray(arrays[i]!, [this.#size, ...shape], dtype)] as const);
    return isPlain ? all[0]![1] : Object.fromEntries(all);
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#arrays = this.#arrays.map((array, i) => {
      const larger = new (array.constructor as new (length: number) => Values)(this.#capacity * sizeOf(this.#layout.fields[i]!.shape));
      larger.set(array as never);
      return larger;
    });
  }
}

/** The value of a column. Throws DataError, with the name that is spelled most alike, where the row has none and must have one. */
export function valueOf(row: Row, name: string, required: boolean, place: Place): unknown {
  if (Object.hasOwn(row, name)) return row[name];
  if (required) throw absent(row, name, place);
  return undefined;
}

function absent(row: Row, name: string, { op, row: number }: Place): ArgumentError {
  const keys = Object.keys(row);
  const near = keys.find((key) => suggestion(key, [name]) !== '');
  const found = near === undefined ? '' : ` Did you mean '${name}' by '${near}'?`;
  return new ArgumentError(`[${op}] ${number === undefined ? 'the row' : `row ${number}`} has no column '${name}': got ${keys.slice(0, 10).join(', ') || 'no columns'}, expected it.${found} A gap is null; { absent: 'gap' } of the pipeline takes columns that are not there for gaps.`, { op });
}
