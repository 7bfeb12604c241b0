import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Results of compareStrategies() in results/<name>.json. */
export interface Results {
  readonly by: string;
  readonly seeds: readonly number[];
  readonly epochs: number;
  readonly rows: readonly { readonly name: string; readonly mean: number; readonly deviation: number; readonly curves: readonly (readonly number[])[] }[];
}

export const resultsFolder = fileURLToPath(new URL('results/', import.meta.url));

export const readResults = <R = Results>(name: string): R => JSON.parse(readFileSync(`${resultsFolder}${name}.json`, 'utf8')) as R;

/** A page whose tables are those of the results that it names: `<!-- results: mnist-decay -->`, table, `<!-- end -->`. */
export function withResults(page: string): string {
  return page.replaceAll(/(<!-- results: ([\w-]+) -->\n).*?(<!-- end -->)/gs, (_, begin: string, name: string, end: string) => `${begin}\n${tableOf(readResults(name))}\n\n${end}`);
}

const percent = (value: number): string => (100 * value).toFixed(2);

function tableOf({ rows, epochs, seeds }: Results): string {
  const head = [`| accuracy on held-out data, in % | after 1 epoch | after ${epochs} | spread over ${seeds.length} seeds |`, '|---|---|---|---|'];
  const lines = rows.map(({ name, mean, deviation, curves }) => {
    const first = curves.reduce((sum, curve) => sum + curve[0]!, 0) / curves.length;
    return `| ${name} | ${percent(first)} | ${percent(mean)} | ± ${percent(deviation)} |`;
  });
  return [...head, ...lines].join('\n');
}
