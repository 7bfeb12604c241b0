// Index files of the Hugging Face Hub: the names of tensors, and the file, a shard, that each is in.
import { MAX_HEADER, isObject, parseJson, shorten, type Wrong } from './header.js';
import type { ByteSource } from './tensor-data.js';

/** Name of a model in a folder: one file, or an index beside its shards. */
export const MODEL_FILE = 'model.safetensors';
export const INDEX_FILE = `${MODEL_FILE}.index.json`;

/** Contents of an index. */
export interface ShardIndex {
  /** Names of files in the folder of the index, each once. */
  readonly shards: readonly string[];
  /** The shard of each tensor. */
  readonly shardOf: ReadonlyMap<string, string>;
  /** Bytes of all tensors together; undefined where it does not say. */
  readonly totalBytes: number | undefined;
}

/** Reads an index: JSON of the form { metadata: { total_size }, weight_map: { tensor: shard } }. */
export async function readIndex(source: ByteSource, wrong: Wrong): Promise<ShardIndex> {
  if (source.size > MAX_HEADER) throw wrong(`it has ${source.size} bytes, expected at most ${MAX_HEADER}`);
  const bytes = new Uint8Array(source.size);
  await source.read(bytes, 0);
  const { weight_map: map, metadata } = parseJson(bytes, 'it', wrong) as { weight_map?: unknown; metadata?: unknown };
  if (!isObject(map)) throw wrong('its weight_map is no JSON object');
  const shardOf = new Map<string, string>();
  for (const [name, shard] of Object.entries(map) as [string, unknown][]) {
    if (typeof shard !== 'string' || !isFileName(shard)) throw wrong(`tensor '${shorten(name)}' is in ${shorten(JSON.stringify(shard))}, expected the name of a file beside the index`);
    shardOf.set(name, shard);
  }
  return { shards: [...new Set(shardOf.values())].toSorted(), shardOf, totalBytes: totalOf(metadata, wrong) };
}

/** A name that stays in its folder, on every system. */
function isFileName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\\\0:]/.test(name);
}

function totalOf(metadata: unknown, wrong: Wrong): number | undefined {
  const total: unknown = isObject(metadata) ? (metadata as { total_size?: unknown }).total_size : undefined;
  if (total === undefined || (Number.isSafeInteger(total) && (total as number) >= 0)) return total as number | undefined;
  throw wrong(`its total_size is ${shorten(JSON.stringify(total))}, expected a number of bytes`);
}
