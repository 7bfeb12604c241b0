import { engine } from '../../src/graph/engine.js';
import { noGrad } from '../../src/graph/recorder.js';
import { assign } from '../../src/graph/assign.js';
import { grad } from '../../src/graph/grad.js';
import { recompute } from '../../src/recompute.js';
import { crossEntropy, defineOp, linear, lstmCell, matmul } from '../../src/ops/index.js';
import { fromArray } from '../../src/ops/leaf.js';
import { adam, sgd } from '../../src/optim/index.js';
import type { Optimizer } from '../../src/optim/index.js';
import { sizeOf } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';
import { Parameter } from '../../src/parameter.js';
import type { ModelSpec, StepSpec } from './language.js';

/** A model of random operations over a chain of linear maps, with an optimizer for all of its parameters or a part of them. */
export class Model {
  readonly parameters: Parameter[] = [];
  readonly optimizers: Optimizer[];
  /** Buffers that training assigns: a running mean of the first layer, and a count. */
  readonly running: Parameter;
  readonly count: Parameter<[], 'int32'>;
  /** Value that the op `scaled` takes from outside. */
  factor = 1;
  /** An op of the user's, whose value and gradient go by a number that changes, and a choice. */
  readonly scaled = defineOp({
    name: 'scaled',
    forward: (x) => (this.factor < 0 ? x!.mul(this.factor).neg() : x!.mul(this.factor)),
    gradient: (dy) => [this.factor < 0 ? dy.mul(this.factor) : dy.mul(this.factor).mul(0.5)],
  });

  constructor(
    readonly spec: ModelSpec,
    prefix: string,
  ) {
    spec.widths.slice(1).forEach((width, i) => {
      this.parameters.push(parameter(`${prefix}.${i}.weight`, [width, spec.widths[i]!], spec.seed + i));
      this.parameters.push(parameter(`${prefix}.${i}.bias`, [width], spec.seed + 100 + i));
    });
    this.parameters.push(parameter(`${prefix}.gain`, spec.scalars, spec.seed + 200), parameter(`${prefix}.shift`, spec.scalars, spec.seed + 201));
    this.running = new Parameter([spec.widths[1]!], () => fromArray(new Float32Array(spec.widths[1]!), [spec.widths[1]!], 'float32'), { requiresGrad: false });
    this.count = new Parameter([], () => fromArray(new Int32Array(1), [], 'int32'), { requiresGrad: false, dtype: 'int32' });
    const generator = {} as never;
    for (const one of [...this.parameters, this.running, this.count]) one.generator$ = generator;
    const make = (parameters: Parameter[]): Optimizer => {
      const some = /(bias|shift)$/;
      const groups = spec.grouped && parameters.some(({ name }) => some.test(name)) ? { groups: [{ match: some, weightDecay: 0.1 }] } : {};
      return spec.optimizer === 'adam' ? adam(parameters, { lr: 0.01, ...groups }) : sgd(parameters, { lr: 0.05, momentum: spec.optimizer === 'momentum' ? 0.9 : 0, ...groups });
    };
    const cut = { no: this.parameters.length, layer: 2, scalars: this.parameters.length - 1 }[spec.split];
    this.optimizers = [this.parameters.slice(0, cut), this.parameters.slice(cut)].filter((part) => part.length > 0).map(make);
  }

  /** The two parameters of one element. */
  get scalars(): [Parameter, Parameter] {
    return this.parameters.slice(-2) as [Parameter, Parameter];
  }

  forward(x: Tensor, step: StepSpec, training = true): { output: Tensor; inner: Tensor } {
    const { actions } = step;
    const layers = (): { output: Tensor; inner: Tensor } => {
      let h = x;
      let inner = x;
      this.spec.widths.slice(1).forEach((_, i) => {
        const isRecomputed = actions.includes('recompute') || (actions.includes('recomputeSome') && i === step.seed % 2);
        h = isRecomputed ? recompute((input) => this.layer(i, input, step, training), h) : this.layer(i, h, step, training);
        if (i === 0) inner = h;
      });
      return { output: h, inner };
    };
    return actions.includes('recomputeAll') ? recompute(layers) : layers();
  }

