// A training step that reaches every kernel by its paths, as one program: its bits must not depend on target, threads,
// compiler or machine. scripts/record-program.ts checks that nothing which native/*.def lists is missing.
//
// What has no gradient is seen through a witness: a parameter w with the loss sum(w * values), whose gradient the values are.
import * as anneal from 'anneal';
import { losses, nn, optim, Parameter, random, seed, tensor, type DType, type Shape, type Tensor } from 'anneal';
import { addAssignment } from '../../src/graph/assignments.js';
import { engine, type ParameterGradient, type Updater } from '../../src/graph/engine.js';
import { outputOf, record } from '../../src/graph/recorder.js';
import { cachedAttention, putPositions } from '../../src/ops/cached-attention.js';
import { gatherRows } from '../../src/ops/indexing.js';
import { normalizeChannels } from '../../src/ops/norms.js';
import { everyOp, ops } from '../../src/ops/registry.js';
import type { KernelRecord } from '../../src/ops/record.js';
import { takeAlongAxis } from '../../src/ops/take-along-axis.js';
import { ParameterGroup } from '../../src/optim/group.js';
import { loadNative } from '../../src/runtime/binding.js';
import { bernoulliMask } from '../../src/ops/random.js';
import { sizeOf } from '../../src/shape.js';

/** Numbers in [-1, 1) and in [0, n) that every machine makes alike. */
const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 1009) / 504.5 - 1);
const below = (n: number, count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => (i * 31 + 5) % n);
const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, (_, i) => (i * i * 3 + i) % 251);
const matrix = (rows: number, columns: number): Tensor => tensor(numbers(rows * columns), { shape: [rows, columns] });

const drawn = (shape: Shape, low = -0.3, high = 0.3): Tensor => new Parameter(shape, nn.init.uniform(low, high));

const buffer = (shape: Shape): Parameter => new Parameter(shape, nn.init.uniform(-1, 1), { requiresGrad: false });

/** Functions of a real number: those that have a line below meet other operations there, those that are new need none. */
const functions = everyOp.filter(({ kind, gradient, examples }) => kind === 'pointwise' && typeof gradient === 'function' && examples().every(({ inputs }) => inputs.length === 1 && inputs[0]!.dtype === undefined));

/** Elements that kernels run on. */
const ELEMENTS = 1000;

/** Kernels of floats alone, which run on the largest of their examples that has no more elements. */
const kernels = everyOp.flatMap((op) => {
  const plain = op.kind === 'kernel' && typeof op.gradient === 'function' && op.calledBy === undefined && op.examples().every(({ inputs }) => inputs.length === 1 && inputs[0]!.dtype === undefined);
  const sizes = op.examples().map(({ inputs }) => sizeOf(inputs[0]?.shape ?? []));
  return plain ? [{ op, example: op.examples()[sizes.indexOf(Math.max(...sizes.filter((size) => size <= ELEMENTS)))]! }] : [];
});

/** Augmentation of one image by itself, with each of its examples' attributes. */
const augmentations = [ops.randomFlip, ops.randomCrop, ops.randomResizedCrop, ops.randomAffine, ops.randomErasing, ops.colorJitter].flatMap((op) =>
  [...new Set(op.examples().map(({ attrs }) => attrs))].map((attrs) => ({ op: op as KernelRecord<never>, attrs })),
);

