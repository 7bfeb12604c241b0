import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { record } from '../graph/recorder.js';
import type { Shape } from '../shape.js';
import type { Broadcast, Fits } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { mul } from './arithmetic.js';
import { sumTo } from './broadcasting.js';
import { checkSameDType, checkTensor, NUMERIC } from './check.js';
import { equal, less, lessEqual } from './compare.js';
import { binaryExamples, example, unaryExamples } from './examples.js';
import { binary, number, type Operand } from './operand.js';
import { pointwise } from './pointwise.js';
import type { CompositeRecord } from './record.js';
import { EXACT } from './tolerance.js';
import { where } from './where.js';

/** Routes a gradient to the operand that a maximum or minimum comes from; where they are equal each gets half of it, as in torch. */
function routed(dy: Tensor, node: Tensor, aLoses: Tensor, bLoses: Tensor): readonly Tensor[] {
  const [a, b] = node.inputs as [Tensor, Tensor];
  const half = where(equal(a, b), mul(dy, 0.5), dy);
  return [sumTo(where(aLoses, 0, half), a.shape), sumTo(where(bLoses, 0, half), b.shape)];
}

export const maximumOp = pointwise({
  name: 'maximum',
  takes: NUMERIC,
  gradient: ([dy], node) => routed(dy, node, less(node.inputs[0]!, node.inputs[1]!), less(node.inputs[1]!, node.inputs[0]!)),
  saves: { inputs: [0, 1] },
  tolerance: EXACT,
  examples: () => binaryExamples(),
});

export const minimumOp = pointwise({
  name: 'minimum',
  takes: NUMERIC,
  gradient: ([dy], node) => routed(dy, node, less(node.inputs[1]!, node.inputs[0]!), less(node.inputs[0]!, node.inputs[1]!)),
  saves: { inputs: [0, 1] },
  tolerance: EXACT,
  examples: () => binaryExamples(),
});

/** Presence of the bounds, which themselves are operands: x, lower, upper. */
type ClampAttrs = { readonly lower: boolean; readonly upper: boolean };

function bounds(inputs: readonly Tensor[], { lower }: ClampAttrs): [Tensor | undefined, Tensor | undefined] {
  return lower ? [inputs[1], inputs[2]] : [undefined, inputs[1]];
}

export const clampOp: CompositeRecord<ClampAttrs> = {
  name: 'clamp',
  kind: 'composite',
  infer: (inputs) => {
    checkSameDType('clamp', inputs, NUMERIC);
    return { shape: inputs[0]!.shape, dtype: inputs[0]!.dtype };
  },
  decompose: (inputs, attrs) => {
    const [lower, upper] = bounds(inputs, attrs);
    const raised = lower === undefined ? inputs[0]! : maximum(inputs[0]!, lower);
    return upper === undefined ? raised : minimum(raised, upper);
  },
  // Unlike that of maximum and minimum, the gradient at a bound is 1; that of NaN is 0. As in torch.clamp.
  gradient: ([dy], { inputs }, attrs) => {
    const x = inputs[0]!;
    const [lower, upper] = bounds(inputs, attrs);
    const raised = lower === undefined ? dy : where(lessEqual(lower, x), dy, 0);
    const dx = upper === undefined ? raised : where(lessEqual(x, upper), raised, 0);
    const outside = [lower && less(x, lower), upper && less(upper, x)];
    return [dx, ...outside.filter((beyond) => beyond !== undefined).map((beyond) => sumTo(where(beyond, dy, 0), []))];
  },
  saves: { inputs: [0, 1, 2] },
  tolerance: EXACT,
  examples: () => [
    ...unaryExamples().map(({ inputs: [x] }) => example([x!, { shape: [], from: -0.5, to: -0.2 }, { shape: [], from: 0.2, to: 0.5 }], { lower: true, upper: true })),
    example([{ shape: [17] }, { shape: [] }], { lower: true, upper: false }),
    example([{ shape: [17] }, { shape: [] }], { lower: false, upper: true }),
  ],
};

/** x held to [min, max]; either may be undefined, not both. NaN stays NaN. As torch.clamp with numbers. */
export function clamp<S extends Shape, D extends DType>(x: Tensor<S, D>, min?: number, max?: number): Tensor<S, D> {
  if (min === undefined && max === undefined) {
    throw new ArgumentError('[clamp] there is no bound: got min undefined, max undefined, expected at least one number. Pass min, max or both.', { op: 'clamp' });
  }
  checkTensor('clamp', x);
  const operands: Tensor[] = [x];
  if (min !== undefined) operands.push(number('clamp', min, x));
  if (max !== undefined) operands.push(number('clamp', max, x));
  return record(clampOp, operands, { lower: min !== undefined, upper: max !== undefined });
}

/** The greater of a and b, element by element; NaN where either is. Equal operands share the gradient evenly, as in torch.maximum. */
export function maximum<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'maximum', A, B, D>),
): Tensor<Broadcast<A, B>, D> {
  return binary(maximumOp, a, b);
}

/** The lesser of a and b, element by element; NaN where either is. Equal operands share the gradient evenly, as in torch.minimum. */
export function minimum<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'minimum', A, B, D>),
): Tensor<Broadcast<A, B>, D> {
  return binary(minimumOp, a, b);
}

export const boundsOps = { maximum: maximumOp, minimum: minimumOp, clamp: clampOp };
