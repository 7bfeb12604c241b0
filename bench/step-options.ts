import { nodePeer } from './peer.js';
import { short, table } from './table.js';

/** A step of fit() with and without an option, in turns. */
interface Figure {
  readonly withUs: number;
  readonly withoutUs: number;
  /** The median of the ratios of the rounds, and the middle half of them. */
  readonly ratio: number;
  readonly quartiles: readonly [number, number];
}

const NETWORKS = ['4-16-3, batch 16, Adam', '784-512-256-10, batch 128, Adam', '1024-4096-1024, batch 64, SGD'];
/** Options that are switched on, and the cost that a step with them may have, as a multiple of one without. */
const OPTIONS: Readonly<Record<string, number | undefined>> = { 'look for what is not finite': undefined, 'clip, average, schedule': 1.3 };

/** Costs of options in a step of fit(): the look for what is not finite while all is well; clipping, an average of the weights and a schedule together. */
export async function stepOptions(): Promise<object> {
  const figures: Record<string, Record<string, Figure & { readonly goal?: number }>> = {};
  for (const [option, goal] of Object.entries(OPTIONS)) {
    const measured: Record<string, Figure & { readonly goal?: number }> = {};
    for (const network of NETWORKS) {
      const peer = await nodePeer('step-options-worker.ts', {});
      measured[network] = { ...(await peer.ask<Figure>({ network, option })), ...(goal === undefined ? {} : { goal }) };
      await peer.close();
    }
    const rows = Object.entries(measured).map(([network, { withUs, withoutUs, ratio, quartiles }]) => [network, short(withUs), short(withoutUs), short(ratio), quartiles.map(short).join(' to '), goal !== undefined && ratio > goal ? `over ${goal}` : '']);
    console.log(`\n${table([option, 'with, us a step', 'without, us', 'ratio', 'half of the rounds', ''], rows)}`);
    figures[option] = measured;
  }
  return { figures };
}
