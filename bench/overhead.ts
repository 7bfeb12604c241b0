import { nodePeer } from './peer.js';
import { short, table } from './table.js';

interface Figures {
  readonly [what: string]: { readonly unit: string; readonly median: number; readonly min: number; readonly quartiles: readonly [number, number] };
}

/** Costs of a recorded op, a replayed op, a native call, a hop to another thread, and a step in which nothing else counts. */
export async function overhead(): Promise<object> {
  const peer = await nodePeer('overhead-worker.ts', {});
  const figures = await peer.ask<Figures>({});
  await peer.close();
  const rows = Object.entries(figures).map(([what, { unit, median, min, quartiles }]) => [what, `${short(median)} ${unit}`, `${short(min)}`, quartiles.map(short).join(' to ')]);
  console.log(table(['cost of', 'median', 'min', 'half of the rounds'], rows));
  return { figures };
}
