import type * as Crypto from 'node:crypto';
import { mkdir, readdir, unlink } from 'node:fs/promises';
import { lazyRequire } from '../lazy-require.js';
import { writeAll, writeAtomically } from './atomic.js';
import { writeTensors, type NamedTensor, type Texts } from './encode.js';
import { INDEX_FILE, MODEL_FILE } from './index-file.js';
import { atPath, bytesOfPath, joined, type PathBytes } from './path-bytes.js';

const crypto = lazyRequire<typeof Crypto>('node:crypto');

/** Names of shards, the Hub's: `model-00001-of-00003.safetensors`, with a mark of its own for a set that takes another's place. */
const SHARD = /^model-\d{5,}-of-\d{5,}(-[0-9a-f]{8})?\.safetensors$/;

/**
 * Writes tensors into a folder: one file, where all fit into `maxShardBytes`, else shards and their index. A model that is there is replaced as a whole: new shards have names of their own until their index takes
 * the old one's place, and the old ones go last.
 */
export async function writeShards(path: string | Buffer, tensors: readonly NamedTensor[], metadata: Texts | undefined, maxShardBytes: number): Promise<void> {
  const folder = bytesOfPath(path);
  await mkdir(atPath(folder), { recursive: true });
  const before = await modelFiles(folder);
  const shards = shardsOf(tensors, maxShardBytes);
  const names = shards.length <= 1 ? [MODEL_FILE] : namesOf(shards.length, before.some((name) => SHARD.test(name)));
  const remove = (name: string): Promise<void> => unlink(atPath(joined(folder, name)));
  try {
    for (const [i, name] of names.entries()) await writeTensors(atPath(joined(folder, name)), shards[i] ?? [], metadata);
    if (shards.length > 1) await writeIndex(folder, shards, names);
  } catch (error) {
    for (const name of names) if (!before.includes(name)) await remove(name).catch(() => undefined);
    throw error;
  }
  const now = new Set([...names, ...(shards.length > 1 ? [INDEX_FILE] : [])]);
  // One file counts before an index, and an index before its shards.
  const rank = (name: string): number => [MODEL_FILE, INDEX_FILE].indexOf(name) + (SHARD.test(name) ? 3 : 0);
  for (const name of before.filter((one) => !now.has(one)).sort((a, b) => rank(a) - rank(b))) await remove(name);
}

async function modelFiles(folder: PathBytes): Promise<string[]> {
  return (await readdir(atPath(folder), { encoding: 'latin1' as BufferEncoding })).filter((name) => name === MODEL_FILE || name === INDEX_FILE || SHARD.test(name));
}

/** Tensors in their order, as many together as fit; one that is larger is alone. */
function shardsOf(tensors: readonly NamedTensor[], maxBytes: number): NamedTensor[][] {
  const shards: NamedTensor[][] = [];
  let bytes = Infinity;
  for (const tensor of tensors) {
    if (bytes + tensor.data.byteLength > maxBytes) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)!.push(tensor);
    bytes += tensor.data.byteLength;
  }
  return shards;
}

function namesOf(count: number, taken: boolean): string[] {
  const mark = taken ? `-${crypto().randomBytes(4).toString('hex')}` : '';
  const number = (n: number): string => String(n).padStart(5, '0');
  return Array.from({ length: count }, (_, i) => `model-${number(i + 1)}-of-${number(count)}${mark}.safetensors`);
}

async function writeIndex(folder: PathBytes, shards: readonly NamedTensor[][], names: readonly string[]): Promise<void> {
  const total = shards.flat().reduce((sum, { data }) => sum + data.byteLength, 0);
  const map = Object.fromEntries(shards.flatMap((shard, i) => shard.map(({ name }) => [name, names[i]!] as const)));
  const json = `${JSON.stringify({ metadata: { total_size: total }, weight_map: map }, undefined, 2)}\n`;
  await writeAtomically(atPath(joined(folder, INDEX_FILE)), (file) => writeAll(file, new TextEncoder().encode(json)));
}
