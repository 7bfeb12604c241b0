/**
 * Loads the model of penguins that train.ts has saved, and answers one row of them: in a process that knows neither the training data nor the layers, and has no optimizer.
 *
 *     npx tsx --conditions=anneal-source examples/table/predict.ts --model build/examples/table/penguins.safetensors
 */
import { parseArgs } from 'node:util';
import { loadModel } from 'anneal';

const { values } = parseArgs({ options: { model: { type: 'string', default: 'build/examples/table/penguins.safetensors' }, rounds: { type: 'string', default: '20000' } } });
const rounds = Number(values.rounds);

const predictor = await loadModel(values.model);
const row = { 'Beak Length (mm)': 46.1, 'Beak Depth (mm)': 13.2, 'Flipper Length (mm)': 211, 'Body Mass (g)': null, Island: 'Biscoe', Sex: 'FEMALE' };
console.log(await predictor.row(row));

const times = new Float64Array(rounds);
for (let i = 0; i < rounds; i++) {
  const begin = performance.now();
  await predictor.row(row);
  times[i] = 1000 * (performance.now() - begin);
}
times.sort();
console.log(`one row: ${times[rounds >> 1]!.toFixed(1)} µs at the median, ${times[Math.floor(0.99 * rounds)]!.toFixed(1)} µs at the 99th percentile of ${rounds}`);
