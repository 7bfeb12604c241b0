import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { Module } from '../nn/module.js';
import { checkOptions, withoutUndefined } from '../options.js';
import { Predictor, type PredictorOptions } from '../train/predictor.js';
import { checkPath } from './check-path.js';
import { checkTexts, collect, writeTensors, type Texts } from './encode.js';
import { MODEL_TEXT, modelTexts } from './model-file.js';
import type { FilePath } from './path.js';
import type { Stateful, TensorsByName } from './savable.js';
import { writeShards } from './save-shards.js';

/** Options of save(); those of Predictor are for models, and are saved with them. */
export interface SaveOptions extends PredictorOptions {
  /** Texts that are stored with the tensors; loadMetadata() reads them. */
  readonly metadata?: { readonly [name: string]: string } | undefined;
  /**
   * Makes `path` a folder, and in it files of at most so many bytes of tensors each, with an index as the Hugging Face Hub has them (`model.safetensors.index.json`), or one file, `model.safetensors`, where that
   * is enough. A tensor that is larger has a file to itself.
   */
  readonly maxShardBytes?: number | undefined;
}

/**
 * Saves a model's parameters and buffers, or tensors by name, as a safetensors file
 * (https://huggingface.co/docs/safetensors: 8 bytes of header length, a JSON header, the elements row-major, little-endian).
 * The file appears whole or not at all: a crash leaves the old one, and what it left beside that goes with the next save. An existing file
 * keeps its permissions and owner, and stays where symbolic links lead; devices and pipes are written to. Of a folder of shards the same holds for all of them together.
 *
 *     await save(model, 'mnist.safetensors', { metadata: { epoch: '5' } });
 *     await save(model, 'mnist', { maxShardBytes: 5e9 });                      // a folder
 *
 * The file of a model also says what the model is made of, as a text of its metadata, so that loadModel() opens it, and has what its use takes: `pipeline`, `images`, `classes`, `normalize`, `temperature`, `threshold`; see Predictor, which is saved
 * alike. Other readers of the format see the weights.
 *
 *     await save(model, 'mnist.safetensors', { classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'] });
 *
 * Throws ArgumentError for what holds no tensors or is no path, ShapeError or DTypeError for a tensor whose array does not fit it, and
 * Node.js's own error where the file cannot be written.
 */
export async function save(source: Stateful | TensorsByName, path: FilePath, options: SaveOptions = {}): Promise<void> {
  checkOptions('save', options, ['metadata', 'maxShardBytes', 'pipeline', 'images', 'classes', 'normalize', 'temperature', 'threshold']);
  const to = checkPath('save', path);
  const { metadata, maxShardBytes, ...use } = options;
  if (maxShardBytes !== undefined && !(Number.isSafeInteger(maxShardBytes) && maxShardBytes >= 1)) {
    throw new ArgumentError(`[save] maxShardBytes: got ${describeValue(maxShardBytes)}, expected a whole number of bytes, as in 5e9.`, { op: 'save' });
  }
  const own = metadata === undefined ? undefined : checkTexts(metadata);
  if (own !== undefined && Object.hasOwn(own, MODEL_TEXT)) throw new ArgumentError(`[save] metadata: got the name ${MODEL_TEXT}, which is kept for what a model is made of, expected another one.`, { op: 'save' });
  const predictor = predictorOf(source, use);
  const texts: Texts | undefined = predictor === undefined ? own : { ...own, ...modelTexts(predictor) };
  const tensors = await collect(source);
  await (maxShardBytes === undefined ? writeTensors(to, tensors, texts) : writeShards(to, tensors, texts, maxShardBytes));
}

/** The model that is saved, with what its use takes; undefined for other things. */
function predictorOf(source: unknown, use: PredictorOptions): Predictor | undefined {
  if (source instanceof Module) return new Predictor(source, use);
  const [name] = Object.keys(withoutUndefined(use));
  if (name !== undefined) throw new ArgumentError(`[save] ${name}: got it with ${describeValue(source)}, expected a model. ${source instanceof Predictor ? 'It has its own: make another one, new Predictor(model, options).' : 'Save the model itself: save(model, path, options).'}`, { op: 'save' });
  return source instanceof Predictor ? (source as Predictor) : undefined;
}
