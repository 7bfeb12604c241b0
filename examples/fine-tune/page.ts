import { readFileSync } from 'node:fs';

/** Findings of examples/fine-tune.ts. */
export interface Results {
  /** Epochs of the body, and its accuracy on the test set of MNIST. */
  readonly body: { readonly epochs: number; readonly accuracy: number };
  readonly steps: number;
  /** Images that the accuracies were measured with. */
  readonly tested: number;
  readonly perClass: readonly number[];
  /** Accuracies by number of images of a class, one for each draw of these. */
  readonly ways: Readonly<Record<string, readonly (readonly number[])[]>>;
}

export const resultsFile = new URL('results.json', import.meta.url);
export const readResults = (): Results => JSON.parse(readFileSync(resultsFile, 'utf8')) as Results;

export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const percent = (value: number): string => (100 * value).toFixed(1);

/** The table of means, with the least and the greatest of the draws. */
export function tableOf({ perClass, ways }: Results): string {
  const head = [`| accuracy in % with | ${perClass.map((count) => `${count} image${count === 1 ? '' : 's'} of a class`).join(' | ')} |`, `|---|${perClass.map(() => '---|').join('')}`];
  const lines = Object.entries(ways).map(([way, accuracies]) => `| ${way} | ${accuracies.map((draws) => `${percent(mean(draws))} (${percent(Math.min(...draws))} to ${percent(Math.max(...draws))})`).join(' | ')} |`);
  return [...head, ...lines].join('\n');
}

/** A page whose table is that of the results: `<!-- results -->`, table, `<!-- end -->`. */
export function withResults(page: string): string {
  return page.replace(/(<!-- results -->\n).*?(<!-- end -->)/s, (_, begin: string, end: string) => `${begin}\n${tableOf(readResults())}\n\n${end}`);
}
