import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { moduleOf, ownClasses } from '../nn/architecture.js';
import { Module } from '../nn/module.js';
import { checkChoice, checkOptions } from '../options.js';
import type { ExampleShape } from '../records.js';
import type { Shape } from '../shape.js';
import type { Pipeline } from '../tables/pipeline.js';
import type { TargetKind } from '../tables/target.js';
import { Predictor } from '../train/predictor.js';
import { checkPath, shownPath } from './check-path.js';
import { readAll, reading, textsOf } from './load.js';
import { MODEL_TEXT, parseModelText, type SavedModel } from './model-file.js';
import { wrongIn } from './open-tensors.js';
import type { FilePath } from './path.js';
import type { TensorReader } from './tensor-reader.js';

/** Contents of a file besides the weights, by which a model of one's own gets its sizes. */
export interface SavedParts<T extends TargetKind = TargetKind> {
  /** The fitted pipeline, whose `shape`, `embeddings` and `classNames` are the sizes of a model for its rows; undefined where none was saved. */
  readonly pipeline: Pipeline<ExampleShape, T> | undefined;
  /** Names of the classes; undefined where there are none. */
  readonly classes: readonly string[] | undefined;
  /** Texts that were saved, as loadMetadata() gives them. */
  readonly metadata: { readonly [name: string]: string };
}

export interface LoadModelOptions<T extends TargetKind = TargetKind, I extends ExampleShape = ExampleShape, O extends ExampleShape = Shape> {
  /** The model that the weights are for, where the file cannot make it: one with layers of your own, or a file of weights alone. Or a function that makes it of what the file has besides. */
  readonly model?: Module<I, O> | ((saved: SavedParts<T>) => Module<I, O>) | undefined;
  /** Kind of the target, so that the compiler knows what row() answers; another one in the file is an error. */
  readonly target?: T | undefined;
}

const OP = 'loadModel';

/**
 * Opens a model that save() has written: makes its layers, gives them their weights, and the pipeline of rows, names of classes, temperature and threshold that were saved with them, ready for use, in evaluation mode. It needs no
 * optimizer. A model with layers of your own is made by you: the error says of which class. Where its sizes come from the file, as that of a vocabulary, pass a function: it is given the pipeline, the classes and the metadata.
 *
 *     await save(model, 'mnist.safetensors', { classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'] });
 *     const digits = await loadModel('mnist.safetensors');
 *     const [first] = await digits.classify(test);
 *
 * Throws ArgumentError where the model has to be passed, FileFormatError for what was not written by save(), AnnealError (ANNEAL_STATE_MISMATCH) for weights that do not fit the model, and else as load().
 */
export async function loadModel<const T extends TargetKind = TargetKind, I extends ExampleShape = ExampleShape, O extends ExampleShape = Shape>(path: FilePath, options: LoadModelOptions<T, I, O> = {}): Promise<Predictor<T, I, O>> {
  checkOptions(OP, options, ['model', 'target']);
  if (options.target !== undefined) checkChoice(OP, 'target', options.target, ['category', 'number', 'none']);
  const given: unknown = options.model;
  const isClass = typeof given === 'function' && given.prototype instanceof Module;
  if (isClass || (given !== undefined && typeof given !== 'function' && !(given instanceof Module))) throw new ArgumentError(`[${OP}] model: got ${isClass ? `the class ${given.name}` : describeValue(given)}, expected a Module, as in { model: new Net() }, or a function that makes one.`, { op: OP });
  const file = shownPath(checkPath(OP, path));
  return reading(OP, path, async (reader) => {
    const saved = savedIn(reader, file);
    const model = typeof given === 'function' ? madeBy(given as (parts: SavedParts) => unknown, reader, saved) : ((given as Module | undefined) ?? made(saved, file, reader));
    const predictor = saved === undefined ? new Predictor(model) : saved.predictor(model);
    if (options.target !== undefined && predictor.kind !== options.target) throw new ArgumentError(`[${OP}] target: got '${options.target}' for ${file}, whose target is '${predictor.kind}', expected that.`, { op: OP });
    await model.loadStateDict((await readAll(reader)).tensors);
    model.eval();
    return predictor as unknown as Predictor<T, I, O>;
  });
}

function savedIn({ metadata }: TensorReader, file: string): SavedModel | undefined {
  const text = metadata.get(MODEL_TEXT);
  return text === undefined ? undefined : parseModelText(text, wrongIn(OP, file, 'a model'));
}

/** The model that the user's function makes. Throws ArgumentError for what is none, and what the function throws. */
function madeBy(make: (parts: SavedParts) => unknown, reader: TensorReader, saved: SavedModel | undefined): Module {
  const model = make({ pipeline: saved?.pipeline(), classes: saved?.classes(), metadata: textsOf(reader) });
  if (model instanceof Module) return model as Module;
  throw new ArgumentError(`[${OP}] model: got a function that gave ${describeValue(model)}, expected a Module, as in { model: ({ classes }) => new Net(classes.length) }.`, { op: OP });
}

/** The model that the file says. Throws ArgumentError where it does not say all of it. */
function made(saved: SavedModel | undefined, file: string, reader: TensorReader): Module {
  if (saved === undefined) throw new ArgumentError(`[${OP}] ${file} has weights alone, not what they are of: got no model, expected one. Build it and pass it: ${OP}(path, { model }).`, { op: OP });
  const due = classesDue(saved.architecture);
  if (due === undefined) return moduleOf(saved.architecture, OP, file);
  if (reader.namesOf(undefined).some((name) => /\blora\.[ab]$/.test(name))) {
    throw new ArgumentError(`[${OP}] ${file} holds a model with additions of nn.lora(), which only your program can make: got no model, expected one. Give a model additions and pass it, ${OP}(path, { model }); or save it after merge().`, { op: OP });
  }
  throw new ArgumentError(`[${OP}] ${file} holds ${due}, which only your program can make: got no model, expected one. Build it and pass it: ${OP}(path, { model }).`, { op: OP });
}

/** The classes of somebody's own, as messages say them; undefined where there are none. */
function classesDue(architecture: unknown): string | undefined {
  const own = ownClasses(architecture);
  if (own.length === 0) return undefined;
  if (own[0]!.path === '') return `a model of the class ${own[0]!.name}`;
  const some = own.slice(0, 3).map(({ path, name }) => `${name} (layer ${path})`).join(', ');
  return `a model with layers of the class${own.length === 1 ? '' : 'es'} ${some}${own.length > 3 ? ' and others' : ''}`;
}
