import type { Dataset, DefaultDType } from '../data/dataset.js';
import { ascending } from '../data/order.js';
import { type SplitOptions, splitPositions } from '../data/split.js';
import { describeValue } from '../describe-value.js';
import { ArgumentError, DataError } from '../errors.js';
import type { FilePath } from '../io/path.js';
import { checkChoice, checkOptions, checkRequired } from '../options.js';
import { type ExampleShape, isRecord } from '../records.js';
import * as columns from './columns.js';
import { type ColumnSpec, type ColumnSpecs, type Pipeline, pipeline, type PipelineShape, type Rows } from './pipeline.js';
import { type SkippedRow, TableReader } from './reader.js';
import type { ColumnKind } from './schema.js';
import { type ReadOptions, rowsFrom } from './sources.js';
import { type KindOf, type TargetKind, type TargetOption, targetSpec, type TargetSpec, type TargetShape, type TargetType } from './target.js';
import { categoryOf, isGap, keyOf, type Row, timeOf } from './values.js';

const OP = 'data.table';
const KNOWN = ['numeric', 'categorical', 'text', 'date', 'columns', 'target', 'split', 'absent', 'onMissingTarget', 'read', 'name'];

/** Parts that are held back, and how they are chosen; in order of time they are the latest. */
export interface TableSplit {
  /** Share of all rows that are for validation, in (0, 1). Default: none. */
  readonly validation?: number | undefined;
  /** Share of all rows that are for the test at the end, in (0, 1). Default: none. */
  readonly test?: number | undefined;
  /** Of what is drawn. Default 0. */
  readonly seed?: number | undefined;
  /** false: parts are the first rows, the next and the last. Default true: rows are drawn. */
  readonly shuffle?: boolean | undefined;
  /** True: each class has the same share of all parts. Default false. */
  readonly stratify?: boolean | undefined;
  /** Column whose rows of one value stay together, such as a patient. */
  readonly groups?: string | undefined;
  /** Column of times: parts are the earliest rows, later ones and the latest. */
  readonly time?: string | undefined;
  /** Column whose value says, by a hash, in which part a row is, whatever other rows there are. */
  readonly hash?: string | undefined;
}

const SPLIT_KNOWN = ['validation', 'test', 'seed', 'shuffle', 'stratify', 'groups', 'time', 'hash'];

export interface TableOptions<C extends ColumnSpecs = Record<never, never>, T extends TargetOption | undefined = undefined, S extends TableSplit | undefined = undefined, E extends string = string> {
  /** Columns of numbers: gaps are filled by the mean, with a number more that says so where the training rows have gaps, and standardised. */
  readonly numeric?: readonly E[] | undefined;
  /** Columns of categories: a number for each category of the training rows, of which there may be 256. */
  readonly categorical?: readonly E[] | undefined;
  /** Columns of texts: counts of their words in 512 buckets. */
  readonly text?: readonly E[] | undefined;
  /** Columns of dates: places in the week and the year, and in the day where there are times of day. */
  readonly date?: readonly E[] | undefined;
  /** Columns that become something else, by functions of data.columns. */
  readonly columns?: C | undefined;
  /** The column that is to be predicted, and its kind, as in { species: 'category' } or { price: 'number' }. Left out: there is none. */
  readonly target?: T | undefined;
  /** Parts that are held back; nothing is learned from them. Default: none. */
  readonly split?: S | undefined;
  /** A row without one of the columns is an error, or its value is a gap, as null is. Default 'error', as it may be misspelled. */
  readonly absent?: 'error' | 'gap' | undefined;
  /** Rows whose target is a gap: an error, or left out and counted in `missingTargets`. Default 'throw'. */
  readonly onMissingTarget?: 'throw' | 'skip' | undefined;
  /** Options of the reader of a file, as in { missing: ['', 'NA'], onBadRow: 'skip' }. */
  readonly read?: ReadOptions | undefined;
  /** Stands in messages. Default 'table'. */
  readonly name?: string | undefined;
}

/** The dataset of a part, if it was asked for. */
type Part<D, S, K extends keyof TableSplit> = S extends { readonly [P in K]: number } ? D : undefined;

