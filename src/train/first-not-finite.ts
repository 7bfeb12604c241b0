import { gradients } from '../graph/autodiff.js';
import { withoutTracking } from '../graph/recorder.js';
import { postOrder } from '../graph/walk.js';
import type { Module } from '../nn/module.js';
import { abs, div, max, maximum, mul, stack, sum } from '../ops/index.js';
import { sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { Parameter } from '../parameter.js';
import { attributed } from './layers.js';

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
