import { mkdir, open, stat, unlink } from 'node:fs/promises';
import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { Lora } from '../nn/lora.js';
import { loraOf } from '../nn/lora-config.js';
import type { Module } from '../nn/module.js';
import { writeAll, writeAtomically } from './atomic.js';
import { checkPath, shownPath } from './check-path.js';
import { collect, writeTensors } from './encode.js';
import { isObject } from './header.js';
import { readAll, reading } from './load.js';
import { wrongIn } from './open-tensors.js';
import { atPath, bytesOfPath, joined, type PathBytes } from './path-bytes.js';
import type { FilePath } from './path.js';

/** Names of PEFT's files. */
const [TENSORS, CONFIG] = ['adapter_model.safetensors', 'adapter_config.json'];
/** Bytes of a configuration, at most. */
const MOST = 2 ** 20;

/**
 * Saves the additions that nn.lora() gave a model as Hugging Face's PEFT does: a folder with adapter_model.safetensors, the tensors, and adapter_config.json, their rank, alpha and the layers that have them. PEFT
 * reads it (`PeftModel.from_pretrained(model, folder)`), where its model has layers of those names, and loadLora() does. Weights of the model are no part of it.
 *
 *     const model = nn.sequential([784], nn.linear(784, 32), nn.relu(), nn.linear(32, 10));
 *     const adapters = nn.lora(model, { rank: 4, alpha: 8 });
 *     await saveLora(adapters, 'adapters');
 *
 * Throws ArgumentError for what is no result of nn.lora() or no path, and for additions that PEFT has not, to one of the two weights of an nn.multiheadAttention; Node.js's own error where it cannot be written.
 */
export async function saveLora(adapters: Lora, folder: FilePath): Promise<void> {
  const op = 'saveLora';
  if (!((adapters as unknown) instanceof Lora)) throw new ArgumentError(`[${op}] adapters: got ${describeValue(adapters)}, expected what nn.lora() gave. A model is saved by save(model, path).`, { op });
  const path = bytesOfPath(checkPath(op, folder));
  const config = Buffer.from(`${JSON.stringify(adapters, null, 2)}\n`);
  const tensors = await collect(adapters);
  await mkdir(atPath(path), { recursive: true });
  // Tensors beside the numbers of others would be read as something else; without them they are not read.
  await unlink(atPath(joined(path, CONFIG))).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await writeTensors(atPath(joined(path, TENSORS)), tensors, { format: 'pt' });
  await writeAtomically(atPath(joined(path, CONFIG)), (file) => writeAll(file, config));
}

/**
 * Gives a model the additions of a folder that saveLora() or PEFT's `save_pretrained` has written, and freezes the rest, as nn.lora() does: the same layers, rank, alpha and dropout, with the values of the file. Names are
 * those of PyTorch: `c_attn` is `cAttn` here. What PEFT knows beyond plain LoRA (DoRA, biases, ranks that differ, layers saved whole, weights that were changed in the beginning) is refused.
 *
 *     const model = nn.sequential([784], nn.linear(784, 32), nn.relu(), nn.linear(32, 10));
 *     await saveLora(nn.lora(model, { rank: 4, alpha: 8 }), 'adapters');
 *     const same = nn.sequential([784], nn.linear(784, 32), nn.relu(), nn.linear(32, 10));
 *     const adapters = await loadLora(same, 'adapters');
 *     await adapters.merge();
 *
 * Throws FileFormatError for files that are none or say what is not known here; AnnealError for layers or sizes that are not the model's (ANNEAL_STATE_MISMATCH) and for a model that has additions (ANNEAL_BUSY); ArgumentError
 * for what is no model or no folder, and a weight that layers share; Node.js's own error for files that cannot be read. The model is then as it was.
 */
export async function loadLora(model: Module, folder: FilePath): Promise<Lora> {
  const op = 'loadLora';
  const path = bytesOfPath(checkPath(op, folder));
  if (await stat(atPath(path)).then((found) => found.isFile(), () => false)) {
    throw new ArgumentError(`[${op}] folder: got the file ${shownPath(atPath(path))}, expected a folder with ${CONFIG} and ${TENSORS}. A file that save(adapters, path) wrote is read by nn.lora(model, options).loadStateDict(await load(path)).`, { op });
  }
  const at = joined(path, CONFIG);
  const lora = loraOf(model, await readConfig(op, at), wrongIn(op, shownPath(atPath(at)), 'a configuration of LoRA'));
  const { tensors } = await reading(op, atPath(joined(path, TENSORS)), readAll);
  await lora.load$(op, tensors);
  return lora.attach$();
}

async function readConfig(op: string, path: PathBytes): Promise<Readonly<Record<string, unknown>>> {
  const wrong = wrongIn(op, shownPath(atPath(path)), 'a configuration of LoRA');
  const file = await open(atPath(path));
  try {
    const { size } = await file.stat();
    if (size > MOST) throw wrong(`it has ${size} bytes, expected at most ${MOST}`);
    const config: unknown = parsed(await file.readFile('utf8'), (what) => wrong(what));
    if (!isObject(config)) throw wrong('it is no JSON object');
    return config as Readonly<Record<string, unknown>>;
  } finally {
    await file.close();
  }
}

function parsed(text: string, wrong: (what: string) => Error): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrong(`it is no valid JSON (${(error as Error).message})`);
  }
}
