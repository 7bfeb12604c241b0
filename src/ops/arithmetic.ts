import type { DType } from '../dtype.js';
import { record } from '../graph/recorder.js';
import type { Shape } from '../shape.js';
import type { Broadcast, Fits } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { expand, sumTo } from './broadcasting.js';
import { FLOAT, NUMERIC } from './check.js';
import { binaryExamples, unaryExamples } from './examples.js';
import { scalar } from './leaf.js';
import { binary, type Operand } from './operand.js';
import { pointwise } from './pointwise.js';
import { EXACT } from './tolerance.js';

export const addOp = pointwise({
  name: 'add',
  takes: NUMERIC,
  gradient: ([dy], { inputs: [a, b] }) => [sumTo(dy, a!.shape), sumTo(dy, b!.shape)],
  epilogue: { adds: true },
  identity: 0,
  tolerance: EXACT,
  examples: () => binaryExamples(),
});

export const subOp = pointwise({
  name: 'sub',
  takes: NUMERIC,
  gradient: ([dy], { inputs: [a, b] }) => [sumTo(dy, a!.shape), sumTo(neg(dy), b!.shape)],
  tolerance: EXACT,
  examples: () => binaryExamples(),
});

export const mulOp = pointwise({
  name: 'mul',
  takes: NUMERIC,
  gradient: ([dy], { inputs: [a, b] }) => [sumTo(mul(dy, b!), a!.shape), sumTo(mul(dy, a!), b!.shape)],
  saves: { inputs: [0, 1] },
  epilogue: { multiplies: true },
  identity: 1,
  tolerance: EXACT,
  examples: () => binaryExamples(),
});

export const divOp = pointwise({
  name: 'div',
  takes: FLOAT,
  gradient: ([dy], node) => {
    const [a, b] = node.inputs as [Tensor, Tensor];
    // Divided last: 1 / b of a subnormal b is infinite, which a quotient of 0 would make NaN.
    return [sumTo(div(dy, b), a.shape), sumTo(neg(div(mul(dy, node), b)), b.shape)];
  },
  saves: { inputs: [1], outputs: [0] },
  tolerance: EXACT,
  examples: () => binaryExamples({}, { from: 0.5, to: 2 }),
});

export const negOp = pointwise({
  name: 'neg',
  takes: NUMERIC,
  gradient: ([dy]) => [neg(dy)],
  tolerance: EXACT,
  examples: () => unaryExamples(),
});

export const absOp = pointwise({
  name: 'abs',
  takes: NUMERIC,
  gradient: ([dy], { inputs: [x] }) => [mul(dy, sign(x!))],
  saves: { inputs: [0] },
  tolerance: EXACT,
  examples: () => unaryExamples(),
});

export const signOp = pointwise({
  name: 'sign',
  takes: NUMERIC,
  gradient: ([dy]) => [expand(scalar(0, 'float32'), dy.shape)],
  tolerance: EXACT,
  examples: () => unaryExamples(),
});

/** a + b, element by element, with broadcasting; float32 or int32, both the same. A number takes the other's dtype. As torch.add. */
export function add<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'add', A, B, D>),
): Tensor<Broadcast<A, B>, D> {
  return binary(addOp, a, b);
}

/** a - b, element by element, with broadcasting. As torch.sub. */
export function sub<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'sub', A, B, D>),
): Tensor<Broadcast<A, B>, D> {
  return binary(subOp, a, b);
}

/** a * b, element by element, with broadcasting. As torch.mul. */
export function mul<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'mul', A, B, D>),
): Tensor<Broadcast<A, B>, D> {
  return binary(mulOp, a, b);
}

/** a / b, element by element, with broadcasting; float32 only (torch divides integers too: cast them first). */
export function div<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'div', A, B, D>),
): Tensor<Broadcast<A, B>, D> {
  return binary(divOp, a, b);
}

/** -x. */
export function neg<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(negOp, [x]);
}

/** |x|; its gradient at 0 is 0, as in torch.abs. */
export function abs<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(absOp, [x]);
}

/** -1, 0 or 1 by the sign of x; its gradient is 0, as in torch.sign. */
export function sign<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(signOp, [x]);
}

export const arithmeticOps = { add: addOp, sub: subOp, mul: mulOp, div: divOp, neg: negOp, abs: absOp, sign: signOp };
