import { ArrayLoader, type Loader } from '../data/index.js';
import { DivergenceError } from '../errors.js';
import { drawn, type Keys } from '../generator.js';
import { gradients } from '../graph/autodiff.js';
import { withoutAssigning } from '../graph/assignments.js';
import { withoutTracking } from '../graph/recorder.js';
import { postOrder } from '../graph/walk.js';
import { lossOf } from '../metrics/batch-loss.js';
import { forwardOf, type Module } from '../nn/module.js';
import { abs, div, max, maximum, mul, stack, sum } from '../ops/index.js';
import { Parameter } from '../parameter.js';
import { isTensorRecord, namedTensors, type Tensors, tensorsOf } from '../records.js';
import { sizeOf } from '../shape.js';
import { Tensor } from '../tensor.js';
import { exampleWeights } from './example-weights.js';
import type { AnyBatch, StepSetup } from './step.js';

/** The step that has failed, which has changed nothing. */
export interface FailedStep {
  readonly setup: StepSetup;
  readonly error: DivergenceError;
  readonly epoch: number;
  readonly step: number;
  readonly dataset: string | undefined;
  /** Its batches, and some of those before it. */
  readonly group: readonly AnyBatch[];
  readonly before: readonly AnyBatch[];
  /** Losses of the steps before it, the latest last. */
  readonly losses: readonly number[];
  /** Takes back its draws of random numbers, so that it can be recorded again as it was. Returns what draws them again. */
  rollback(): () => void;
}

/** Batches of a loader in memory, where several of them went into one tensor: the one at fault, and up to three before it. */
export function batchesAround(batches: Loader, epoch: number, step: number): Pick<FailedStep, 'group' | 'before'> | undefined {
  if (!(batches instanceof ArrayLoader) || !batches.builtin) return undefined;
  const steps = [step - 3, step - 2, step - 1, step].filter((at) => at >= 0);
  const around = steps.map((at) => batches.batchAt$(epoch, at));
  return { group: around.slice(-1), before: around.slice(0, -1) };
}

/** The error of a failed step with everything that can be found out about it. */
export async function explained(failed: FailedStep): Promise<DivergenceError> {
  const { setup, error, epoch, step, losses } = failed;
  const { optimizer } = setup;
  // Taken back one by one: somebody else may be drawing from a stream meanwhile.
  const spent: Keys[] = [];
  const redraw = failed.rollback();
  try {
    const beginning = await beginningOf(failed, spent);
    const norms = await normsOf(failed, spent);
    const lr = optimizer.groups[0]!.rateAt(optimizer.steps);
    const parameter = error.parameter ?? beginning?.parameter;
    const found = { value: error.value, epoch, step, lr, losses, gradientNorms: norms, ...(parameter === undefined ? {} : { parameter }), ...(beginning?.layer === undefined ? {} : { layer: beginning.layer }) };
    const example = beginning?.pass === 'data' ? await exampleAtFault(failed.group) : undefined;
    return new DivergenceError(textOf(failed, beginning, lr, norms, example), found, { cause: error, ...(beginning === undefined ? {} : { op: beginning.op }) });
  } finally {
    for (const keys of spent) keys.rollback(1);
    redraw();
  }
}

/** A function that records a batch anew, and notes the random numbers that it has drawn. */
const recorder = ({ model, loss: of, classWeights }: StepSetup, batch: AnyBatch, spent: Keys[]) => (): Recorded => {
  const [inputs, targets] = batch;
  const [loss, keys] = withoutAssigning(() => drawn(() => lossOf('Trainer', of, forwardOf(model, inputs), targets, exampleWeights(batch, classWeights)).loss));
  spent.push(keys);
  return { batch: [...tensorsOf(inputs), ...tensorsOf(targets)], loss };
};

async function beginningOf({ setup, group }: FailedStep, spent: Keys[]): Promise<Beginning | undefined> {
  for (const batch of group) {
    const found = await firstNotFinite(setup.model, recorder(setup, batch, spent));
    if (found !== undefined) return found;
  }
  return undefined;
}

