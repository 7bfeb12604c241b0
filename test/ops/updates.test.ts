// Updates of parameters: every target against the reference, written in place, by whole steps of an engine of its own.
import { configure } from 'anneal';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Updater } from '../../src/graph/engine.js';
import { withoutTracking, record, setEager } from '../../src/graph/recorder.js';
import { add, mul, sum } from '../../src/ops/index.js';
import { updateExamples } from '../../src/ops/updates.js';
import { ops } from '../../src/ops/registry.js';
import { fromArray, slots } from '../../src/ops/leaf.js';
import type { EffectRecord, Example, OpRecord } from '../../src/ops/record.js';
import { loadNative } from '../../src/runtime/binding.js';
import { RuntimeEngine } from '../../src/runtime/engine.js';
import { plannedMode } from '../../src/runtime/mode.js';
import { sizeOf } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';
import { Parameter } from '../../src/parameter.js';
import { generator, title } from './operands.js';

type Given = Example['inputs'][number];
const targets = loadNative().addon.info().targets.filter((target) => target !== 'reference');

// Steps of these engines are planned in both modes; files of one worker share theirs.
beforeAll(() => setEager(undefined));
afterAll(() => configure({ debug: process.env['ANNEAL_DEBUG'] === '1' }));

/** Runs two updates with the same gradients and gives what the op has written: of each parameter itself, then its state. */
async function updated(op: EffectRecord, { inputs, attrs }: Example, target: string): Promise<Float32Array[]> {
  const engine = new RuntimeEngine(plannedMode(target));
  const next = generator(3);
  const draw = ({ shape, from, to }: Given): Float32Array => Float32Array.from({ length: sizeOf(shape) }, () => from! + (to! - from!) * next());
  const [{ shape: hypers }, { shape: parameters }, ...arrays] = inputs as [Given, Given, ...Given[]];
  const hyper = slots(Float64Array.from({ length: sizeOf(hypers) }, () => 0.1 + 0.8 * next()), 'float64');
  // Parameters that were updated more or less often.
  const counts = Int32Array.from({ length: sizeOf(parameters) }, (_, i) => i % 2);
  const countsSlot = slots(counts, 'int32');
  const each = arrays.length / counts.length;
  const stored = arrays.map((given, i) => {
    const { shape } = given;
    const values = fromArray(draw(given), shape, 'float32') as Tensor;
    const made = new Parameter(shape, () => values, { requiresGrad: i % each === 0 });
    made.name = `array ${i}`;
    engine.assign(made, values);
    return made;
  });
  const updater: Updater = {
    id: 1,
    version: 0,
    parameters: stored.filter((_, i) => i % each === 0),
    takesRows: () => false,
    update: (given) => {
      const operands = stored.map((array, i) => (i % each === 1 ? given[Math.floor(i / each)]!.gradient : array));
      return [record(op, [hyper, countsSlot, ...operands], attrs)];
    },
    advance: () => counts.forEach((count, i) => (counts[i] = count + 1)),
    overwrites: () => [],
    rollback: () => counts.forEach((count, i) => (counts[i] = count - 1)),
  };
  for (let i = 0; i < 2; i++) {
    engine.backward(withoutTracking(() => updater.parameters.map((parameter, k) => sum(mul(parameter, stored[k * each + 1]!))).reduce(add), true));
    await engine.step(updater);
  }
  const written: Float32Array[] = [];
  for (const position of op.writes(attrs!)) written.push((await engine.read(stored[position - 2]!)) as Float32Array);
  await engine.synchronize();
  return written;
}

describe(ops.update.name, () => {
  const op = ops.update as OpRecord as EffectRecord;
  test.each(loadNative().updateRules.flatMap(updateExamples).map((example) => [title(example), example] as const))('%s', async (_title, example) => {
    const expected = await updated(op, example, 'reference');
    expect(expected.length).toBe(op.writes(example.attrs!).length);
    for (const target of targets) {
      const got = await updated(op, example, target);
      got.forEach((array, k) => {
        array.forEach((value, i) => {
          const wanted = expected[k]![i]!;
          const apart = op.tolerance.absolute + op.tolerance.relative * Math.abs(wanted);
          if (!(Math.abs(value - wanted) <= apart)) expect.fail(`${target}: array ${k}, element ${i} is ${value}, the reference has ${wanted}`);
        });
      });
    }
  });
});