/** A table as datasets, and the pipeline that made them. */
export interface Table<X extends ExampleShape = ExampleShape, T extends TargetKind = TargetKind, S = unknown> {
  readonly train: Dataset<X, TargetShape<T>, TargetType<T>, DefaultDType<X>>;
  readonly validation: Part<Table<X, T>['train'], S, 'validation'>;
  readonly test: Part<Table<X, T>['train'], S, 'test'>;
  /** Numbers of the rows of each part, from 0 as they were read, ascending: those of the examples of its dataset, so that a mistake can be looked up. */
  readonly positions: { readonly train: Int32Array; readonly validation: Part<Int32Array, S, 'validation'>; readonly test: Part<Int32Array, S, 'test'> };
  /** Fitted on the rows of `train`. */
  readonly pipeline: Pipeline<X, T>;
  /** Rows of the file that could not be read, and those whose target is a gap, where these were to be left out. */
  readonly skippedRows: number;
  readonly skipped: readonly SkippedRow[];
  readonly missingTargets: number;
}

/**
 * Datasets of the rows of a table, the everyday road: names of columns by their kind, the column that is to be predicted, and the parts that are held back. What there is to learn of columns is
 * learned from the training part alone. The pipeline makes the same of rows that come later, and is saved with the model. Rows are an array, the path of a file (.csv, .tsv, .jsonl, .parquet, .arrow), or
 * those of a reader; all are in memory until the datasets are made.
 *
 *     const people = Array.from({ length: 40 }, (_, i) => ({ age: i % 9 === 0 ? null : 20 + i, city: ['Oslo', 'Bergen'][i % 2], moved: i % 4 > 1 ? 'yes' : 'no' }));
 *     const { train, test, pipeline } = await data.table(people, {
 *       numeric: ['age'], categorical: ['city'], target: { moved: 'category' }, split: { test: 0.25, stratify: true },
 *     });
 *     const model = nn.sequential([pipeline.featureNames.length], nn.linear(pipeline.featureNames.length, 2));
 *     const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters()), pipeline });
 *     await trainer.fit(train, { epochs: 2 });
 *     console.log(await trainer.evaluate(test), await trainer.predictRow({ age: 30, city: 'Oslo' }));
 *
 * Throws ArgumentError for columns that are named twice or not at all, and AnnealError for an unknown option; DataError, naming column and row, for values that a column does not take.
 */
export async function table<const C extends ColumnSpecs = Record<never, never>, const T extends TargetOption | undefined = undefined, const S extends TableSplit | undefined = undefined, const E extends string = never>(
  rows: Rows | FilePath,
  options: TableOptions<C, T, S, E>,
): Promise<Table<PipelineShape<C, E>, KindOf<T>, S>> {
  checkRequired(OP, options, KNOWN);
  const { target, split, absent, onMissingTarget, read, name = 'table' } = options as TableOptions;
  if (onMissingTarget !== undefined) checkChoice(OP, 'onMissingTarget', onMissingTarget, ['throw', 'skip']);
  const [specs, kinds] = columnsOf(options as TableOptions);
  // Before anything is read, for the options' sake.
  pipeline({ columns: specs, target: target as TargetOption | undefined, absent });
  checkSplit(split);
  const aim = targetSpec(OP, target);
  const source = rowsFrom(OP, rows, schemaOf(kinds, aim?.column, aim?.kind, split), read);
  const { rows: all, numbers, missing: missingTargets } = await collect(source, aim?.column, onMissingTarget === 'skip');
  const parts = partsOf(all, split ?? {}, aim?.kind === 'category' ? aim.column : undefined);
  const made = pipeline({ columns: specs, target: withClasses(target, aim, all), absent });
  await made.fit(taken(all, parts.train));
  checkCategories(made as Pipeline, options.categorical ?? []);
  const dataset = async (part: Int32Array | undefined, suffix: string): Promise<unknown> => part && made.dataset(taken(all, part), { name: `${name} (${suffix})` });
  const numbersOf = (part: Int32Array | undefined): Int32Array | undefined => part?.map((i) => numbers[i]!);
  const reader = source instanceof TableReader ? source : undefined;
  return {
    train: await dataset(parts.train, 'train'),
    validation: await dataset(parts.validation, 'validation'),
    test: await dataset(parts.test, 'test'),
    positions: { train: numbersOf(parts.train), validation: numbersOf(parts.validation), test: numbersOf(parts.test) },
    pipeline: made,
    skippedRows: reader?.skippedRows ?? 0,
    skipped: reader?.skipped ?? [],
    missingTargets,
  } as unknown as Table<PipelineShape<C, E>, KindOf<T>, S>;
}

