import { dtypes } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { forwardOf, type Module } from '../nn/module.js';
import { allocate } from '../numeric-array.js';
import { slice } from '../ops/index.js';
import { fromArray, inputLeaf } from '../ops/leaf.js';
import { isTensorRecord, mapTensors, namedTensors, tensorsOf, type Tensors } from '../records.js';
import { sameShape, showShape, sizeOf } from '../shape.js';
import { Tensor } from '../tensor.js';
import { inEvaluation } from './evaluation.js';
import { nothingFrom } from './nothing.js';
import { inOrder, toLoader } from './sources.js';
import { EventLoopTurns } from './turns.js';

/** Returns the model's outputs for all examples, in the order of the data, computed batch by batch; tensors whose elements stay. */
export async function predict(model: Module, source: unknown, batchSize: number | undefined): Promise<Tensors> {
  const turns = new EventLoopTurns();
  const parts: Tensors[] = [];
  for await (const inputs of inputsOf(source, batchSize)) {
    parts.push(await read(inEvaluation(model, () => forwardOf(model, inputs))));
    await turns.yieldToEventLoop();
  }
  const [first] = parts;
  if (first === undefined) throw nothingFrom('predict', source);
  return mapTensors(first, (_, field) => joined(parts.map((part) => (part instanceof Tensor ? part : part[field!]!))));
}

/** The elements of outputs that were recorded, as tensors of their own. */
async function read(outputs: Tensors): Promise<Tensors> {
  const values = await Promise.all(tensorsOf(outputs).map((tensor) => tensor.data()));
  let at = 0;
  return mapTensors(outputs, ({ shape, dtype }) => fromArray(values[at++]!, shape, dtype));
}

/** Throws ArgumentError unless all inputs have as many examples. */
function checkRows(inputs: Tensors): number {
  const named = namedTensors('inputs', inputs);
  const [first, size] = [named[0]![0], named[0]![1].shape[0] ?? 0];
  for (const [name, { shape }] of named) {
    if (shape[0] !== size && named.length > 1) throw new ArgumentError(`[predict] the inputs differ in length: got ${size} examples in ${first}, ${shape[0] ?? 'a scalar'} in ${name}, expected as many. Put the batch in front of each.`, { op: 'predict' });
  }
  return size;
}

async function* inputsOf(source: unknown, batchSize: number | undefined): AsyncGenerator<Tensors> {
  if (source instanceof Tensor || isTensorRecord(source)) {
    const size = checkRows(source);
    const each = batchSize ?? Math.max(size, 1);
    if (size <= each) {
      yield source;
      return;
    }
    // As an input, whose slices are all alike to a plan.
    const leaf = async (tensor: Tensor): Promise<Tensor> => (tensor.op === inputLeaf ? tensor : fromArray(await tensor.data(), tensor.shape, tensor.dtype));
    const leaves = await Promise.all(tensorsOf(source).map(leaf));
    let at = 0;
    const input = mapTensors(source, () => leaves[at++]!);
    for (let start = 0; start < size; start += each) yield mapTensors(input, (tensor) => slice(tensor, start, start + each, { axis: 0 }));
    return;
  }
  const batches = toLoader('predict', source, batchSize === undefined ? {} : { batchSize });
  for await (const [inputs] of inOrder(batches)) yield inputs;
}

/** Along the batch. Throws ShapeError where batches have outputs of other shapes, as those of padded sequences. */
function joined(parts: readonly Tensor[]): Tensor {
  const [first] = parts;
  if (parts.length === 1) return first!;
  const other = parts.find(({ shape }) => !sameShape(shape.slice(1), first!.shape.slice(1)));
  if (other !== undefined) {
    const shapes = [first!.shape, other.shape];
    throw new ShapeError(`[predict] the outputs of batches differ in shape: got ${showShape(shapes[0]!)} and ${showShape(shapes[1]!)}, expected the same but for the batch. Pad all to one length, as in data.padded({ x, y, buckets: [64] }), or predict batch by batch.`, { op: 'predict', shapes });
  }
  const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
  const shape = [rows, ...first!.shape.slice(1)];
  const all = allocate('predict', 'the outputs', sizeOf(shape), () => new dtypes[first!.dtype].array(sizeOf(shape)));
  let at = 0;
  for (const { data$ } of parts) {
    all.set(data$!, at);
    at += data$!.length;
  }
  return fromArray(all, shape, first!.dtype);
}
