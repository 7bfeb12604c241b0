import { Dataset, type DefaultDType, type DTypes, type Field } from '../data/dataset.js';
import { nameOf } from '../data/examples.js';
import { fromIterable, type Stream } from '../data/stream.js';
import { describeValue } from '../describe-value.js';
import { ArgumentError, DataError } from '../errors.js';
import { EventLoopTurns } from '../event-loop.js';
import { inspected, labelled, type Inspect } from '../inspect.js';
import { checkChoice, checkOptions, checkRequired } from '../options.js';
import { type BatchTensors, type ExampleShape, isRecord, type ShapeRecord } from '../records.js';
import type { Shape } from '../shape.js';
import { Column, type ColumnOutput } from './column.js';
import { parseEncoder } from './encoders.js';
import { type Json, JsonReader } from './json.js';
import { Examples, Layout, valueOf } from './layout.js';
import { numberColumn } from './number-column.js';
import { NumberStep } from './number-steps.js';
import { ClassTarget, fitTarget, type KindOf, parseTarget, type Target, type TargetKind, type TargetOf, type TargetOption, targetSpec, type TargetSpec, type TargetShape, type TargetType } from './target.js';
import type { Row } from './values.js';

const FORMAT = 'anneal.pipeline';
const VERSION = 1;

/** Making of a column's inputs: steps of numbers, or one of the other functions of data.columns. */
export type ColumnSpec = NumberStep | readonly NumberStep[] | Column;

export interface ColumnSpecs {
  readonly [column: string]: ColumnSpec;
}

export interface PipelineOptions<C extends ColumnSpecs, T extends TargetOption | undefined = undefined> {
  /** Making of inputs by column; columns of rows that are not named here are passed over. */
  readonly columns: C;
  /** The column that is to be predicted, and its kind: a class, or a number. Left out: there is none. */
  readonly target?: T | undefined;
  /** A row without one of the columns is an error, or its value is a gap, as null is. Default 'error', as it may be misspelled. */
  readonly absent?: 'error' | 'gap' | undefined;
}

type OutputOf<S> = S extends Column<infer O> ? O : 'features';
type ColumnsOf<C, O extends ColumnOutput> = { [K in keyof C]: OutputOf<C[K]> extends O ? K : never }[keyof C];

/** The shape of inputs that columns become: [features], or a record where columns have fields of their own. E are names of further columns that become features. */
export type PipelineShape<C, E = never> = [ColumnsOf<C, 'index' | 'terms' | 'tokens'>] extends [never] ? [number] : Fields<C, E> extends infer R extends ShapeRecord ? { [K in keyof R]: R[K] } : never;

type Fields<C, E> = ([ColumnsOf<C, 'features'> | E] extends [never] ? unknown : { features: [number] }) & { [K in ColumnsOf<C, 'index'> & string]: [] } & {
  [K in (ColumnsOf<C, 'terms'> & string) | `${ColumnsOf<C, 'terms'> & string}Weights`]: [number];
} & { [K in ColumnsOf<C, 'tokens'> & string]: [number] } & { [K in `${ColumnsOf<C, 'tokens'> & string}Lengths`]: [] };

/** Inputs of one row: numbers, or a record of them. */
export type RowInputs<X extends ExampleShape> = X extends Shape ? Float32Array : { readonly [K in keyof X]: Float32Array | Int32Array };

export type Rows = Iterable<Row> | AsyncIterable<Row>;

interface Fitted {
  readonly layout: Layout;
  readonly target: Target | undefined;
}

/** A pipeline with what it has learned: see data.pipeline(). */
export class Pipeline<X extends ExampleShape = ExampleShape, T extends TargetKind = TargetKind> {
  /** For the compiler alone. */
  declare readonly kind$: T;
  readonly #columns: readonly (readonly [string, Column])[];
  readonly #target: TargetSpec | undefined;
  readonly #absent: 'error' | 'gap';
  #fitted: Fitted | undefined;

  constructor(columns: readonly (readonly [string, Column])[], target: TargetSpec | undefined, absent: 'error' | 'gap', fitted?: Fitted) {
    this.#columns = columns;
    this.#target = target;
    this.#absent = absent;
    this.#fitted = fitted;
  }

