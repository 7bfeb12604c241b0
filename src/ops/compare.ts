import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { record } from '../graph/recorder.js';
import type { Shape } from '../shape.js';
import type { Broadcast, Fits } from '../shape-types.js';
import { Tensor } from '../tensor.js';
import { maximum, minimum } from './arithmetic.js';
import { cast } from './cast.js';
import { checkDType, checkSameDType, NUMERIC } from './check.js';
import { binaryExamples, example, unaryExamples } from './examples.js';
import { scalar } from './leaf.js';
import { binary, number, type Operand } from './operand.js';
import { broadcast, pointwise } from './pointwise.js';
import type { CompositeRecord, PointwiseRecord } from './record.js';
import { sumTo } from './reductions.js';
import { EXACT } from './tolerance.js';

const STEPS = { none: 'a truth value has no slope' };
const BOOL: readonly DType[] = ['bool'];

function comparison(name: string, micro: string): PointwiseRecord {
  // Whole numbers from a small range, so that some are equal.
  const whole = { from: -2, to: 3, dtype: 'int32' as const };
  return pointwise({ name, micro, takes: NUMERIC, gives: 'bool', gradient: STEPS, tolerance: EXACT, examples: [...binaryExamples(), ...binaryExamples(whole)] });
}

function logical(name: string, micro: string): PointwiseRecord {
  const examples = micro === 'logical_not' ? unaryExamples({ dtype: 'bool' }) : binaryExamples({ dtype: 'bool' });
  return pointwise({ name, micro, takes: BOOL, gradient: STEPS, tolerance: EXACT, examples });
}

export const equalOp = comparison('equal', 'equal');
export const notEqualOp = comparison('notEqual', 'not_equal');
export const lessOp = comparison('less', 'less');
export const lessEqualOp = comparison('lessEqual', 'less_equal');
export const logicalAndOp = logical('logicalAnd', 'logical_and');
export const logicalOrOp = logical('logicalOr', 'logical_or');
export const logicalNotOp = logical('logicalNot', 'logical_not');

/** Truth values and bytes are compared as whole numbers. */
function comparable(x: Operand): Operand {
  return x instanceof Tensor && (x.dtype === 'bool' || x.dtype === 'uint8') ? cast(x, 'int32') : x;
}

function compare<T extends Tensor>(op: PointwiseRecord, a: Operand, b: Operand): T {
  return binary(op, comparable(a), comparable(b));
}

/** a == b, element by element, with broadcasting; bool. Nothing equals NaN. */
export function equal<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'equal', A, B, D>),
): Tensor<Broadcast<A, B>, 'bool'> {
  return compare(equalOp, a, b);
}

/** a != b, element by element, with broadcasting; bool. */
export function notEqual<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'notEqual', A, B, D>),
): Tensor<Broadcast<A, B>, 'bool'> {
  return compare(notEqualOp, a, b);
}

/** a < b, element by element, with broadcasting; bool. False where either is NaN. */
export function less<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'less', A, B, D>),
): Tensor<Broadcast<A, B>, 'bool'> {
  return compare(lessOp, a, b);
}

/** a <= b, element by element, with broadcasting; bool. False where either is NaN. */
export function lessEqual<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'lessEqual', A, B, D>),
): Tensor<Broadcast<A, B>, 'bool'> {
  return compare(lessEqualOp, a, b);
}

/** a > b, element by element, with broadcasting; bool. False where either is NaN. */
export function greater<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'greater', A, B, D>),
): Tensor<Broadcast<A, B>, 'bool'> {
  return compare(lessOp, b, a);
}

/** a >= b, element by element, with broadcasting; bool. False where either is NaN. */
export function greaterEqual<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'greaterEqual', A, B, D>),
): Tensor<Broadcast<A, B>, 'bool'> {
  return compare(lessEqualOp, b, a);
}

function truth(x: Tensor): Tensor {
  return cast(x, 'bool');
}

/** a and b, element by element, with broadcasting; what is not bool counts as true where it is not 0. */
export function logicalAnd<A extends Shape, B extends Shape>(a: Tensor<A>, b: Tensor<B>): Tensor<Broadcast<A, B>, 'bool'> {
  return record(logicalAndOp, [truth(a), truth(b)]);
}

/** a or b, element by element, with broadcasting; what is not bool counts as true where it is not 0. */
export function logicalOr<A extends Shape, B extends Shape>(a: Tensor<A>, b: Tensor<B>): Tensor<Broadcast<A, B>, 'bool'> {
  return record(logicalOrOp, [truth(a), truth(b)]);
}

/** not x, element by element; what is not bool counts as true where it is not 0. */
export function logicalNot<S extends Shape>(x: Tensor<S>): Tensor<S, 'bool'> {
  return record(logicalNotOp, [truth(x)]);
}

export const whereOp: PointwiseRecord = {
  name: 'where',
  kind: 'pointwise',
  micro: 'where',
  infer: (inputs) => {
    checkDType('where', inputs[0]!, BOOL, 'the condition');
    checkSameDType('where', inputs, NUMERIC, 1);
    return { shape: broadcast('where', inputs), dtype: inputs[1]!.dtype };
  },
  gradient: (dy, { inputs: [condition, a, b] }) => [
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
  // Beside another number a number is float32.
  const x = a instanceof Tensor ? a : b instanceof Tensor ? number('where', a, b) : scalar(a, 'float32');
  const y = b instanceof Tensor ? b : number('where', b, x);
  return record(whereOp, [truth(condition), x, y]);
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
  // Unlike that of maximum and minimum, the gradient at a bound is 1, as in torch.clamp.
  gradient: (dy, { inputs }, attrs) => {
    const [lower, upper] = bounds(inputs, attrs);
    const below = lower && less(inputs[0]!, lower);
    const above = upper && less(upper, inputs[0]!);
    const inside = below === undefined ? dy : where(below, 0, dy);
    const dx = above === undefined ? inside : where(above, 0, inside);
    return [dx, ...[below, above].filter((outside) => outside !== undefined).map((outside) => sumTo(where(outside, dy, 0), []))];
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
  const operands = [x, min, max].filter((one) => one !== undefined).map((one) => (one instanceof Tensor ? one : number('clamp', one, x)));
  return record(clampOp, operands, { lower: min !== undefined, upper: max !== undefined });
}

export const compareOps = [equalOp, notEqualOp, lessOp, lessEqualOp, logicalAndOp, logicalOrOp, logicalNotOp];
export const selectOps = [whereOp, clampOp];