/** The target with the classes of all rows: which there are is no secret of a part, and a rare one may be in the test alone. */
function withClasses(target: TargetOption | undefined, aim: TargetSpec | undefined, rows: readonly Row[]): TargetOption | undefined {
  if (aim?.kind !== 'category' || aim.classes !== undefined) return target;
  const names = new Set(rows.map((row, i) => categoryOf(row[aim.column], { op: OP, column: aim.column, row: i })));
  names.delete(undefined);
  // Of fewer than two fit() says what is wrong.
  return names.size < 2 ? target : { [aim.column]: { kind: 'category', classes: ([...names] as string[]).toSorted((a, b) => (a < b ? -1 : 1)) } };
}

const EVERYDAY = {
  numeric: ['number', () => [columns.impute('mean'), columns.standardize()]],
  categorical: ['category', () => columns.oneHot()],
  text: ['text', () => columns.bagOfWords()],
  date: ['date', () => columns.dates()],
} as const satisfies { readonly [option: string]: readonly [ColumnKind, () => ColumnSpec] };

/** The making of each column, and the kinds of those that have one by their option. */
function columnsOf(options: TableOptions<ColumnSpecs>): [specs: Record<string, ColumnSpec>, kinds: Map<string, ColumnKind>] {
  const specs: [string, ColumnSpec][] = [];
  const kinds = new Map<string, ColumnKind>();
  const add = (name: string, spec: ColumnSpec, kind: ColumnKind): void => {
    if (kinds.has(name)) throw new ArgumentError(`[${OP}] columns: got '${name}' twice, expected it in one place.`, { op: OP });
    kinds.set(name, kind);
    specs.push([name, spec]);
  };
  for (const [option, [kind, spec]] of Object.entries(EVERYDAY)) {
    const names: unknown = options[option as keyof typeof EVERYDAY] ?? [];
    if (!Array.isArray(names) || names.some((name) => typeof name !== 'string')) throw new ArgumentError(`[${OP}] ${option}: got ${describeValue(names)}, expected names of columns, as in ['age'].`, { op: OP });
    for (const name of names as string[]) add(name, spec(), kind);
  }
  const others = options.columns ?? {};
  if (!isRecord(others)) throw new ArgumentError(`[${OP}] columns: got ${describeValue(others)}, expected functions of data.columns by name, as in { columns: { city: data.columns.embedding() } }.`, { op: OP });
  for (const [name, spec] of Object.entries(others)) add(name, spec, kindOf(spec));
  if (specs.length === 0) throw new ArgumentError(`[${OP}] columns: got none, expected some, as in { numeric: ['age'], categorical: ['city'] }.`, { op: OP });
  return [Object.fromEntries(specs), kinds];
}

/** Kind of a column in a file by what it becomes. */
function kindOf(spec: ColumnSpec): ColumnKind {
  return spec instanceof columns.Column ? spec.reads : 'number';
}

function schemaOf(kinds: ReadonlyMap<string, ColumnKind>, target: string | undefined, targetKind: 'category' | 'number' | undefined, split: TableSplit | undefined): Record<string, ColumnKind> {
  const schema = new Map(kinds);
  if (target !== undefined) schema.set(target, targetKind!);
  for (const key of [split?.groups, split?.hash]) if (key !== undefined && !schema.has(key)) schema.set(key, 'category');
  if (split?.time !== undefined && !schema.has(split.time)) schema.set(split.time, 'date');
  return Object.fromEntries(schema);
}

async function collect(source: Rows, target: string | undefined, skipsMissing: boolean): Promise<{ readonly rows: readonly Row[]; readonly numbers: readonly number[]; readonly missing: number }> {
  const rows: Row[] = [];
  const numbers: number[] = [];
  let missing = 0;
  for await (const row of source) {
    if (skipsMissing && target !== undefined && typeof row === 'object' && row !== null && Object.hasOwn(row, target) && isGap(row[target])) missing++;
    else {
      numbers.push(rows.length + missing);
      rows.push(row);
    }
  }
  if (rows.length > 0) return { rows, numbers, missing };
  throw new DataError(`[${OP}] rows: got none${missing > 0 ? ` but ${missing} without a target` : ''}, expected at least one.`, { op: OP });
}