async function exampleAtFault(group: readonly AnyBatch[]): Promise<string | undefined> {
  for (const batch of group) {
    const found = await faultyExample(batch);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function normsOf({ setup, before }: FailedStep, spent: Keys[]): Promise<number[]> {
  const norms: number[] = [];
  for (const batch of before) norms.push(await gradientNorm(setup.optimizer.parameters, recorder(setup, batch, spent)));
  return norms;
}

const show = (value: number): string => (Math.abs(value) >= 1e6 && Number.isFinite(value) ? value.toExponential(2).replace('e+', 'e') : String(Number(value.toPrecision(3))));
const list = (values: readonly number[]): string => values.map(show).join(', ');

/** Operands above it, or losses that have grown as much, are no matter of an op's edges. */
const HUGE = 1e6;

function textOf({ error, epoch, step, dataset, losses }: FailedStep, beginning: Beginning | undefined, lr: number, norms: readonly number[], example: string | undefined): string {
  const what = error.parameter === undefined ? 'the loss' : `the gradient of ${error.parameter}`;
  const sentences = [
    `[fit] diverged in epoch ${epoch}, step ${step}${dataset === undefined ? '' : ` of dataset '${dataset}'`}: ${what} is ${error.value}`,
    beginning === undefined ? 'Recorded again, the step was finite: something in it changes from call to call' : whereOf(beginning, example),
    `The learning rate was ${show(lr)}${losses.length === 0 ? '' : `, the losses before it were ${list(losses)}`}${norms.length === 0 ? '' : `, the norms of the gradients of the batches before it, at the weights that it met, ${list(norms)}`}`,
    'The step has changed nothing',
    adviceOn(beginning, losses),
  ];
  return `${sentences.join('. ')}.`;
}

function whereOf({ pass, op, layer, parameter, largest }: Beginning, example: string | undefined): string {
  const place = layer === undefined ? 'outside of all layers, as the loss is' : layer === '' ? 'in the model itself' : `in layer ${layer}`;
  switch (pass) {
    case 'data':
      return `It began with the batch: ${example ?? `the result of ${op} is not finite`}`;
    case 'parameter':
      return `Parameter ${parameter!} was not finite before this step`;
    case 'forward':
      return `It began with the result of ${op}, ${place}, whose operands are finite, of at most ${show(largest)}${parameter === undefined ? '' : `, ${parameter} among them`}`;
    case 'backward':
      return `All results are finite, but the gradient of ${op}, ${place}, is not; its operands are of at most ${show(largest)}`;
  }
}

function adviceOn(beginning: Beginning | undefined, losses: readonly number[]): string {
  if (beginning?.pass === 'data') return 'Look for NaN and infinities in the data, and for a standard deviation of 0 where it was normalized';
  if (beginning?.pass === 'parameter') return 'Load or initialise it anew: an update with checkFinite: false, or a state from elsewhere, has spoilt it';
  const grown = losses.length > 1 && Math.abs(losses.at(-1)!) > HUGE * Math.abs(losses[0]!);
  if (beginning === undefined || beginning.largest > HUGE || grown) {
    return 'The values have grown too large: try a lower rate (findLearningRate suggests one), a warm-up of it, or clip: { globalNorm: 1 } of the optimizer';
  }
  return `Its operands are not large: keep ${beginning.op} off its edges (a logarithm, quotient or root of 0), by an epsilon or clamp; if that is not it, try a lower rate`;
}

/** A step's forward pass, recorded anew: its batch, and its loss. */
export interface Recorded {
  readonly batch: readonly Tensor[];
  readonly loss: Tensor;
}

/** First op whose result is not finite. */
export interface Beginning {
  /** 'forward': the result of an op is not finite, though its operands are. 'backward': the gradients of its operands, though its own is. */
  readonly pass: 'forward' | 'backward' | 'data' | 'parameter';
  readonly op: string;
  /** The path of its layer; undefined outside of all. */
  readonly layer: string | undefined;
  /** Its own parameter with the largest element. */
  readonly parameter: string | undefined;
  /** The largest magnitude among its operands. */
  readonly largest: number;
}

/** Runs a step's forward and backward pass once more, with an eye on every value. Undefined where all are finite. */
export async function firstNotFinite(model: Module, record: () => Recorded): Promise<Beginning | undefined> {
  const { result, layerOf } = attributed(model, () => withoutTracking(record, true));
  const { batch, loss } = result;
  const nodes = postOrder([loss], (node) => node.inputs).filter(isFloat);
  const values = await areFinite(nodes);
  const first = nodes.find((node) => !values.get(node)! && node.inputs.every((input) => values.get(input) ?? true));
  if (first !== undefined) {
    const data = new Set(postOrder(batch, (node) => node.inputs));
    return describe(first, first instanceof Parameter ? 'parameter' : data.has(first) ? 'data' : 'forward', layerOf.get(first));
  }
  const differentiated = nodes.filter(({ requiresGrad }) => requiresGrad);
  const computed = gradients([loss], differentiated);
  const gradientOf = new Map(differentiated.map((node, i) => [node, computed[i]]));
  const finite = await areFinite(computed.filter((gradient) => gradient !== undefined));
  const isFinite = (node: Tensor): boolean => finite.get(gradientOf.get(node)!) ?? true;
  const culprit = differentiated.findLast((node) => isFinite(node) && node.inputs.some((input) => !isFinite(input)));
  return culprit && describe(culprit, 'backward', layerOf.get(culprit));
}

/** The Euclidean norm of the gradients of all parameters, also where its square is beyond float32; Infinity where one of them is not finite. */
export async function gradientNorm(parameters: readonly Parameter[], record: () => Recorded): Promise<number> {
  const { loss } = withoutTracking(record, true);
  const found = gradients([loss], parameters).filter((gradient) => gradient !== undefined);
  const [largest, squares] = withoutTracking(() => {
    const peaks = found.map(magnitude);
    const scaled = found.map((gradient, i) => div(gradient, maximum(peaks[i]!, 1e-30)) as Tensor);
    return [stack(peaks), stack(scaled.map((gradient) => sum(mul(gradient, gradient)).reshape([]) as Tensor))];
  });
  const [peaks, sums] = [[...(await largest.data())], await squares.data()];
  const norm = Math.sqrt(peaks.reduce((total, peak, i) => total + peak * peak * sums[i]!, 0));
  return Number.isNaN(norm) ? Infinity : norm;
}

const isFloat = ({ dtype, shape }: Tensor): boolean => dtype === 'float32' && sizeOf(shape) > 0;

/** Returns which of them consist of finite numbers only: 0 x is 0 for those, NaN for the others. */
async function areFinite(tensors: readonly Tensor[]): Promise<ReadonlyMap<Tensor, boolean>> {
  if (tensors.length === 0) return new Map();
  const zeros = await withoutTracking(() => stack(tensors.map((tensor) => sum(mul(tensor, 0)).reshape([]) as Tensor))).data();
  return new Map(tensors.map((tensor, i) => [tensor, zeros[i] === 0]));
}

const magnitude = (tensor: Tensor): Tensor => max(abs(tensor as Tensor<readonly number[], 'float32'>)).reshape([]) as Tensor;

async function describe(node: Tensor, pass: Beginning['pass'], layer: Module | undefined): Promise<Beginning> {
  const operands = node.inputs.filter(isFloat);
  const peaks = operands.length === 0 ? [] : [...(await withoutTracking(() => stack(operands.map(magnitude))).data())];
  const owned = operands.map((operand, i) => ({ operand, peak: peaks[i]! })).filter(({ operand }) => operand instanceof Parameter);
  const [parameter] = owned.toSorted((a, b) => b.peak - a.peak).map(({ operand }) => (operand as Parameter).name);
  return {
    pass,
    op: node.op.name,
    layer: layer?.path$,
    parameter: node instanceof Parameter ? node.name : parameter,
    largest: peaks.reduce((a, b) => Math.max(a, b), 0),
  };
}

type Forward = (this: Module, ...inputs: Tensors[]) => Tensors;

/** Runs `fn`, which calls a model's forward(), and notes in which module each node was recorded: the innermost one. */
export function attributed<R>(model: Module, fn: () => R): { readonly result: R; readonly layerOf: ReadonlyMap<Tensor, Module> } {
  const layerOf = new Map<Tensor, Module>();
  const undo = model.modules().map((module) => watch(module, (output, inputs) => claim(output, inputs, module, layerOf)));
  try {
    return { result: fn(), layerOf };
  } finally {
    for (const restore of undo) restore();
  }
}

/** Puts a forward() before the module's own; what it returns takes it away. */
function watch(module: Module, seen: (output: Tensor, inputs: readonly Tensor[]) => void): () => void {
  const own = Object.getOwnPropertyDescriptor(module, 'forward');
  const forward = module.forward as unknown as Forward;
  const value: Forward = (...inputs) => {
    const output = forward.apply(module, inputs);
    if (output instanceof Tensor || isTensorRecord(output)) for (const one of tensorsOf(output)) seen(one, inputs.flatMap(tensorsOf));
    return output;
  };
  // No field of the model, in which parameters are looked for.
  Object.defineProperty(module, 'forward', { value, configurable: true, enumerable: false, writable: true });
  return () => {
    if (own === undefined) Reflect.deleteProperty(module, 'forward');
    else Object.defineProperty(module, 'forward', own);
  };
}

/** Assigns what lies between inputs and output to the module, unless one inside of it, which has returned before, has it. */
function claim(output: Tensor, inputs: readonly Tensor[], module: Module, layerOf: Map<Tensor, Module>): void {
  const isOutside = (node: Tensor): boolean => inputs.includes(node) || layerOf.has(node);
  for (const node of postOrder([output], (at) => (isOutside(at) ? [] : at.inputs))) {
    if (!isOutside(node) && node.inputs.length > 0) layerOf.set(node, module);
  }
}

/** Returns in words which example of a batch has an element that is not finite; undefined where all are finite. */
export async function faultyExample(batch: AnyBatch): Promise<string | undefined> {
  const [inputs, targets] = batch;
  const [first] = tensorsOf(inputs);
  const parts: readonly (readonly [string, Tensor | undefined])[] = [...namedTensors('x', inputs), ...namedTensors('y', targets), ['weights', batch.weights]];
  for (const [what, tensor] of parts) {
    if (tensor === undefined || tensor.dtype !== 'float32') continue;
    const values = await tensor.data();
    const at = values.findIndex((value: number) => !Number.isFinite(value));
    if (at < 0) continue;
    const one = values.length / tensor.shape[0]!;
    const row = Math.floor(at / one);
    return `element ${at % one} of ${what} is ${values[at]} in ${first?.origin$?.describe(row) ?? `row ${row} of the batch`}`;
  }
  return undefined;
}
