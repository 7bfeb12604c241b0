import { type FileHandle, open, stat } from 'node:fs/promises';
import { FileFormatError } from '../errors.js';
import { checkPath, shownPath } from './check-path.js';
import { fileSource } from './file-source.js';
import { shorten, type Wrong } from './header.js';
import { INDEX_FILE, MODEL_FILE, readIndex, type ShardIndex } from './index-file.js';
import { atPath, bytesOfPath, dirnameOf, joined, type PathBytes } from './path-bytes.js';
import type { FilePath } from './path.js';
import { openSource, type OpenedTensors } from './tensor-data.js';
import { TensorReader } from './tensor-reader.js';

/**
 * Opens a safetensors file, an index file (`*.index.json`) or a folder with a model in it, and reads what is there, but no elements: those are read a tensor at a time, when they are asked for. As
 * `safe_open` of the format's Python library.
 *
 *     await save(model, 'mnist.safetensors');
 *     const file = await openTensors('mnist.safetensors');
 *     for (const [name, { shape, stored }] of file.tensors) console.log(name, shape, stored);     // '0.weight', [10, 784], 'F32'
 *     const weight = await file.read('0.weight');
 *     await file.close();
 *
 * Throws as load().
 */
export function openTensors(path: FilePath): Promise<TensorReader> {
  return openReader('openTensors', path);
}

/** openTensors() as part of `op`. */
export async function openReader(op: string, path: FilePath): Promise<TensorReader> {
  const from = bytesOfPath(checkPath(op, path));
  const files: FileHandle[] = [];
  const close = async (): Promise<void> => void (await Promise.all(files.map((file) => file.close())));
  try {
    return new TensorReader(op, await openAll(op, await resolved(from), files), close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** In a folder, the file of its model: as in the Hub's libraries, one file before an index. */
async function resolved(path: PathBytes): Promise<PathBytes> {
  if (!(await stat(atPath(path))).isDirectory()) return path;
  const [single, index] = [joined(path, MODEL_FILE), joined(path, INDEX_FILE)];
  return (await exists(single)) || !(await exists(index)) ? single : index;
}

async function exists(path: PathBytes): Promise<boolean> {
  return stat(atPath(path)).then(() => true, () => false);
}

async function openAll(op: string, path: PathBytes, files: FileHandle[]): Promise<OpenedTensors[]> {
  if (!path.endsWith('.json')) return [await openFile(path, files, wrongIn(op, shown(path)))];
  const wrong = wrongIn(op, shown(path), 'an index of safetensors files');
  const file = await openAt(path, files);
  const index = await readIndex(fileSource(file, (await file.stat()).size, wrong), wrong);
  const opened: OpenedTensors[] = [];
  for (const shard of index.shards) {
    const at = joined(dirnameOf(path), Buffer.from(shard).toString('latin1'));
    if (!(await exists(at))) throw wrong(`it names the file '${shorten(shard)}', which is not there`);
    const one = await openFile(at, files, wrongIn(op, shown(at)));
    checkShard(one, shard, index, wrong);
    opened.push(one);
  }
  checkComplete(opened, index, wrong);
  return opened;
}

async function openAt(path: PathBytes, files: FileHandle[]): Promise<FileHandle> {
  const file = await open(atPath(path));
  files.push(file);
  return file;
}

async function openFile(path: PathBytes, files: FileHandle[], wrong: Wrong): Promise<OpenedTensors> {
  const file = await openAt(path, files);
  return openSource(fileSource(file, (await file.stat()).size, wrong), wrong);
}

/** Throws where a shard has a tensor that belongs elsewhere: two readers of one folder could see two different things. */
function checkShard({ entries }: OpenedTensors, shard: string, { shardOf }: ShardIndex, wrong: Wrong): void {
  for (const { name } of entries) {
    const place = shardOf.get(name);
    if (place !== shard) throw wrong(`'${shorten(shard)}' holds the tensor '${shorten(name)}', which ${place === undefined ? 'it does not name' : `it has in '${shorten(place)}'`}`);
  }
}

function checkComplete(opened: readonly OpenedTensors[], { shardOf, totalBytes }: ShardIndex, wrong: Wrong): void {
  const all = opened.flatMap(({ entries }) => entries);
  const names = new Set(all.map(({ name }) => name));
  for (const [name, shard] of shardOf) if (!names.has(name)) throw wrong(`it has the tensor '${shorten(name)}' in '${shorten(shard)}', which lacks it`);
  const bytes = all.reduce((sum, { begin, end }) => sum + end - begin, 0);
  if (totalBytes !== undefined && totalBytes !== bytes) throw wrong(`its total_size is ${totalBytes} bytes, but the tensors have ${bytes}`);
}

const shown = (path: PathBytes): string => shownPath(atPath(path));

/** Errors of what cannot be read as `kind`. */
export function wrongIn(op: string, path: string, kind = 'a safetensors file'): Wrong {
  return (what) => new FileFormatError(`[${op}] ${path} is not ${kind} that can be read: ${what}. Check the path, or copy the file again.`, { op });
}
