// Three tables of the npm package vega-datasets, and what is to be predicted of them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { data } from 'anneal';

/** Layers, and a way to train them. */
export interface Recipe {
  readonly hidden: readonly number[];
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
}

const json = (folder: string, name: string): data.Row[] => JSON.parse(readFileSync(join(folder, name), 'utf8')) as data.Row[];
/** Rows by number: a hash of the number says whether a row is for training or for the test, in scikit_learn.py too. */
const numbered = (rows: readonly data.Row[]): data.Row[] => rows.map((row, id) => ({ ...row, id }));
const split = { test: 0.2, hash: 'id' } as const;

/** Species of 344 penguins, of which some were not measured: classes, with gaps. */
export const penguins = {
  recipe: { hidden: [32], epochs: 60, batchSize: 16, lr: 3e-3 } satisfies Recipe,
  table: (folder: string) =>
    data.table(numbered(json(folder, 'penguins.json').map((row) => ({ ...row, Sex: row['Sex'] === '.' ? null : row['Sex'] }))), {
      numeric: ['Beak Length (mm)', 'Beak Depth (mm)', 'Flipper Length (mm)', 'Body Mass (g)'],
      categorical: ['Island', 'Sex'],
      target: { Species: 'category' },
      split,
    }),
};

/** Miles that 406 cars go on a gallon: a number, which is not known of all. */
export const cars = {
  recipe: { hidden: [64, 32], epochs: 200, batchSize: 32, lr: 3e-3 } satisfies Recipe,
  table: (folder: string) =>
    data.table(numbered(json(folder, 'cars.json').map((row) => ({ ...row, Year: Number(String(row['Year']).slice(0, 4)) }))), {
      numeric: ['Cylinders', 'Displacement', 'Horsepower', 'Weight_in_lbs', 'Acceleration', 'Year'],
      categorical: ['Origin'],
      target: { Miles_per_Gallon: { kind: 'number', standardize: true } },
      onMissingTarget: 'skip',
      split,
    }),
};

/** Every other of 200,000 flights in the order of the file, which is that of the time of day; late is more than a quarter of an hour. */
async function* flightRows(folder: string): AsyncGenerator<data.Row> {
  let number = 0;
  for await (const { delay, distance, time } of data.arrow(join(folder, 'flights-200k.arrow'), { schema: { delay: 'number', distance: 'number', time: 'number' } })) {
    if (number % 2 === 0) yield { id: number / 2, distance, time, late: delay! > 15 ? 'yes' : 'no' };
    number++;
  }
}

/** Delays of flights, yes or no, by the hour and the way they have to go. */
export const flights = {
  recipe: { hidden: [64, 32], epochs: 10, batchSize: 256, lr: 3e-3 } satisfies Recipe,
  table: (folder: string) => data.table(flightRows(folder), { numeric: ['distance', 'time'], target: { late: 'category' }, split }),
};
