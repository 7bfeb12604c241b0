import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { record } from '../graph/recorder.js';
import type { Shape } from '../shape.js';
import type { Broadcast } from '../shape-types.js';
import { Tensor } from '../tensor.js';
import { maximum, minimum } from './arithmetic.js';
import { cast } from './cast.js';
import { checkDType, checkSameDType, checkTensor, NUMERIC } from './check.js';
import { less, lessEqual } from './compare.js';
import { binaryExamples, example, unaryExamples } from './examples.js';
import { number, type Operand } from './operand.js';
import { broadcast } from './pointwise.js';
import type { CompositeRecord, PointwiseRecord } from './record.js';
import { sumTo } from './reductions.js';
import { EXACT } from './tolerance.js';

const BOOL: readonly DType[] = ['bool'];

export const whereOp: PointwiseRecord = {
  name: 'where',
  kind: 'pointwise',
  opcode: 'where',
  infer: (inputs) => {
    checkDType('where', inputs[0]!, BOOL, 'the condition');
    checkSameDType('where', inputs, NUMERIC, 1);
    return { shape: broadcast('where', inputs), dtype: inputs[1]!.dtype };
  },
  gradient: ([dy], { inputs: [condition, a, b] }) => [
    undefined,
    sumTo(where(condition!, dy, 0), a!.shape),
    sumTo(where(condition!, 0, dy), b!.shape),
  ],
  saves: { inputs: [0] },
  tolerance: EXACT,
  examples: binaryExamples().flatMap(({ inputs: [a, b] }) => [
    { inputs: [{ shape: a!.shape, dtype: 'bool' as const }, a!, b!] },
    { inputs: [{ shape: b!.shape, dtype: 'bool' as const }, a!, b!] },
  ]),
};

/** a where the condition holds, else b, with broadcasting. The branch not taken gets the gradient 0. As torch.where. */
export function where<C extends Shape, A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  condition: Tensor<C>,
  a: Operand<A, D>,
  b: Operand<B, D>,
): Tensor<Broadcast<C, Broadcast<A, B>>, D> {
  checkTensor('where', condition, 'the condition');
  const x = a instanceof Tensor ? a : number('where', a, b instanceof Tensor ? b : undefined);
  const y = b instanceof Tensor ? b : number('where', b, x);
  return record(whereOp, [cast(condition, 'bool'), x, y]);
}

/** Which bounds there are; the bounds themselves are operands: x, lower, upper. */
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
  examples: [
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

export const selectOps = [whereOp, clampOp];
