import { nodePeer } from './peer.js';
import { short, table } from './table.js';

interface Figures {
  readonly [way: string]: { readonly bytes: number; readonly medianMs: number; readonly minMs: number; readonly minCpuMs: number };
}

const NETWORKS = {
  '6 layers, 384 wide, context 256, batch 4': { layers: 6, heads: 6, width: 384, context: 256, batchSize: 4, vocabulary: 65 },
  '24 layers, 128 wide, context 256, batch 4': { layers: 24, heads: 4, width: 128, context: 256, batchSize: 4, vocabulary: 65 },
};
const WAYS: Readonly<Record<string, string>> = { kept: 'blocks are kept', again: 'blocks are computed again' };

/** Memory of the temporaries of a step of a GPT, and its time, with recomputation and without. */
export async function recompute(): Promise<object> {
  const figures: Record<string, Figures> = {};
  for (const [name, network] of Object.entries(NETWORKS)) {
    const peer = await nodePeer('recompute-worker.ts', {});
    const measured = await peer.ask<Figures>({ network, rounds: 7 });
    await peer.close();
    const { kept } = measured;
    const rows = Object.entries(measured).map(([way, { bytes, medianMs, minMs, minCpuMs }]) => [WAYS[way]!, short(bytes / 1e6), short(bytes / kept!.bytes), short(minMs), short(medianMs), short(minCpuMs), short(minCpuMs / kept!.minCpuMs)]);
    console.log(`\n${table([name, 'MB', 'ratio', 'ms a step, min', 'median', 'CPU ms, min', 'ratio'], rows)}`);
    figures[name] = measured;
  }
  return { figures };
}