/** Sizes: odd where the threads of a region are worth while; elsewhere small, so that emulators get through. */
export class EveryKernel extends nn.Module {
  readonly dataset = tensor(bytes(200 * 97), { shape: [200, 97] });
  readonly classifier = nn.sequential(
    [97],
    nn.linear(97, 66),
    nn.relu(),
    nn.dropout(0.25),
    nn.linear(66, 47),
    nn.gelu(),
    nn.linear(47, 35, { bias: false }),
    nn.gelu({ approximate: 'tanh' }),
    nn.linear(35, 34),
    nn.tanh(),
    nn.linear(34, 33),
    nn.sigmoid(),
    nn.linear(33, 10),
  );
  readonly embedding = drawn([50, 512]);
  readonly vocabulary = drawn([700, 100]);
  readonly sparse = { lazy: new Parameter([300, 40], nn.init.uniform(-0.3, 0.3), { sparse: true }), plain: new Parameter([70, 5], nn.init.uniform(-0.3, 0.3), { sparse: true }) };
  readonly scores = drawn([45, 1025], -4, 4);
  readonly products = {
    deep: nn.linear(530, 24), // B is packed for all threads, in two blocks of k
    strided: nn.linear(512, 66), // rows a power of two apart
    wide: nn.linear(65, 512),
    long: nn.linear(3, 5), // the gradient of the weight is split along k
    few: nn.linear(97, 33), // one row and two: dot products
  };
  readonly ragged = drawn([33, 3]);
  readonly convolutions = { first: drawn([33, 3, 3, 3]), apart: drawn([33, 11, 3, 2], -0.1, 0.1), each: drawn([33, 1, 3, 3]), larger: drawn([33, 17, 4, 3], -0.1, 0.1) };
  readonly attention = { query: drawn([4, 32, 17]), key: drawn([4, 32, 17]), value: drawn([4, 32, 17]) };
  readonly cache = { keys: buffer([2, 2, 70, 17]), values: buffer([2, 2, 70, 17]) };
  readonly grid = drawn([67, 301], 0.2, 0.8);
  readonly elements = drawn([ELEMENTS]);
  readonly row = drawn([301], 0.5, 1.5);
  readonly column = drawn([67, 1], 0.5, 1.5);
  /** Made as the first step shows them what they have to hold. */
  readonly witnesses: Parameter[] = [];
  #terms: Tensor[] = [];
  #shown = 0;

  /** The loss of a step. */
  override forward(): Tensor {
    this.#terms = [];
    this.#shown = 0;
    this.classify();
    this.multiply();
    this.convolve();
    this.attend();
    this.compute(this.grid, this.row, this.column);
    this.pool();
    this.augment();
    this.normalize();
    this.compare(this.grid, this.row);
    const noise = this.draw();
    this.reduce(noise);
    this.move(noise);
    return this.#terms.reduce((sum, term) => anneal.add(sum, term));
  }

  private term<S extends Shape, D extends DType>(x: Tensor<S, D>): void {
    this.#terms.push(anneal.mean(x as Tensor));
  }