function checkSplit(split: TableSplit | undefined): void {
  if (split === undefined) return;
  checkOptions(`${OP} split`, split, SPLIT_KNOWN);
  const { validation, test } = split;
  for (const [name, share] of Object.entries({ validation, test })) {
    if (share !== undefined && !(typeof share === 'number' && share > 0 && share < 1)) throw new ArgumentError(`[${OP}] split.${name}: got ${describeValue(share)}, expected a share of the rows between 0 and 1, as in { ${name}: 0.2 }.`, { op: OP });
  }
  if ((validation ?? 0) + (test ?? 0) >= 1) throw new ArgumentError(`[${OP}] split: got ${validation} for validation and ${test} for the test, expected some rows that are left for training.`, { op: OP });
  if (validation === undefined && test === undefined) throw new ArgumentError(`[${OP}] split: got neither validation nor test, expected a share for one of them, as in { split: { test: 0.2 } }.`, { op: OP });
}

/** Places of rows in the array of all. */
interface Parts {
  readonly train: Int32Array;
  readonly validation: Int32Array | undefined;
  readonly test: Int32Array | undefined;
}

const taken = (rows: readonly Row[], part: Int32Array): Row[] => Array.from(part, (i) => rows[i]!);

/** The rows of each part: the test is taken first, so that validation changes nothing of it. */
function partsOf(rows: readonly Row[], split: TableSplit, classes: string | undefined): Parts {
  const { validation, test } = split;
  const all = ascending(rows.length);
  const [rest, held] = test === undefined ? [all, undefined] : divided(rows, all, test, split, classes);
  const [train, middle] = validation === undefined ? [rest, undefined] : divided(rows, rest, test === undefined ? validation : validation / (1 - test), split, classes);
  return { train, validation: middle, test: held };
}

function divided(all: readonly Row[], part: Int32Array, share: number, { seed, shuffle, stratify, groups, time, hash }: TableSplit, classes: string | undefined): [Int32Array, Int32Array] {
  const rows = taken(all, part);
  const column = <V>(name: string, read: (value: unknown, place: { op: string; column: string; row: number }) => V | undefined): V[] =>
    rows.map((row, i) => {
      const value = read(row[name], { op: OP, column: name, row: i });
      if (value === undefined || Number.isNaN(value)) throw new DataError(`[${OP}] column '${name}', row ${i}: got ${describeValue(row[name])}, expected a value to split by. Drop the row, or split by another column.`, { op: OP });
      return value;
    });
  const numbers = new Map<string, number>();
  const labelOf = (name: string): number => numbers.get(name) ?? (numbers.set(name, numbers.size), numbers.size - 1);
  const labels = stratify === true && classes !== undefined ? Int32Array.from(column(classes, categoryOf), labelOf) : undefined;
  const options: SplitOptions = {
    seed, shuffle, stratify,
    groups: groups === undefined ? undefined : column(groups, categoryOf),
    time: time === undefined ? undefined : column(time, timeOf),
    hash: hash === undefined ? undefined : column(hash, categoryOf),
  };
  // The second part, as the latest of a series; the seed draws the same rows however they are called.
  const [first, second] = splitPositions(rows.length, 1 - share, options, labels);
  return [first.map((i) => part[i]!), second.map((i) => part[i]!)];
}

/** Numbers that a column of categories may become, unless it is asked for more. */
const MOST_CATEGORIES = 256;

function checkCategories({ featureNames }: Pipeline, categorical: readonly string[]): void {
  for (const name of categorical) {
    const count = featureNames.filter((feature) => feature.startsWith(`${name}=`)).length;
    if (count > MOST_CATEGORIES) throw new ArgumentError(`[${OP}] column '${name}': got ${count} categories, expected at most ${MOST_CATEGORIES}. Give it an embedding, { columns: { ${keyOf(name)}: data.columns.embedding() } }, or keep the most frequent ones: data.columns.oneHot({ maxCategories: 100 }).`, { op: OP });
  }
}