  private layer(i: number, x: Tensor, step: StepSpec, training: boolean): Tensor {
    let h: Tensor = linear(x, this.parameters[2 * i]!, this.parameters[2 * i + 1]!);
    if (i + 2 < this.spec.widths.length) h = activation(this.spec.activations[i % this.spec.activations.length]!, h);
    if (step.branch && i === 0) h = h.mul(step.scale).add(h.tanh());
    if (step.actions.includes('customOp') && i === 0) h = this.scaled(h);
    if (i === 0 && training && step.actions.includes('assign')) h = this.track(h);
    return h;
  }

  /** Moves the buffers along with what it gives, which reads the new mean. */
  private track(h: Tensor): Tensor {
    const moved = (this.running as Tensor).mul(0.5).add(h.mean({ axis: 0 }).mul(0.5) as never) as Tensor;
    const along = h.mul(2) as Tensor;
    assign(this.running, moved, { along });
    assign(this.count, (this.count as Tensor).add(1 as never) as Tensor, { along });
    return along.sub(this.running as never) as Tensor;
  }
}

/** A cell over fixed weights: of its two outputs both, or the second. */
function cell(h: Tensor, both: boolean): Tensor {
  const H = h.shape[1]!;
  const fixed = (seed: number): Tensor => fromArray(numbers(seed, 4 * H * H), [4 * H, H], 'float32');
  const state = lstmCell(h, { h: h.tanh() as Tensor, c: h.mul(0.5) as Tensor }, { weightIh: fixed(5), weightHh: fixed(6) });
  return both ? (state.h.add(state.c as never) as Tensor) : state.c;
}

/** Views of a parameter of every kind. */
function views(p: Tensor): Tensor[] {
  const own = [p.detach(), p.reshape([-1]), p.flatten(), p.expand([2, ...p.shape]), p.permute(p.shape.map((_, d) => p.shape.length - 1 - d)), p.cast('float32')] as Tensor[];
  return p.shape.length === 0 ? own : [...own, p.slice(0, 1) as Tensor];
}

/** A scalar that lies in a parameter. */
function element(p: Tensor, n: number): Tensor {
  const flat = p.reshape([-1]) as Tensor;
  const at = n % flat.shape[0]!;
  return flat.slice(at, at + 1).reshape([]) as Tensor;
}

function activation(name: string, h: Tensor): Tensor {
  switch (name) {
    case 'relu':
      return h.relu();
    case 'tanh':
      return h.tanh();
    case 'gelu':
      return h.gelu();
    case 'square':
      return h.mul(h).mul(0.1);
    case 'cell':
      return cell(h, true);
    case 'memory':
      return cell(h, false);
    case 'gate':
      return h.sigmoid().mul(h);
    default:
      return h;
  }
}

/** Small numbers from a 32-bit generator: the same in every mode. */
export function numbers(seed: number, count: number): Float32Array {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24 - 0.5;
  });
}

function parameter(name: string, shape: readonly number[], seed: number): Parameter {
  const size = sizeOf(shape);
  const made = new Parameter(shape, () => fromArray(numbers(seed, size), shape, 'float32'));
  made.name = name;
  return made;
}

function batch(model: Model, step: StepSpec, which: number): { x: Tensor; labels: Tensor } {
  const features = model.spec.widths[0]!;
  const classes = model.spec.widths[model.spec.widths.length - 1]!;
  const values = numbers(step.seed + 31 * which, step.batch * features);
  const labels = Int32Array.from(numbers(step.seed + 77 * which, step.batch), (v) => Math.floor((v + 0.5) * classes) % classes);
  return { x: fromArray(values, [step.batch, features], 'float32'), labels: fromArray(labels, [step.batch], 'int32') };
}

/** Arrays of the first optimizer's. */
const stateOf = (model: Model): Tensor[] => [...model.optimizers[0]!.stateDict().values()].filter((state): state is Tensor => 'keep' in state).slice(0, 2);

const waits = ({ pending$, accumulator$ }: Parameter): boolean => pending$ !== undefined || accumulator$ !== undefined;

function lossOf(step: StepSpec, output: Tensor, labels: Tensor): Tensor {
  if (step.loss === 'crossEntropy') return (crossEntropy(output as never, labels as never) as Tensor).mean();
  if (step.loss === 'square') return output.mul(output).mean();
  return output.sum().mul(0.01);
}

/** Elements, or of many a hash of their bits, as two numbers that float32 holds. */
function noted(elements: ArrayLike<number>): ArrayLike<number> & Iterable<number> {
  if (elements.length <= 4096) return Float32Array.from(elements);
  let hash = 0x811c9dc5;
  for (const word of new Uint32Array(Float32Array.from(elements).buffer)) hash = Math.imul(hash ^ word, 0x01000193);
  return [hash & 0xffff, hash >>> 16];
}

