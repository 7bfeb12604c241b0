import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { checkpointPaths, describeFile, type FileDescription } from '../checkpoint/description.js';

/** Prints what is in a safetensors file, or in the checkpoints of a directory, in lines or as JSON. Ends with 1 where something cannot be used. */
export async function inspect(path: string, json: boolean): Promise<void> {
  try {
    const isDirectory = (await stat(path)).isDirectory();
    const files = isDirectory ? await checkpointPaths(path.replace(/(?<=.)[/\\]+$/, '')) : [path];
    const found = await Promise.all(files.map(described));
    if (found.some((one) => 'error' in one || one.damage !== undefined)) process.exitCode = 1;
    if (json) process.stdout.write(`${JSON.stringify(isDirectory ? found : found[0], undefined, 2)}\n`);
    else process.stdout.write(isDirectory ? directoryText(path, found) : fileText(found[0]!));
  } catch (error) {
    process.stderr.write(`anneal: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}

type Found = FileDescription | { readonly path: string; readonly error: string };

async function described(path: string): Promise<Found> {
  try {
    return await describeFile(path);
  } catch (error) {
    return { path, error: (error as Error).message };
  }
}

function directoryText(directory: string, found: readonly Found[]): string {
  if (found.length === 0) return `${directory} holds no checkpoints.\n`;
  const rows = found.map((one) => {
    if ('error' in one) return [basename(one.path), one.error];
    const { checkpoint, damage, bytes } = one;
    return [basename(one.path), ...(checkpoint === undefined ? ['', '', ''] : [`step ${checkpoint.step}`, `epoch ${checkpoint.epoch}`, lossText(checkpoint.loss)]), sizeText(bytes), damage ?? 'whole'];
  });
  const [latest] = found;
  return `${columns(rows)}\n${fileText(latest!)}`;
}

function fileText(found: Found): string {
  if ('error' in found) return `${found.error}\n`;
  const { path, bytes, checkpoint, damage, tensors, metadata } = found;
  const facts: string[][] = [['file', `${path}, ${sizeText(bytes)}`]];
  if (checkpoint !== undefined) {
    const { step, epoch, loss, created, library } = checkpoint;
    facts.push(['training', `${step} steps, ${epoch} ${epoch === 1 ? 'epoch' : 'epochs'} complete, ${lossText(loss)}`], ['written', `${created}, by anneal ${library}`]);
  }
  if (checkpoint !== undefined || damage !== undefined) facts.push(['whole', damage === undefined ? 'yes, by its checksum' : `no: ${damage}`]);
  for (const [name, text] of Object.entries(metadata)) facts.push([plain(name), plain(text)]);
  const structures = Object.entries(checkpoint?.structure ?? {}).map(([part, text]) => `\n${part}\n${text.split('\n').map((line) => `  ${plain(line)}`).join('\n')}\n`);
  const rows = tensors.map(({ name, dtype, shape }) => [`  ${plain(name)}`, dtype, `[${shape.join(', ')}]`]);
  const all = tensors.reduce((sum, one) => sum + one.bytes, 0);
  return `${columns(facts)}${structures.join('')}\n${tensors.length} tensors, ${sizeText(all)}\n${columns(rows)}`;
}

const lossText = (loss: number | null): string => (loss === null ? 'no loss' : `loss ${Number(loss.toPrecision(6))}`);

const sizeText = (bytes: number): string => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

/** Text of a file, as a terminal may have it. */
const plain = (text: string): string => text.replaceAll(/\p{Cc}/gu, '?');

function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((most, row) => row.map((text, i) => Math.max(most[i] ?? 0, i + 1 === row.length ? 0 : text.length)).concat(most.slice(row.length)), []);
  return rows.map((row) => `${row.map((text, i) => (i + 1 === row.length ? text : text.padEnd(widths[i]!))).join('  ').trimEnd()}\n`).join('');
}
