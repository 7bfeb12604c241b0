// Effects other than updates, which have a test of their own: every target leaves what the reference does in the memory that they overwrite.
import { describe, expect, test } from 'vitest';
import { compile } from '../../src/compiler/compile.js';
import type { Wanted } from '../../src/compiler/graph.js';
import { deferring, record } from '../../src/graph/recorder.js';
import { fromArray, storageLeaf } from '../../src/ops/leaf.js';
import type { EffectRecord, Example, OpRecord } from '../../src/ops/record.js';
import { everyOp, type OpName } from '../../src/ops/registry.js';
import { loadNative } from '../../src/runtime/binding.js';
import { sizeOf } from '../../src/shape.js';
import { Tensor } from '../../src/tensor.js';
import { generator, title } from './operands.js';

/** Updates of rows: test/optim/sparse.test.ts, and each rule in native/kernels/update/test_update_rows.cc. */
const OWN_TESTS: readonly OpName[] = ['update', 'updateRows'];
const effects = everyOp.filter(({ kind, name }) => kind === 'effect' && !OWN_TESTS.includes(name as OpName)) as readonly OpRecord[] as readonly EffectRecord[];
const targets = loadNative().addon.info().targets.filter((target) => target !== 'reference');

/** Native memory of one target, for the programs of one example. */
class Memory {
  private readonly native = loadNative();
  private readonly session;
  private readonly ids = new Map<Tensor, number>();

  constructor(target: string) {
    this.session = new this.native.addon.Session({ target });
  }

  /** Memory that holds these values. */
  leafOf(values: Tensor): Tensor {
    const { shape, dtype } = values;
    const leaf = new Tensor(storageLeaf, [], undefined, { shape, dtype }, false, 0);
    this.ids.set(leaf, this.session.allocate(Math.max(4 * sizeOf(shape), 4), false));
    this.run([{ tensor: values, destination: { to: 'leaf', leaf } }], []);
    return leaf;
  }

  read(leaf: Tensor): Float32Array {
    return this.run([{ tensor: leaf, destination: { to: 'view', index: 0 } }], [], sizeOf(leaf.shape));
  }

  run(wanted: readonly Wanted[], effects: readonly Tensor[], elements = 0): Float32Array {
    const { program } = deferring(() => compile(wanted, effects, this.native, { fuse: false, whole: true }));
    const result = new Float32Array(elements);
    const storages = Int32Array.from(program.storages, (binding) => this.ids.get((binding as { readonly leaf: Tensor }).leaf)!);
    const views = program.externals.map((binding) => ('leaf' in binding ? binding.leaf.data$! : result));
    void this.session.run(this.session.load(program.words), storages, new Uint8Array(program.slotBytes), 1, true, 0, ...views);
    return result;
  }

  dispose(): void {
    this.session.dispose();
  }
}

/** Numbers in [-1, 1), or whole ones in the range that the example gives. */
function drawn({ shape, dtype = 'float32', from = 0, to = 2 }: Example['inputs'][number], next: () => number): Tensor {
  const values = Array.from({ length: sizeOf(shape) }, () => (dtype === 'int32' ? Math.floor(from + (to - from) * next()) : 2 * next() - 1));
  return fromArray(dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values), shape, dtype) as Tensor;
}

/** The inputs as an effect leaves them. */
function written(op: EffectRecord, { inputs, attrs }: Example, target: string): Float32Array[] {
  const next = generator(3);
  const memory = new Memory(target);
  try {
    const operands = inputs.map((given) => memory.leafOf(drawn(given, next)));
    memory.run([], [deferring(() => record(op, operands, attrs))]);
    return operands.filter(({ dtype }) => dtype === 'float32').map((operand) => memory.read(operand));
  } finally {
    memory.dispose();
  }
}

describe.each(effects.map((op) => [op.name, op] as const))('%s', (_name, op) => {
  test.each(op.examples().map((example) => [title(example), example] as const))('%s', (_title, example) => {
    const expected = written(op, example, 'reference');
    for (const target of targets) expect(written(op, example, target), target).toEqual(expected);
    const plain = example.inputs.filter(({ dtype = 'float32' }) => dtype === 'float32').map(({ shape }) => sizeOf(shape));
    expect(expected.map(({ length }) => length)).toEqual(plain);
  });
});

test('store leaves the value, accumulate the sum', () => {
  const [store, accumulate] = (['store', 'accumulate'] as const).map((name) => effects.find((op) => op.name === name)!);
  const [stored, value] = written(store!, store!.examples()[2]!, 'reference');
  expect(stored).toEqual(value);
  const [sum, added] = written(accumulate!, accumulate!.examples()[2]!, 'reference');
  const next = generator(3);
  expect(sum).toEqual(added!.map((gradient) => Math.fround(2 * next() - 1) + gradient));
});