/** Runs the steps of one loop and logs every number that the program reads. */
export async function runLoop(model: Model, steps: readonly StepSpec[]): Promise<number[]> {
  const log: number[] = [];
  const read = async (tensor: Tensor): Promise<void> => {
    log.push(...noted(await tensor.data()));
  };
  let carried: Tensor | undefined;
  const held: Tensor[] = [];
  for (const step of steps) {
    const scalars: Tensor[] = [];
    const kept: Tensor[] = [];
    const first = model.parameters[step.seed % model.parameters.length]! as Tensor;
    model.factor = step.scale;
    if (step.actions.includes('load')) {
      held.push(first.detach().keep());
      scalars.push(first.mean() as Tensor);
      void engine().write(first, numbers(step.seed, sizeOf(first.shape)));
    }
    if (step.actions.includes('keepViews')) for (const p of model.parameters) kept.push(views(p as Tensor)[step.seed % 6]!.keep());
    if (step.actions.includes('keepState')) for (const state of stateOf(model)) kept.push(state.detach().keep());
    if (step.actions.includes('scalarViews')) for (const p of model.parameters) scalars.push(element(p as Tensor, step.seed));
    for (let i = 0; i < step.extra; i++) scalars.push(element(first, i));
    held.push(...kept.slice(0, 1));
    if (step.actions.includes('zeroGrad')) for (const optimizer of model.optimizers) optimizer.zeroGrad();
    for (let round = 0; round < step.backwards; round++) {
      const { x, labels } = batch(model, step, round);
      const { output, inner } = model.forward(x, step);
      if (step.actions.includes('readInner')) await read(inner);
      if (step.actions.includes('predict')) await read(noGrad(() => model.forward(x, step, false).output));
      if (step.actions.includes('readBuffer')) await read(model.running as Tensor);
      let loss = lossOf(step, output, labels);
      if (carried !== undefined && step.actions.includes('useKept')) loss = loss.add(carried.mean().mul(0.1));
      if (step.actions.includes('penalty')) {
        const [slope] = grad(loss, [inner], { createGraph: true });
        loss = loss.add(slope.mul(slope as never).mean() as never) as Tensor;
      }
      if (step.actions.includes('scalar')) scalars.push(output.max());
      if (step.actions.includes('readLoss')) log.push(await loss.item());
      if (step.actions.includes('pause')) await Promise.resolve();
      scalars.push(loss);
      loss.backward();
      if (step.actions.includes('secondLoss')) {
        const second = inner.mul(inner).mean();
        second.backward();
        scalars.push(second);
      }
      if (step.actions.includes('scalarLoss')) {
        const [gain, shift] = model.scalars;
        const product = gain.mul(shift) as Tensor;
        product.backward();
        scalars.push(product);
      }
      if (step.actions.includes('holdGradient')) {
        const gradient = model.parameters[1]!.grad!;
        scalars.push(gradient.sum() as Tensor);
        kept.push(gradient.mul(2).keep() as Tensor);
      }
      if (step.actions.includes('readGradient')) await read(model.parameters[0]!.grad!);
      if (step.actions.includes('keep')) carried = matmul(output, output.t()).keep();
    }
    const view = step.actions.includes('watchView') ? views(first)[step.seed % 6]! : undefined;
    const pending = model.optimizers.filter((optimizer) => optimizer.parameters.some(waits)).map(async (optimizer) => {
      const watched = view !== undefined && optimizer.parameters.includes(first as Parameter) ? [view] : [];
      const run = engine().steps(optimizer, { watched });
      await run.done;
      return watched.length > 0 ? noted(run.values(0)!) : [];
    });
    if (step.actions.includes('predictUnawaited')) {
      const { x } = batch(model, step, 9);
      const prediction = read(noGrad(() => model.forward(x, step, false).output));
      await Promise.all([...pending, prediction]);
    }
    if (!step.actions.includes('rush')) await Promise.all(pending);
    if (step.actions.includes('readParameter')) await read(model.parameters[0]!);
    for (const scalar of scalars) log.push(await scalar.item());
    for (const seen of await Promise.all(pending)) log.push(...seen);
    for (const tensor of kept) await read(tensor);
  }
  for (const tensor of held) await read(tensor);
  for (const parameter of [...model.parameters, model.running, model.count] as Tensor[]) await read(parameter);
  return log;
}