  private show<S extends Shape, D extends DType>(x: Tensor<S, D>): void {
    const witness: Tensor = (this.witnesses[this.#shown++] ??= new Parameter(x.shape as Shape, nn.init.zeros()));
    this.#terms.push(anneal.sum(anneal.mul(witness, anneal.detach(anneal.cast(x as Tensor, 'float32')))));
  }

  private classify(): void {
    const inputs = gatherRows(this.dataset, tensor(below(200, 70)), { mean: tensor(127.5), rest: tensor(1e-6), scale: tensor(1 / 128) });
    const logits = this.classifier.forward(inputs);
    this.term(losses.crossEntropy(logits, tensor(below(10, 70))));
    this.show(anneal.argmax(logits, { axis: 1 }));
    this.term(anneal.crossEntropy(this.scores, tensor(below(1025, 45))));
    const shares = anneal.detach(anneal.softmax(anneal.mul(logits, 2)));
    this.term(anneal.mul(anneal.crossEntropy(logits, shares, { classWeights: tensor(numbers(10)).abs() }), 0.1));
    this.term(anneal.mul(anneal.crossEntropy(this.scores, tensor(below(1025, 45)), { labelSmoothing: 0.2 }), 0.1));
    this.term(takeAlongAxis(this.scores, tensor(below(1025, 45))));
    this.show(anneal.softmax(this.scores));
    this.term(anneal.mul(anneal.logSoftmax(anneal.transpose(this.scores, 0, 1)), -0.1));
  }

  private multiply(): void {
    const { deep, strided, wide, long, few } = this.products;
    const words = anneal.gather(this.embedding, tensor(below(50, 40)));
    for (const table of [this.vocabulary, this.sparse.lazy, this.sparse.plain]) {
      for (const count of [90, 31]) this.term(anneal.pow(anneal.embedding(tensor(below(table.shape[0]!, count)), table), 2));
    }
    const outputs = [
      anneal.relu(deep.forward(matrix(200, 530))),
      strided.forward(words),
      wide.forward(anneal.relu(anneal.matmul(matrix(65, 66), anneal.detach(strided.weight).slice(0, 65, { axis: 1 })))),
      long.forward(matrix(4200, 3)),
      few.forward(matrix(1, 97)),
      few.forward(matrix(2, 97)),
      anneal.matmul(matrix(70, 33), this.ragged),
    ];
    for (const output of outputs) this.term(anneal.mul(output, output));
  }

  /** Batched products, and a softmax between them. */
  private attend(): void {
    const { query, key, value } = this.attention;
    const scores = anneal.matmul(query, anneal.transpose(key, 1, 2));
    const attended = anneal.matmul(anneal.softmax(anneal.div(scores, Math.sqrt(17))), value);
    this.term(anneal.pow(attended, 2));
    const long = [query, key, value].map((x) => anneal.reshape(x, [1, 1, 128, 17]) as Tensor) as [Tensor, Tensor, Tensor];
    this.term(anneal.pow(anneal.scaledDotProductAttention(...long, { isCausal: true }), 2));
    const heads = (x: Tensor, count: number): Tensor => anneal.permute(anneal.reshape(x.slice(0, count), [2, 32, count / 2, 17]), [0, 2, 1, 3]) as Tensor;
    const options = { mask: anneal.greater(matrix(32, 32), -0.7) as Tensor, keyLengths: tensor(Int32Array.of(32, 21)) as Tensor, dropout: 0.2, enableGqa: true };
    this.term(anneal.pow(anneal.scaledDotProductAttention(heads(query, 4), heads(key, 2), heads(value, 2), options), 2));
    this.remember(anneal.detach(anneal.reshape(anneal.slice(query, 0, 1, { axis: 1 }), [2, 2, 1, 17])) as Tensor);
    const spoken = tensor(below(16, 20), { shape: [4, 5] });
    this.term(losses.ctc(query, spoken, tensor(Int32Array.of(32, 31, 20, 7)), tensor(Int32Array.of(5, 4, 0, 1)), { blank: 16 }));
  }

  /** Attention of one position to those in a cache, into which it goes. */
  private remember(x: Tensor): void {
    const { keys, values } = this.cache;
    const offsets = tensor(Int32Array.of(3, 68)) as Tensor;
    const y = cachedAttention(x, { keys: x, values: x }, { keys, values, offsets }, { mask: undefined });
    for (const cache of [keys, values]) addAssignment(cache, putPositions(cache, x, offsets), y);
    this.show(y);
  }

  /** Convolutions, with strides and phases, of groups, one for each channel, and the input's gradient by itself. */
  private convolve(): void {
    const { first, apart, each, larger } = this.convolutions;
    const images = anneal.reshape(matrix(6, 3 * 13 * 11), [6, 3, 13, 11]);
    const x = anneal.relu(anneal.conv2d(images, first, undefined, { padding: 1, stride: [1, 2] }) as Tensor);
    const y = anneal.add(anneal.conv2d(x, apart, undefined, { groups: 3, dilation: 2, padding: [2, 1] }) as Tensor, anneal.conv2d(x, each, undefined, { groups: 33, padding: 'same' }) as Tensor);
    const z = anneal.convTranspose2d(y as Tensor, larger, undefined, { stride: 2, padding: 1 });
    this.term(anneal.mul(z, z));
  }

  /** Every pointwise operation that has a gradient, on a grid, a row and a column. */
  private compute(a: Tensor, b: Tensor, c: Tensor): void {
    const positive = anneal.add(anneal.abs(a), 0.1);
    const parts = [
      anneal.mul(anneal.exp(a), anneal.sigmoid(b)),
      anneal.sub(anneal.log(positive), anneal.sqrt(positive)),
      anneal.add(anneal.tanh(a), anneal.erf(anneal.mul(a, c))),
      anneal.add(anneal.gelu(anneal.sub(a, 0.5)), anneal.gelu(a, { approximate: 'tanh' })),
      anneal.relu(anneal.sub(a, 0.5)),
      anneal.mul(anneal.expm1(a), anneal.log1p(a)),
      anneal.mul(anneal.softplus(anneal.sub(a, 0.5)), anneal.logSumExp(a, { axis: 0 })),
      anneal.sub(anneal.silu(a), anneal.elu(anneal.sub(a, 0.5))),
      anneal.div(anneal.pow(positive, b), anneal.add(anneal.mul(c, c), 1)),
      anneal.maximum(anneal.mul(a, b), anneal.minimum(c, anneal.neg(a))),
      anneal.where(anneal.less(a, 0.4), anneal.mul(a, anneal.sign(b)), anneal.clamp(b, 0.6, 1.4)),
    ];
    for (const part of parts) this.term(part);
    for (const op of functions) this.term(record(op, [positive]));
    for (const { op, example } of kernels) {
      const { shape } = example.inputs[0]!;
      const y = record(op, [anneal.reshape(anneal.slice(this.elements, 0, sizeOf(shape)), shape)], example.attrs);
      if (sizeOf(y.shape) > 0) this.term(anneal.mul(y, y));
    }
  }

  /** Poolings of planes and of images whose channels lie side by side, which are resampled and padded, too; of maxima, what another gradient would take. */
  private pool(): void {
    const planes = anneal.reshape(this.grid.slice(0, 60), [10, 7, 43, 6]);
    for (const images of [planes, anneal.permute(planes, [0, 3, 1, 2])] as Tensor[]) {
      const maxima = anneal.maxPool2d(images, 3, { stride: 2, padding: 1, dilation: [1, 1] });
      this.term(anneal.mul(anneal.avgPool2d(images, 2, { stride: 1, padding: 1 }), 2));
      this.term(anneal.mul(maxima, maxima));
      const { values, indices } = anneal.maxPool2dWithIndices(images, 2);
      this.term(anneal.pow(anneal.maxUnpool2d(values, indices, 2, { outputSize: images.shape.slice(2) as never }), 2));
      this.term(anneal.pow(anneal.interpolate(images, { scaleFactor: 1.6, mode: 'bilinear' }), 2));
      this.term(anneal.pow(anneal.interpolate(images, { size: [20, 9], mode: 'bicubic', alignCorners: true }), 2));
      for (const mode of ['bilinear', 'bicubic'] as const) this.term(anneal.pow(anneal.interpolate(images, { size: [9, 4], mode, antialias: true }), 2));
      this.term(anneal.pow(anneal.pad(images, [2, 3, 1, 0], { mode: 'reflect' }), 2));
      this.show(record(ops.maxPool2dTake, [anneal.detach(images), outputOf(maxima, 1)], maxima.attrs));
    }
  }

  /** Bytes and floats, each kind of augmentation behind the other; mixtures of floats. */
  private augment(): void {
    const [examples, key] = [tensor(below(1000, 20)), tensor(Int32Array.of(7, 0, 1, 2, 3))];
    const pixels = tensor(bytes(20 * 3 * 33 * 30), { shape: [20, 3, 33, 30] });
    for (const images of [pixels, anneal.cast(pixels, 'float32')] as Tensor[]) {
      for (const { op, attrs } of augmentations) {
        if (op !== ops.colorJitter || images === pixels) this.show(record(op, [images, examples, key], attrs as never));
      }
    }
    const [first, second] = [anneal.cast(pixels.slice(0, 10), 'float32'), anneal.cast(pixels.slice(10, 20), 'float32')] as [Tensor, Tensor];
    for (const { attrs } of ops.mixImages.examples()) {
      const mixed = record(ops.mixImages, [first, second, examples.slice(0, 10) as Tensor, key], attrs as never);
      this.show(mixed);
      this.show(outputOf(mixed, 1));
    }
  }

  /** Norms of rows, down columns that are folded and that are not, and of parts that stay in a cache. */
  private normalize(): void {
    const images = anneal.reshape(this.grid.slice(0, 60), [10, 7, 43, 6]) as Tensor;
    const [weight, bias] = [this.row, anneal.mul(this.row, 0.5)] as const;
    const channels = (count: number): [Tensor, Tensor] => [weight.slice(0, count) as Tensor, bias.slice(0, count) as Tensor];
    const rows = [anneal.layerNorm(this.grid as Tensor, 301, weight, bias), anneal.rmsNorm(this.grid as Tensor, 301, weight)];
    // A norm that takes the terms of a sum, which is read again, and its gradient with the one that passes by.
    const grown = anneal.add(this.grid as Tensor, rows[0]! as never) as Tensor;
    rows.push(anneal.add(grown, anneal.layerNorm(grown, 301, weight, bias)));
    for (const y of rows) this.term(anneal.mul(y, this.grid as Tensor));
    const wide = anneal.reshape(this.elements.slice(0, 960), [6, 160]) as Tensor;
    this.term(anneal.mul(normalizeChannels('batchNorm', wide, ...channels(160), 1e-3).y, wide));
    const parts = [normalizeChannels('batchNorm', images, ...channels(7), 1e-3).y, anneal.instanceNorm(images), anneal.groupNorm(anneal.permute(images, [0, 3, 1, 2]) as Tensor, 2, ...channels(6))];
    for (const y of parts) this.term(anneal.mul(y, anneal.pow(y, 2)));
  }

  /** Truth values, whole numbers and bytes. */
  private compare(a: Tensor, b: Tensor): void {
    const whole = anneal.cast(anneal.mul(a, 10), 'int32');
    const others = anneal.cast(anneal.mul(b, 10), 'uint8');
    this.show(anneal.logicalOr(anneal.logicalAnd(anneal.less(a, b), anneal.notEqual(whole, 5)), anneal.logicalNot(anneal.lessEqual(b, 1))));
    this.show(anneal.equal(whole, anneal.cast(others, 'int32')));
    this.show(anneal.cast(whole, 'bool'));
    this.show(anneal.maximum(anneal.sub(whole, 3), anneal.mul(anneal.neg(whole), anneal.sign(whole))));
  }

  private draw(): Tensor {
    const noise = anneal.uniform([300, 1000], random.key('noise'), -1, 1);
    this.show(anneal.normal([1001], random.key('normal'), 0.5, 2));
    this.show(bernoulliMask([33, 31], random.key('mask'), 0.7));
    return noise;
  }

  /** Over rows, over columns, over all: long and short, each kind. */
  private reduce(x: Tensor): void {
    for (const axis of [0, 1, undefined] as const) {
      for (const reduction of [anneal.sum, anneal.mean, anneal.max, anneal.min, anneal.variance]) this.show(reduction(x, { axis }));
      this.show(anneal.argmin(x, { axis }));
    }
    const positive = anneal.less(anneal.slice(x, 0, 7, { axis: 1 }), 0.9);
    this.show(anneal.all(positive, { axis: 1 }));
    this.show(anneal.any(anneal.logicalNot(positive), { axis: 0 }));
    const grid = this.grid;
    this.term(anneal.mul(anneal.variance(grid, { axis: 0 }), anneal.max(grid, { axis: 0 })));
  }

  /** Copies: one behind the other, every second, turned around. */
  private move(x: Tensor): void {
    const corner = anneal.slice(anneal.slice(x, 0, 60), 0, 400, { axis: 1, step: 3 });
    const turned = anneal.reshape(anneal.transpose(x, 0, 1), [3, 100000]);
    this.show(anneal.concat([corner, anneal.pad(corner, [0, 0, 1, 2])]));
    this.show(anneal.sum(turned, { axis: 1 }));
    this.term(anneal.mul(anneal.concat([this.grid, anneal.slice(anneal.transpose(this.scores, 0, 1), 0, 67)], 1), 0.5));
  }
}

/** Several optimizers, each with parameters of its own, as one: a step of all of them is one program. */
class Together implements Updater {
  readonly id = 0;
  readonly version = 0;
  readonly parameters: readonly Parameter[];

  constructor(private readonly optimizers: readonly Updater[]) {
    this.parameters = optimizers.flatMap(({ parameters }) => parameters);
  }

  takesRows(parameter: Parameter): boolean {
    return this.optimizers.some((one) => one.parameters.includes(parameter) && one.takesRows(parameter));
  }

  update(given: readonly ParameterGradient[]): readonly Tensor[] {
    return this.optimizers.flatMap((one) => one.update(given.filter(({ parameter }) => one.parameters.includes(parameter))));
  }

  advance(updated: readonly Parameter[]): void {
    for (const one of this.optimizers) one.advance(updated.filter((parameter) => one.parameters.includes(parameter)));
  }

  overwrites(): readonly Tensor[] {
    return this.optimizers.flatMap((one) => one.overwrites());
  }

  rollback(updated: readonly Parameter[]): void {
    for (const one of this.optimizers) one.rollback(updated.filter((parameter) => one.parameters.includes(parameter)));
  }
}

type Make = (parameters: readonly Parameter[]) => optim.Optimizer;

/** Optimizers and their parameters: every rule. A parameter belongs to the first whose path it starts with. */
const rules: readonly (readonly [path: string, make: Make])[] = [
  ['classifier.0', (some) => optim.adam(some, { lr: (step) => 0.01 / (1 + step), weightDecay: 0.01 })],
  ['classifier.3', (some) => optim.adam(some, { lr: 0.001, amsgrad: true })],
  ['classifier.5', (some) => optim.adamax(some, { lr: 0.001 })],
  ['classifier.7', (some) => optim.nadam(some, { lr: 0.001 })],
  ['classifier.9', (some) => optim.radam(some, { lr: 0.001, decoupled: true, weightDecay: 0.01 })],
  ['products.deep', (some) => optim.adamw(some, { lr: optim.schedules.cosine(0.01, 50) })],
  ['products.strided', (some) => optim.rmsprop(some, { lr: 0.0001 })],
  ['products.wide', (some) => optim.rmsprop(some, { lr: 0.0001, momentum: 0.9 })],
  ['products.long', (some) => optim.rmsprop(some, { lr: 0.001, centered: true })],
  ['products.few', (some) => optim.rmsprop(some, { lr: 0.001, centered: true, momentum: 0.9 })],
  ['attention.query', (some) => optim.adagrad(some, { lr: 0.01 })],
  ['attention.key', (some) => optim.adadelta(some, { lr: 1 })],
  ['attention.value', (some) => optim.lion(some, { lr: 0.001, clip: { norm: 0.01 }, average: optim.lookahead() })],
  ['grid', (some) => optim.lamb(some, { lr: 0.001, clip: { globalNorm: 0.1 }, average: optim.exponentialMovingAverage() })],
  ['scores', (some) => optim.adam(some, { lr: 0.001, clip: { value: 0.001 } })],
  ['row', (some) => optim.rprop(some, { lr: 0.001, stepSizes: [1e-5, 0.01] })],
  ['column', (some) => optim.asgd(some, { lr: 0.001, lambd: 0.1, t0: 10 })],
  ['sparse.lazy', (some) => optim.sparseAdam(some, { lr: 0.001, clip: { norm: 0.01 } })],
  ['sparse.plain', (some) => optim.adagrad(some, { lr: 0.001, initialAccumulatorValue: 0.1 })],
  ['witnesses', (some) => optim.sgd(some, { lr: 1 })],
  ['embedding', (some) => optim.sgd(some, { lr: 0.1, momentum: 0.9, nesterov: true })],
  ['', (some) => optim.sgd(some, { lr: 0.5, momentum: 0.9, dampening: 0.1, weightDecay: 0.001 })],
];

/** The optimizers of a model whose first forward() is done, as one. A rule that none of them has, as it is new, updates a witness. */
function optimizersOf(model: EveryKernel): Updater {
  const rest = new Set(model.parameters());
  const parts = rules.map(([path, make]) => {
    const some = [...rest].filter(({ name }) => name.startsWith(path));
    for (const parameter of some) rest.delete(parameter);
    return { path, make, some };
  });
  const listed = new Map(parts.filter(({ path }) => path !== 'witnesses').map(({ path, make, some }) => [path, make(some)]));
  const known = new Set(['sgd', ...[...listed.values()].flatMap(({ groups }) => groups.map(({ rule }) => rule))]);
  const fresh = loadNative().updateRules.filter(({ name }) => !known.has(name));
  const others = fresh.map(({ name, hypers }, i) => {
    const hyper = Object.fromEntries(hypers.map((number) => [number, 0.5]));
    return new optim.Optimizer(name, [new ParameterGroup(name, [model.witnesses[i]!], { lr: 0.001, rule: name, hyper, flags: {} })]);
  });
  return new Together([...parts.map(({ path, make, some }) => listed.get(path) ?? make(some.slice(others.length))), ...others]);
}

/** The model, and what trains it by a step a call. */
export function everyKernel(): { readonly model: EveryKernel; step(): Promise<void> } {
  seed(3);
  const model = new EveryKernel();
  model.parameters(); // gives them their names, by which they are drawn
  let together: Updater | undefined;
  const step = async (): Promise<void> => {
    const loss = model.forward();
    together ??= optimizersOf(model);
    loss.backward();
    await engine().steps(together, { finite: 'all' }).done;
  };
  return { model, step };
}