  /**
   * Learns means, categories and the like from the rows of the training part, and from nothing else. Rows are an array, or come one by one, as those of data.csv(). What was learned before
   * is forgotten. Rejects with DataError, naming column and row, for a value that a column does not take.
   *
   *     const pipeline = await data.pipeline({ columns: { age: data.columns.standardize() } }).fit([{ age: 20 }, { age: 40 }]);
   */
  async fit(rows: Rows): Promise<this> {
    const op = 'pipeline.fit';
    if (this.#columns.length === 0 && this.#fitted !== undefined) throw new ArgumentError(`[${op}] this pipeline comes from a file, which has what it has learned, not how: got rows, expected it to be used as it is. Make a new one: data.pipeline({ columns }).`, { op });
    const target = this.#target;
    const names = [...this.#columns.map(([name]) => name), ...(target === undefined ? [] : [target.column])];
    const values = await collect(op, rows, names, this.#absent === 'error');
    const layout = new Layout(op, this.#columns.map(([name, column], i) => [name, column.fit$(values[i]!, { op, column: name, row: undefined })] as const));
    this.#fitted = { layout, target: target && fitTarget(target, values.at(-1)!, { op, column: target.column, row: undefined }) };
    return this;
  }

  /** Returns whether it has learned what it needs. */
  get isFitted(): boolean {
    return this.#fitted !== undefined;
  }

  /** The shape of the inputs of one example: [features], or a record of shapes where columns have fields of their own. */
  get shape(): X {
    return this.#known('shape').layout.shape as X;
  }

  get dtype(): DTypes {
    return this.#known('dtype').layout.dtype;
  }

  /** Names of the features, as in 'age' and 'city=Oslo'. */
  get featureNames(): readonly string[] {
    return this.#known('featureNames').layout.featureNames;
  }

  /** The number of indices of each column that has an embedding: the rows of its table. */
  get embeddings(): Readonly<Record<string, number>> {
    const { layout } = this.#known('embeddings');
    return Object.fromEntries(layout.columns.flatMap(({ name, encoder }) => (encoder.output === 'features' ? [] : [[name, encoder.size] as const])));
  }

  /** Names of the classes, in the order of their numbers; undefined where the target is no class. */
  get classNames(): readonly string[] | undefined {
    const { target } = this.#known('classNames');
    return target instanceof ClassTarget ? target.classNames : undefined;
  }

  /** The target: its column, its kind, and names of classes, or mean and deviation by which numbers are standardised (0 and 1 where they are not). Undefined where there is none. */
  get target(): TargetOf<T> {
    const { target } = this.#known('target');
    return (target === undefined ? undefined : JSON.parse(JSON.stringify(target))) as TargetOf<T>;
  }

  /** The fitted target; undefined where there is none. */
  get target$(): Target | undefined {
    return this.#known('target').target;
  }

  /**
   * The inputs of one row, as training saw them: numbers, or a record of them. An unknown category, a gap and a column that is not there have the answers that their columns and `absent` state.
   * Throws DataError for a value that a column does not take, ArgumentError for a column that is not there.
   *
   *     const pipeline = await data.pipeline({ columns: { age: data.columns.standardize() } }).fit([{ age: 20 }, { age: 40 }]);
   *     pipeline.row({ age: 50 });                                             // Float32Array [2]
   */
  row(row: Row): RowInputs<X> {
    const { layout } = this.#known('row');
    const arrays = this.#examples('pipeline.row', [row]).arrays();
    return (layout.isPlain ? arrays[0] : Object.fromEntries(layout.fields.map(({ name }, i) => [name, arrays[i]]))) as RowInputs<X>;
  }

  /** The inputs of some rows with the batch in front, for a model: a tensor, or a record of tensors. Throws as row() does. */
  batch(rows: readonly Row[]): BatchTensors<X> {
    return this.#examples('pipeline.batch', rows).tensors() as BatchTensors<X>;
  }

  /**
   * A dataset of these rows, with their targets where the pipeline has one. Rows are not kept. Rejects as row() throws, and with DataError for a target that is a gap or an unknown class,
   * naming the row, and where there are no rows.
   *
   *     const pipeline = await data.pipeline({ columns: { age: data.columns.standardize() }, target: { paid: 'number' } }).fit([{ age: 20, paid: 1 }, { age: 40, paid: 3 }]);
   *     const later = await pipeline.dataset([{ age: 30, paid: 2 }]);
   */
  async dataset(rows: Rows, options: { readonly name?: string | undefined } = {}): Promise<Dataset<X, TargetShape<T>, TargetType<T>, DefaultDType<X>>> {
    const op = 'pipeline.dataset';
    checkOptions(op, options, ['name']);
    const name = nameOf(op, options.name, 'rows');
    const { layout, target } = this.#known('dataset');
    const examples = new Examples(layout, op, this.#absent === 'error', 256);
    const targets: number[] = [];
    const place = { op, column: target?.column ?? '', row: 0 };
    const number = await forEachRow(op, rows, (row, i) => {
      examples.add(row, i);
      place.row = i;
      if (target !== undefined) targets.push(target.encode(valueOf(row, target.column, true, place), place));
    });
    if (number === 0) throw new DataError(`[${op}] dataset '${name}' is empty: got no rows, expected at least one.`, { op });
    const arrays = examples.arrays();
    const inputs: Field[] = layout.fields.map((field, i) => ({ name: layout.isPlain ? undefined : field.name, data: arrays[i]!, shape: field.shape }));
    const described = { name, size: number, inputs, shape: layout.shape as X, dtype: layout.dtype };
    if (target === undefined) return new Dataset({ ...described, targets: [], targetShape: {}, targetDtype: {}, classes: undefined }) as never;
    const data = target.dtype === 'int32' ? Int32Array.from(targets) : Float32Array.from(targets);
    return new Dataset({ ...described, targets: [{ name: undefined, data, shape: target.shape as Shape }], targetShape: target.shape, targetDtype: target.dtype, classes: target instanceof ClassTarget ? target.classNames.length : undefined }) as never;
  }

  /**
   * A stream of these rows, for tables that do not fit into the memory: each pass reads them from their beginning, so they are those of a reader, or a function gives them.
   *
   *     const cars = data.csv('cars.csv', { schema: { power: 'number', origin: 'category' }, otherColumns: 'ignore', missing: ['NA'] });
   *     const pipeline = await data.pipeline({ columns: { power: [data.columns.impute(), data.columns.standardize()] }, target: { origin: 'category' } }).fit(cars);
   *     const batches = data.loader(pipeline.stream(cars), { batchSize: 2 });
   *
   * Throws ArgumentError for what is neither; in the loop as row() does, with the number of the row.
   */
  stream(rows: Rows | (() => Rows), options: { readonly name?: string | undefined } = {}): Stream<X, TargetShape<T>, TargetType<T>, DefaultDType<X>> {
    const op = 'pipeline.stream';
    checkOptions(op, options, ['name']);
    const { layout, target } = this.#known('stream');
    if (target === undefined) throw new ArgumentError(`[${op}] target: got none, expected one: examples of streams have targets. Name the target of the pipeline, or make a dataset.`, { op });
    const required = this.#absent === 'error';
    async function* examples(): AsyncGenerator<{ x: unknown; y: unknown }> {
      let number = 0;
      for await (const row of checkedRows(op, typeof rows === 'function' ? rows() : rows)) {
        const one = new Examples(layout, op, required, 1);
        one.add(row, number);
        const place = { op, column: target!.column, row: number++ };
        const arrays = one.arrays();
        const x = layout.isPlain ? arrays[0] : Object.fromEntries(layout.fields.map(({ name }, i) => [name, arrays[i]]));
        const y = target!.encode(valueOf(row, target!.column, true, place), place);
        yield { x, y: target instanceof ClassTarget ? y : [y] };
      }
    }
    const integers = layout.fields.filter(({ dtype }) => dtype === 'int32').map(({ name }) => [name, 'int32']);
    const described = { shape: layout.shape, ...(layout.isPlain ? {} : { dtype: Object.fromEntries(integers) }), name: nameOf(op, options.name, 'rows') };
    return fromIterable(examples as never, (target instanceof ClassTarget ? { ...described, classes: target.classNames.length } : { ...described, targetShape: [1] }) as never) as never;
  }

  /** Returns all that it has learned, exact, as JSON that Pipeline.fromJSON() reads. Throws ArgumentError before fit(). */
  toJSON(): Json {
    const { layout, target } = this.#known('toJSON');
    const columns = layout.columns.map(({ name, encoder }) => ({ column: name, ...(encoder.toJSON() as Record<string, Json>) }));
    return { format: FORMAT, version: VERSION, absent: this.#absent, columns, target: target?.toJSON() ?? null };
  }

  /**
   * The pipeline that toJSON() wrote, ready for use, in training or serving. Throws FileFormatError for anything else, however it is made up.
   *
   *     const fitted = await data.pipeline({ columns: { age: data.columns.standardize() } }).fit([{ age: 20 }, { age: 40 }]);
   *     const again = data.Pipeline.fromJSON(JSON.parse(JSON.stringify(fitted)));
   */
  static fromJSON(value: unknown): Pipeline {
    const { format, version, absent, columns, target } = new JsonReader(value, 'pipeline').fields(['format', 'version', 'absent', 'columns', 'target']);
    format.oneOf([FORMAT]);
    version.oneOf([VERSION]);
    const parsed = columns.list((reader) => {
      const { field, rest } = reader.without('column');
      return [field.text(), parseEncoder(rest)] as const;
    });
    if (parsed.length === 0) throw columns.wrong('at least one column');
    if (new Set(parsed.map(([name]) => name)).size < parsed.length) throw columns.wrong('columns whose names all differ');
    try {
      return new Pipeline([], undefined, absent.oneOf(['error', 'gap']), { layout: new Layout('Pipeline.fromJSON', parsed), target: parseTarget(target) });
    } catch (error) {
      throw error instanceof ArgumentError ? columns.wrong('columns that fit into one example') : error;
    }
  }

  [inspected](depth: number, options: object, inspect: Inspect): string {
    const fitted = this.#fitted;
    const columns = this.#columns.length > 0 ? Object.fromEntries(this.#columns.map(([name, column]) => [name, String(column)])) : fitted!.layout.columns.map(({ name }) => name);
    return labelled('Pipeline', { columns, ...(fitted === undefined ? { isFitted: false } : { shape: fitted.layout.shape, target: fitted.target?.column }) }, depth, options, inspect);
  }

  #examples(op: string, rows: readonly Row[]): Examples {
    const { layout } = this.#known(op.slice(op.indexOf('.') + 1));
    if (!Array.isArray(rows) || rows.length === 0) throw new ArgumentError(`[${op}] rows: got ${Array.isArray(rows) ? 'none' : describeValue(rows)}, expected an array with at least one row.`, { op });
    const examples = new Examples(layout, op, this.#absent === 'error', rows.length);
    for (const [i, row] of rows.entries()) {
      checkRow(op, row);
      examples.add(row, rows.length === 1 ? undefined : i);
    }
    return examples;
  }

  #known(what: string): Fitted {
    if (this.#fitted !== undefined) return this.#fitted;
    throw new ArgumentError(`[pipeline.${what}] the pipeline has learned nothing yet: got it before fit(), expected it after. Fit it on the training rows: await pipeline.fit(rows).`, { op: `pipeline.${what}` });
  }
}

/**
 * A pipeline from rows to the inputs of a model: what becomes of each column, as the functions of data.columns say. `fit` learns from the training rows what there is to learn, `dataset` makes
 * datasets of rows, and `row` makes the inputs of a single one, the same in training and in serving; it is saved as JSON.
 *
 *     const { embedding, impute, oneHot, standardize } = data.columns;
 *     const pipeline = data.pipeline({
 *       columns: { age: [impute('median'), standardize()], city: oneHot(), street: embedding() },
 *       target: { moved: 'category' },
 *     });
 *     const people = [{ age: 20, city: 'Oslo', street: 'Torggata', moved: 'no' }, { age: null, city: 'Bergen', street: 'Bryggen', moved: 'yes' }];
 *     const dataset = await (await pipeline.fit(people)).dataset(people);    // inputs { features: [4], street: [] }
 *
 * As sklearn.compose.ColumnTransformer. Throws ArgumentError for what is no column or target, AnnealError for an unknown option.
 */
export function pipeline<const C extends ColumnSpecs, const T extends TargetOption | undefined = undefined>(options: PipelineOptions<C, T>): Pipeline<PipelineShape<C>, KindOf<T>> {
  const op = 'data.pipeline';
  checkRequired(op, options, ['columns', 'target', 'absent']);
  const { columns, target, absent = 'error' } = options;
  if (!isRecord(columns) || Object.keys(columns).length === 0) throw new ArgumentError(`[${op}] columns: got ${isRecord(columns) ? 'none' : describeValue(columns)}, expected at least one, as in { columns: { age: data.columns.standardize() } }.`, { op });
  checkChoice(op, 'absent', absent, ['error', 'gap']);
  const spec = targetSpec(op, target);
  if (spec !== undefined && Object.hasOwn(columns, spec.column)) throw new ArgumentError(`[${op}] columns: got '${spec.column}', which is the target, expected it only there. A model that sees its target learns nothing else.`, { op });
  return new Pipeline(Object.entries(columns).map(([name, column]) => [name, columnOf(op, name, column)] as const), spec, absent);
}

function columnOf(op: string, name: string, spec: unknown): Column {
  if (spec instanceof Column) return spec;
  const steps: readonly unknown[] = Array.isArray(spec) ? spec : [spec];
  if (steps.length > 0 && steps.every((step) => step instanceof NumberStep)) return numberColumn(steps as readonly NumberStep[]);
  const got = Array.isArray(spec) ? `[${spec.map(describeValue).join(', ')}]` : describeValue(spec);
  throw new ArgumentError(`[${op}] columns.${name}: got ${got}, expected a function of data.columns that is called, as in data.columns.oneHot(), or an array of steps of numbers. Names of categories, dates and texts take one.`, { op });
}

/** Values by column of all rows. */
async function collect(op: string, rows: Rows, names: readonly string[], required: boolean): Promise<unknown[][]> {
  const values: unknown[][] = names.map(() => []);
  const place = { op, column: '', row: 0 };
  const count = await forEachRow(op, rows, (row, number) => {
    place.row = number;
    for (let i = 0; i < names.length; i++) values[i]!.push(valueOf(row, names[i]!, required, place));
  });
  if (count === 0) throw new DataError(`[${op}] rows: got none, expected at least one.`, { op });
  return values;
}

/** Calls `visit` for each row, and gives the event loop its turn now and then. Returns the number of rows. */
async function forEachRow(op: string, rows: Rows, visit: (row: Row, number: number) => void): Promise<number> {
  const turns = new EventLoopTurns();
  let number = 0;
  if (typeof rows === 'object' && rows !== null && Symbol.iterator in rows) {
    for (const row of rows) {
      checkRow(op, row);
      visit(row, number++);
      if (number % 256 === 0) await turns.yieldToEventLoop();
    }
    return number;
  }
  for await (const row of checkedRows(op, rows)) {
    visit(row, number++);
    if (number % 256 === 0) await turns.yieldToEventLoop();
  }
  return number;
}

async function* checkedRows(op: string, rows: Rows): AsyncGenerator<Row> {
  const isIterable = typeof rows === 'object' && rows !== null && (Symbol.iterator in rows || Symbol.asyncIterator in rows);
  if (!isIterable) throw new ArgumentError(`[${op}] rows: got ${describeValue(rows)}, expected an array of objects, or rows that come one by one, as those of data.csv(path).`, { op });
  for await (const row of rows) {
    checkRow(op, row);
    yield row;
  }
}

function checkRow(op: string, row: unknown): asserts row is Row {
  if (typeof row === 'object' && row !== null && !Array.isArray(row) && !ArrayBuffer.isView(row)) return;
  throw new ArgumentError(`[${op}] a row: got ${describeValue(row)}, expected an object with a value for each column.`, { op });
}
