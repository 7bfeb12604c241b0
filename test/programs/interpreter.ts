import { noGrad } from '../../src/graph/recorder.js';
import { crossEntropy, linear, matmul } from '../../src/ops/index.js';
import { fromArray } from '../../src/ops/leaf.js';
import { adam, sgd } from '../../src/optim/index.js';
import type { Optimizer } from '../../src/optim/index.js';
import { Parameter, type Tensor } from '../../src/tensor.js';
import type { ModelSpec, StepSpec } from './language.js';

/** A model of random operations over a chain of linear maps, with an optimizer for all of its parameters or a part of them. */
export class Model {
  readonly parameters: Parameter[] = [];
  readonly optimizers: Optimizer[];

  constructor(
    readonly spec: ModelSpec,
    prefix: string,
  ) {
    spec.widths.slice(1).forEach((width, i) => {
      this.parameters.push(parameter(`${prefix}.${i}.weight`, [width, spec.widths[i]!], spec.seed + i));
      this.parameters.push(parameter(`${prefix}.${i}.bias`, [width], spec.seed + 100 + i));
    });
    const make = (parameters: Parameter[]): Optimizer =>
      spec.optimizer === 'adam' ? adam(parameters, { lr: 0.01 }) : sgd(parameters, { lr: 0.05, momentum: spec.optimizer === 'momentum' ? 0.9 : 0 });
    const cut = spec.split ? 2 : this.parameters.length;
    this.optimizers = [this.parameters.slice(0, cut), this.parameters.slice(cut)].filter((part) => part.length > 0).map(make);
  }

  forward(x: Tensor, step: StepSpec): { output: Tensor; inner: Tensor } {
    let h = x;
    let inner = x;
    this.spec.widths.slice(1).forEach((_, i) => {
      h = linear(h, this.parameters[2 * i]!, this.parameters[2 * i + 1]!);
      if (i + 2 < this.spec.widths.length) h = activation(this.spec.activations[i % this.spec.activations.length]!, h);
      if (step.branch && i === 0) h = h.mul(step.scale).add(h.tanh());
      if (i === 0) inner = h;
    });
    return { output: h, inner };
  }
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

function parameter(name: string, shape: number[], seed: number): Parameter {
  const size = shape.reduce((a, b) => a * b, 1);
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

function lossOf(step: StepSpec, output: Tensor, labels: Tensor): Tensor {
  if (step.loss === 'crossEntropy') return (crossEntropy(output as never, labels as never) as Tensor).mean();
  if (step.loss === 'square') return output.mul(output).mean();
  return output.sum().mul(0.01);
}

/** Runs the steps of one loop and logs every number that the program reads. */
export async function runLoop(model: Model, steps: readonly StepSpec[]): Promise<number[]> {
  const log: number[] = [];
  const read = async (tensor: Tensor): Promise<void> => {
    log.push(...(await tensor.data()));
  };
  let carried: Tensor | undefined;
  for (const step of steps) {
    const scalars: Tensor[] = [];
    if (step.actions.includes('zeroGrad')) for (const optimizer of model.optimizers) optimizer.zeroGrad();
    for (let round = 0; round < step.backwards; round++) {
      const { x, labels } = batch(model, step, round);
      const { output, inner } = model.forward(x, step);
      if (step.actions.includes('readInner')) await read(inner);
      if (step.actions.includes('predict')) await read(noGrad(() => model.forward(x, step).output));
      let loss = lossOf(step, output, labels);
      if (carried !== undefined && step.actions.includes('useKept')) loss = loss.add(carried.mean().mul(0.1));
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
      if (step.actions.includes('readGradient')) await read(model.parameters[0]!.grad!);
      if (step.actions.includes('keep')) carried = matmul(output, output.t()).keep();
    }
    const pending = model.optimizers.map((optimizer) => optimizer.step());
    if (step.actions.includes('predictUnawaited')) {
      const { x } = batch(model, step, 9);
      const prediction = read(noGrad(() => model.forward(x, step).output));
      await Promise.all([...pending, prediction]);
    }
    if (!step.actions.includes('rush')) await Promise.all(pending);
    if (step.actions.includes('readParameter')) await read(model.parameters[0]!);
    for (const scalar of scalars) log.push(await scalar.item());
    await Promise.all(pending);
  }
  for (const parameter of model.parameters) await read(parameter);
  return log;
}

