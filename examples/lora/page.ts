import { readFileSync } from 'node:fs';

/** Outcome of one way of fine-tuning. */
export interface Way {
  readonly name: 'LoRA' | 'all weights';
  readonly trained: number;
  /** Validation loss. */
  readonly loss: number;
  /** Milliseconds of processor time for a step, the mean of the fastest stretch. */
  readonly step: number;
  /** Bytes. */
  readonly weights: number;
  readonly arena: number;
  readonly peak: number;
  readonly file: number;
}

/** Findings of examples/lora.ts. */
export interface Results {
  readonly weights: number;
  readonly steps: number;
  readonly rank: number;
  /** Characters of the text, and how many of them the model was trained on. */
  readonly characters: number;
  readonly trainedOn: number;
  /** Validation loss before. */
  readonly before: number;
  readonly ways: readonly Way[];
  /** The greatest difference of logits once the additions are in the weights, as a share of the greatest logit. */
  readonly merged: number;
}

export const resultsFile = new URL('results.json', import.meta.url);
export const readResults = (): Results => JSON.parse(readFileSync(resultsFile, 'utf8')) as Results;

const size = (bytes: number): string => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
const thousands = (count: number): string => count.toLocaleString('en');

export function tableOf({ before, ways }: Results): string {
  const lines: [string, (way: Way) => string][] = [
    ['weights that train', ({ trained }) => thousands(trained)],
    [`validation loss, ${before.toFixed(3)} before`, ({ loss }) => loss.toFixed(3)],
    ['processor time of a step', ({ step }) => `${step.toFixed(1)} ms`],
    ['weights and state of the optimizer', ({ weights }) => size(weights)],
    ['temporaries of a step', ({ arena }) => size(arena)],
    ['native memory at its peak', ({ peak }) => size(peak)],
    ['file that is saved', ({ file }) => size(file)],
  ];
  return [`| | ${ways.map(({ name }) => name).join(' | ')} |`, `|---|${ways.map(() => '---|').join('')}`, ...lines.map(([what, of]) => `| ${what} | ${ways.map(of).join(' | ')} |`)].join('\n');
}

/** A page whose table is that of the results: `<!-- lora -->`, table, `<!-- end -->`. */
export function withResults(page: string): string {
  return page.replace(/(<!-- lora -->\n).*?(<!-- end -->)/s, (_, begin: string, end: string) => `${begin}\n${tableOf(readResults())}\n\n${end}`);
}
