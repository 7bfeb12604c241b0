import { dtypes } from '../dtype.js';
import type { Module } from '../nn/module.js';
import { allocate } from '../numeric-array.js';
import { slice } from '../ops/index.js';
import { fromArray, inputLeaf } from '../ops/leaf.js';
import { sizeOf } from '../shape.js';
import { Tensor } from '../tensor.js';
import { inEvaluation } from './evaluation.js';
import { nothingFrom } from './nothing.js';
import { inOrder, toLoader } from './sources.js';
import { EventLoopTurns } from './turns.js';

/** Returns the model's outputs for all examples, in the order of the data, computed batch by batch; a tensor whose elements stay. */
export async function predict(model: Module, source: unknown, batchSize: number | undefined): Promise<Tensor> {
  const turns = new EventLoopTurns();
  const parts: Tensor[] = [];
  for await (const inputs of inputsOf(source, batchSize)) {
    const outputs = inEvaluation(model, () => model.forward(inputs));
    parts.push(fromArray(await outputs.data(), outputs.shape, outputs.dtype));
    await turns.yieldToEventLoop();
  }
  if (parts.length === 0) throw nothingFrom('predict', source);
  return joined(parts);
}

async function* inputsOf(source: unknown, batchSize: number | undefined): AsyncGenerator<Tensor> {
  if (source instanceof Tensor) {
    const size = source.shape[0] ?? 0;
    const each = batchSize ?? Math.max(size, 1);
    if (size <= each) {
      yield source;
      return;
    }
    // As an input, whose slices are all alike to a plan.
    const input = source.op === inputLeaf ? source : fromArray(await source.data(), source.shape, source.dtype);
    for (let start = 0; start < size; start += each) yield slice(input, start, start + each, { axis: 0 });
    return;
  }
  const batches = toLoader('predict', source, batchSize === undefined ? {} : { batchSize });
  for await (const [inputs] of inOrder(batches)) yield inputs as Tensor;
}

/** Along the batch. */
function joined(parts: readonly Tensor[]): Tensor {
  const [first] = parts;
  if (parts.length === 1) return first!;
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
