import type { DType } from '../dtype.js';
import { record } from '../graph/recorder.js';
import type { Shape } from '../shape.js';
import type { Broadcast, Fits } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { add, div, mul, neg, sub } from './arithmetic.js';
import { sumTo } from './broadcasting.js';
import { FLOAT } from './check.js';
import { equal, lessEqual, logicalAnd } from './compare.js';
import { binaryExamples, unaryExamples } from './examples.js';
import { binary, type Operand } from './operand.js';
import { pointwise } from './pointwise.js';
import { EXACT, FEW_ULP } from './tolerance.js';
import { where } from './where.js';

const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

export const expOp = pointwise({
  name: 'exp',
  takes: FLOAT,
  gradient: ([dy], y) => [mul(dy, y)],
  saves: { outputs: [0] },
  tolerance: FEW_ULP,
  examples: () => unaryExamples({ from: -5, to: 5 }),
});

export const logOp = pointwise({
  name: 'log',
  takes: FLOAT,
  gradient: ([dy], { inputs: [x] }) => [div(dy, x!)],
  saves: { inputs: [0] },
  tolerance: FEW_ULP,
  examples: () => unaryExamples({ from: 0.1, to: 10 }),
});

/** e^x - 1 and log(1 + x), which keep their digits at small x. */
export const expm1Op = pointwise({
  name: 'expm1',
  takes: FLOAT,
  // Not y + 1, which has no digits left where y is next to -1.
  gradient: ([dy], { inputs: [x] }) => [mul(dy, exp(x!))],
  saves: { inputs: [0] },
  tolerance: FEW_ULP,
  examples: () => unaryExamples({ from: -5, to: 5 }),
});

export const log1pOp = pointwise({
  name: 'log1p',
  takes: FLOAT,
  gradient: ([dy], { inputs: [x] }) => [div(dy, add(x!, 1))],
  saves: { inputs: [0] },
  tolerance: { absolute: 0, relative: 3.5e-7 },
  examples: () => unaryExamples({ from: -0.9, to: 10 }),
});

export const sqrtOp = pointwise({
  name: 'sqrt',
  takes: FLOAT,
  gradient: ([dy], y) => [div(dy, mul(y, 2))],
  saves: { outputs: [0] },
  tolerance: EXACT,
  examples: () => unaryExamples({ from: 0.1, to: 10 }),
});

export const erfOp = pointwise({
  name: 'erf',
  takes: FLOAT,
  gradient: ([dy], { inputs: [x] }) => [mul(dy, mul(exp(neg(mul(x!, x!))), TWO_OVER_SQRT_PI))],
  saves: { inputs: [0] },
  tolerance: FEW_ULP,
  examples: () => unaryExamples({ from: -3, to: 3 }),
});

export const powOp = pointwise({
  name: 'pow',
  takes: FLOAT,
  gradient: ([dy], node) => {
    const [a, b] = node.inputs as [Tensor, Tensor];
    // As torch: an exponent of 0 gives the slope 0 even at a base of 0, and 0^b does not move with b >= 0.
    const da = where(equal(b, 0), 0, mul(dy, mul(b, pow(a, sub(b, 1)))));
    const db = where(logicalAnd(equal(a, 0), lessEqual(0, b)), 0, mul(dy, mul(node, log(a))));
    return [sumTo(da, a.shape), sumTo(db, b.shape)];
  },
  saves: { inputs: [0, 1], outputs: [0] },
  tolerance: FEW_ULP,
  examples: () => binaryExamples({ from: 0.25, to: 3 }, { from: -2, to: 3 }),
});

/** e to the power of x; float32. */
export function exp<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(expOp, [x]);
}

/** The natural logarithm of x; float32. -infinity at 0, NaN below. */
export function log<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(logOp, [x]);
}

/** e^x - 1; float32. Keeps its digits at small x, where exp(x) - 1 loses them. */
export function expm1<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(expm1Op, [x]);
}

/** log(1 + x); float32. Keeps its digits at small x. -infinity at -1, NaN below. */
export function log1p<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(log1pOp, [x]);
}

/** The square root of x; float32. NaN below 0. */
export function sqrt<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(sqrtOp, [x]);
}

/** The error function 2/sqrt(pi) * integral of exp(-t^2) from 0 to x; float32. As torch.erf. */
export function erf<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(erfOp, [x]);
}

/** a to the power of b, element by element, with broadcasting; float32 only. A negative a with a fractional b is NaN. As torch.pow. */
export function pow<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'pow', A, B, D>),
): Tensor<Broadcast<A, B>, D> {
  return binary(powOp, a, b);
}

export const exponentialOps = {
  exp: expOp,
  log: logOp,
  expm1: expm1Op,
  log1p: log1pOp,
  sqrt: sqrtOp,
  erf: erfOp,
  pow: powOp,
};
