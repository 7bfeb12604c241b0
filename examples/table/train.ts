/**
 * Trains on three tables and prints the figures beside scikit-learn's MLP and gradient boosting, which scikit_learn.py has measured on the same rows; then saves each model with what makes inputs of rows.
 *
 *     npm pack vega-datasets@3.2.1 && tar xzf vega-datasets-3.2.1.tgz
 *     npm run example:table -- --data package/data
 *     npx tsx --conditions=anneal-source examples/table/predict.ts                  # answers one row, in another process
 *     npx tsx --conditions=anneal-source examples/table/serve.ts                    # answers over HTTP
 *
 * Expected, means of three seeds: all of 74 penguins (scikit-learn's MLP all, gradient boosting all but one); cars with a mean error of 2.2 miles on a gallon (2.3; 1.9); late flights with an AUC of 0.62 (0.62; 0.64),
 * of which hour and way say little. Of small tables gradient boosting makes more than networks do, as of the cars.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type data, losses, metrics, nn, optim, save, seed, Trainer } from 'anneal';
import { cars, flights, penguins, type Recipe } from './tables.js';

const { values } = parseArgs({
  options: { data: { type: 'string', default: 'package/data' }, only: { type: 'string' }, epochs: { type: 'string' }, out: { type: 'string', default: 'build/examples/table' }, theirs: { type: 'string', default: 'examples/table/scikit-learn.json' } },
});
mkdirSync(values.out, { recursive: true });
const SEEDS = [1, 2, 3];

type Figures = Readonly<Record<string, number>>;
const theirs = (JSON.parse(readFileSync(values.theirs, 'utf8')) as { readonly tables: Record<string, Record<string, Figures>> }).tables;

/** Layers with ReLU between them. */
function network(inputs: number, hidden: readonly number[], outputs: number): nn.Sequential<[number], [number]> {
  const sizes = [inputs, ...hidden];
  const layers = hidden.flatMap((size, i) => [nn.linear(sizes[i]!, size), nn.relu()]);
  return nn.sequential([inputs], [...layers, nn.linear(sizes.at(-1)!, outputs)]) as nn.Sequential<[number], [number]>;
}

/** Means of what runs by all seeds came to. */
async function bySeeds(run: (runSeed: number) => Promise<Figures>): Promise<Figures> {
  const all: Figures[] = [];
  for (const runSeed of SEEDS) all.push(await run(runSeed));
  return Object.fromEntries(Object.keys(all[0]!).map((name) => [name, all.reduce((sum, one) => sum + one[name]!, 0) / all.length]));
}

const options = ({ batchSize, epochs }: Recipe, runSeed: number) => ({ epochs: Number(values.epochs ?? epochs), batchSize, shuffle: true, seed: runSeed });
const path = (name: string): string => join(values.out, `${name}.safetensors`);

async function classes(name: string, { train, test, pipeline }: data.Table<[number], 'category', { readonly test: number }>, recipe: Recipe): Promise<Figures> {
  const classNames = pipeline.classNames!;
  return bySeeds(async (runSeed) => {
    seed(runSeed);
    const model = network(pipeline.shape[0], recipe.hidden, classNames.length);
    const measured = classNames.length === 2 ? [metrics.accuracy(), metrics.rocAuc()] : [metrics.accuracy()];
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters(), { lr: recipe.lr }), metrics: measured, pipeline });
    await trainer.fit(train, options(recipe, runSeed));
    await save(model, path(name), { pipeline });
    return (await trainer.evaluate(test, { batchSize: 1024 })) as Figures;
  });
}

async function amounts(name: string, { train, test, pipeline }: data.Table<[number], 'number', { readonly test: number }>, recipe: Recipe): Promise<Figures> {
  return bySeeds(async (runSeed) => {
    seed(runSeed);
    const model = network(pipeline.shape[0], recipe.hidden, 1);
    const trainer = new Trainer(model, { loss: losses.meanSquaredError, optimizer: optim.adam(model.parameters(), { lr: recipe.lr }), metrics: [metrics.meanAbsoluteError(), metrics.r2()], pipeline });
    await trainer.fit(train, options(recipe, runSeed));
    await save(model, path(name), { pipeline });
    const { meanAbsoluteError, r2 } = await trainer.evaluate(test);
    // The target was divided by its deviation, and so are errors.
    return { 'mean absolute error': meanAbsoluteError * pipeline.target.std, r2 };
  });
}

function print(name: string, size: number, ours: Figures): void {
  console.log(`\n${name}: ${size} rows to train on`);
  const columns = Object.keys(ours).filter((metric) => Object.hasOwn(theirs[name]!['MLP']!, metric));
  console.table({ anneal: pick(ours, columns), 'scikit-learn MLP': pick(theirs[name]!['MLP']!, columns), 'gradient boosting': pick(theirs[name]!['gradient boosting']!, columns) });
}
const pick = (figures: Figures, columns: readonly string[]): Figures => Object.fromEntries(columns.map((column) => [column, Number(figures[column]!.toFixed(4))]));
const wanted = (name: string): boolean => values.only === undefined || values.only === name;

if (wanted('penguins')) {
  const table = await penguins.table(values.data);
  print('penguins', table.train.size, await classes('penguins', table, penguins.recipe));
}
if (wanted('cars')) {
  const table = await cars.table(values.data);
  console.log(`\n${table.missingTargets} cars are left out, of which it is not known how far they go`);
  print('cars', table.train.size, await amounts('cars', table, cars.recipe));
}
if (wanted('flights')) {
  const table = await flights.table(values.data);
  print('flights', table.train.size, await classes('flights', table, flights.recipe));
}
