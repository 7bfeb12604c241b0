import { describeValue } from '../describe-value.js';
import { dtypes } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { noGrad } from '../graph/recorder.js';
import { Module, type AnyModule } from '../nn/module.js';
import { fromArray } from '../ops/leaf.js';
import { isTensorRecord, mapTensors, namedTensors, tensorsOf, type Tensors } from '../records.js';
import { showShape } from '../shape.js';
import { Tensor } from '../tensor.js';
import { inEvaluation } from '../train/evaluation.js';

/**
 * A module whose encoder makes a memory of a batch of sources, once, with which its decoder then gives logits [B, T, V] behind each of the tokens [B, T] int32. Sources and memory are tensors or
 * records of them, with the batch in front of each.
 */
export type EncoderDecoder<S extends Tensors = Tensors, M extends Tensors = Tensors> = AnyModule & {
  encode(source: S): M;
  decode(tokens: Tensor, memory: M): Tensor;
};

/** Records the logits behind tokens; `memory`: the tensors that every pass is given alike. */
export interface TokenDecoder {
  readonly forward: (tokens: Tensor) => unknown;
  readonly memory: readonly Tensor[];
}

/** Throws ArgumentError for a source that does not go with the model or the prompts; ShapeError for tensors of several batches. Returns the number of sources. */
export function checkSource(op: string, model: unknown, source: unknown): number | undefined {
  if (!(model instanceof Module)) {
    const hasOne = (model as { readonly model?: unknown } | null | undefined)?.model instanceof Module;
    throw new ArgumentError(`[${op}] model: got ${describeValue(model)}, expected a module that gives logits [B,T,V] for tokens [B,T].${hasOne ? ' Pass the one that it has, its field model.' : ''}`, { op });
  }
  const { encode, decode } = model as unknown as Partial<Pick<EncoderDecoder, 'encode' | 'decode'>>;
  const hasHalves = typeof encode === 'function' && typeof decode === 'function';
  if (source === undefined) {
    // Methods of these names that take a text, or tokens alone, are something else.
    if (hasHalves && decode.length > 1) throw new ArgumentError(`[${op}] source: got none for a model with encode() and decode(), expected what encode() takes, as in { source: batch }.`, { op });
    return undefined;
  }
  if (!hasHalves) throw new ArgumentError(`[${op}] source: got one for a model without encode() and decode(), expected a model with both, of which decode(tokens, memory) gives logits [B,T,V]. Add them, or leave out source.`, { op });
  if (!(source instanceof Tensor) && !isTensorRecord(source)) throw new ArgumentError(`[${op}] source: got ${describeValue(source)}, expected a tensor or a record of tensors, with the batch in front, which encode() takes.`, { op });
  return rowsOf(op, 'source', source);
}

/** The number of examples, of which all tensors have as many. */
function rowsOf(op: string, name: string, tensors: Tensors): number {
  const named = namedTensors(name, tensors);
  const rows = named[0]![1].shape[0];
  for (const [what, { shape }] of named) {
    if (shape.length > 0 && shape[0]! > 0 && shape[0] === rows) continue;
    throw new ShapeError(`[${op}] ${what}: got ${showShape(shape)}, expected the batch in front, ${rows === undefined || rows === 0 ? 'of at least one example' : `[${rows},...] as in ${named[0]![0]}`}.`, { op, shapes: [shape] });
  }
  return rows!;
}

/** The prompts of all sources: one for each, or one for all. */
export function promptsFor<P>(op: string, prompts: readonly P[], sources: number | undefined): readonly P[] {
  if (sources === undefined || prompts.length === sources) return prompts;
  if (prompts.length === 1) return Array.from({ length: sources }, () => prompts[0]!);
  throw new ArgumentError(`[${op}] prompts: got ${prompts.length} for ${sources} sources, expected one for each, or one for all.`, { op });
}

/** Runs the encoder, and gives each source's memory to `copies` rows of tokens that follow each other. */
export async function encoded(op: string, model: AnyModule, source: Tensors, copies: number): Promise<TokenDecoder> {
  const halves = model as unknown as EncoderDecoder;
  const rows = tensorsOf(source)[0]!.shape[0]!;
  const recorded: unknown = inEvaluation(model as unknown as Module, () => noGrad(() => halves.encode(source)));
  if (!(recorded instanceof Tensor) && !isTensorRecord(recorded)) throw new ArgumentError(`[${op}] encode() gives ${describeValue(recorded)}, expected a tensor or a record of tensors.`, { op });
  const made = rowsOf(op, 'the memory', recorded);
  if (made !== rows) throw new ShapeError(`[${op}] encode() gives a memory of ${made} examples for ${rows} sources, expected as many: the batch in front.`, { op, shapes: [tensorsOf(recorded)[0]!.shape] });
  const values = await Promise.all(tensorsOf(recorded).map((tensor) => tensor.data()));
  let at = 0;
  const memory = mapTensors(recorded, ({ shape, dtype }) => repeated(values[at++]!, shape, dtype, copies));
  return { forward: (tokens) => halves.decode(tokens, memory), memory: tensorsOf(memory) };
}

/** Each row so many times, one after the other, as a tensor of its own. */
function repeated(values: ArrayLike<number>, shape: readonly number[], dtype: Tensor['dtype'], copies: number): Tensor {
  const [rows, size] = [shape[0]!, values.length / shape[0]!];
  const all = new dtypes[dtype].array(values.length * copies);
  const given = values as Float32Array;
  for (let row = 0; row < rows; row++) {
    for (let copy = 0; copy < copies; copy++) all.set(given.subarray(row * size, (row + 1) * size), (row * copies + copy) * size);
  }
  return fromArray(all as Float32Array, [rows * copies, ...shape.slice(1)], dtype) as Tensor;
}
