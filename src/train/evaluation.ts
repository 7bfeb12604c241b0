import { checkBatchSize } from '../data/loader-options.js';
import { dtypes } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { EventLoopTurns } from '../event-loop.js';
import { withoutTracking } from '../graph/recorder.js';
import type { Loss } from '../losses/index.js';
import { meanOfMeans } from '../metrics/accumulators.js';
import { lossOf, measuredLoss } from '../metrics/batch-loss.js';
import { measure } from '../metrics/field.js';
import { type AnyMetric, Running } from '../metrics/index.js';
import { parts, together } from '../metrics/running.js';
import { forwardOf, type Module } from '../nn/module.js';
import { allocate } from '../numeric-array.js';
import { slice } from '../ops/index.js';
import { fromArray, inputLeaf } from '../ops/leaf.js';
import { isTensorRecord, mapTensors, namedTensors, type Tensors, tensorsOf } from '../records.js';
import { sameShape, showShape, sizeOf } from '../shape.js';
import { Tensor } from '../tensor.js';
import { exampleWeights } from './example-weights.js';
import { inOrder, nothingFrom, toLoader } from './sources.js';
import type { AnyBatch } from './step.js';

/**
 * Runs `fn`, which records what a model makes of a batch, in evaluation mode and without gradients. What it records is no part
 * of the training step that may be under way. The modes are as before when it returns. `all`: its modules, for who has them.
 */
export function inEvaluation<R>(model: Module, fn: () => R, all: readonly Module[] = model.modules()): R {
  const modules = all.filter((module) => module.training);
  for (const module of modules) module.training = false;
  try {
    return withoutTracking(fn);
  } finally {
    for (const module of modules) module.training = true;
  }
}

/** The loss as what is measured first of a batch, by whoever records the batch. */
export const LOSS: AnyMetric = {
  name: 'loss',
  measure() {
    throw new Error('the loss is measured by who records it');
  },
  accumulator: meanOfMeans,
};

/** The loss and the metrics over all batches; undefined where there are none. One program a batch; the next is recorded while one runs. */
export async function evaluate(model: Module, loss: Loss, metrics: readonly AnyMetric[], batches: AsyncIterable<AnyBatch>, check: () => void): Promise<Record<string, unknown> | undefined> {
  const running = new Running<AnyMetric>([LOSS, ...metrics]);
  const turns = new EventLoopTurns();
  let landed: Promise<void> | undefined;
  for await (const batch of batches) {
    check();
    const { measured, sums } = inEvaluation(model, () => {
      const [inputs, targets] = batch;
      const outputs = forwardOf(model, inputs);
      const all = [measuredLoss(lossOf('Trainer', loss, outputs, targets, exampleWeights(batch, undefined))), ...metrics.map((metric) => measure(metric, outputs, targets))];
      return { measured: all, sums: together(all) };
    });
    const values = sums.data();
    values.catch(() => undefined);
    await landed;
    landed = values.then((data) => running.add(measured, parts(measured, data)));
    landed.catch(() => undefined);
    await turns.yieldToEventLoop();
  }
  await landed;
  check();
  return landed === undefined ? undefined : running.results();
}

/** Returns the model's outputs for all examples, in the order of the data, computed batch by batch; tensors whose elements stay. `forward` records those of a batch. */
export async function predict(model: Module, source: unknown, batchSize: number | undefined, forward = (inputs: Tensors): Tensors => forwardOf(model, inputs)): Promise<Tensors> {
  const turns = new EventLoopTurns();
  const parts: Tensors[] = [];
  for await (const inputs of inputsOf(source, batchSize)) {
    parts.push(await read(inEvaluation(model, () => forward(inputs))));
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
    if (batchSize !== undefined) checkBatchSize(batchSize, 'predict');
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
