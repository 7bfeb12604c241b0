import { nodePeer } from './peer.js';
import { short, table } from './table.js';

/** A step of fit() with and without the check of its loss and gradients, in turns. */
interface Figure {
  readonly withCheckUs: number;
  readonly withoutUs: number;
  /** The median of the ratios of the rounds, and the middle half of them. */
  readonly ratio: number;
  readonly quartiles: readonly [number, number];
}

/** What it costs fit() to look for what is not finite while all is well. */
export async function finiteCheck(): Promise<object> {
  const figures: Record<string, Figure> = {};
  for (const name of ['4-16-3, batch 16, Adam', '784-256-10, batch 128, Adam', '1024-4096-1024, batch 64, SGD']) {
    const peer = nodePeer('finite-check-worker.ts', {});
    figures[name] = await peer.ask<Figure>({ name });
    await peer.close();
  }
  const rows = Object.entries(figures).map(([name, { withCheckUs, withoutUs, ratio, quartiles }]) => [name, short(withCheckUs), short(withoutUs), short(ratio), quartiles.map(short).join(' to ')]);
  console.log(table(['step of fit', 'checked, us', 'unchecked, us', 'ratio', 'half of the rounds'], rows));
  return { figures };
}
