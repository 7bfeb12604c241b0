import type { DType } from '../dtype.js';
import { throughComposition } from '../graph/autodiff.js';
import { record } from '../graph/recorder.js';
import { checkChoice, checkOptions } from '../options.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { add, mul, neg, sub } from './arithmetic.js';
import { checkDType, checkTensor, FLOAT } from './check.js';
import { codes } from './codes.js';
import { composite } from './composite.js';
import { less } from './compare.js';
import { binaryExamples, unaryExamples } from './examples.js';
import { erf, exp, expm1 } from './exponential.js';
import { number } from './operand.js';
import { pointwise } from './pointwise.js';
import type { Example, Inferred } from './record.js';
import { where } from './where.js';
import { COMPOSED, EXACT, FEW_ULP } from './tolerance.js';

export const tanhOp = pointwise({
  name: 'tanh',
  takes: FLOAT,
  gradient: ([dy], y) => [mul(dy, sub(1, mul(y, y)))],
  saves: { outputs: [0] },
  epilogue: { activation: codes.activations.tanh },
  tolerance: FEW_ULP,
  examples: () => unaryExamples({ from: -4, to: 4 }),
});

export const sigmoidOp = pointwise({
  name: 'sigmoid',
  takes: FLOAT,
  gradient: ([dy], y) => [mul(mul(dy, sub(1, y)), y)],
  saves: { outputs: [0] },
  epilogue: { activation: codes.activations.sigmoid },
  tolerance: FEW_ULP,
  examples: () => unaryExamples({ from: -6, to: 6 }),
});

export const reluOp = pointwise({
  name: 'relu',
  takes: FLOAT,
  gradient: ([dy], y) => [record(reluGradOp, [y, dy])],
  saves: { outputs: [0] },
  epilogue: { activation: codes.activations.relu },
  tolerance: EXACT,
  examples: () => unaryExamples(),
});

/** (y, dy): dy where y > 0, else 0. */
export const reluGradOp = pointwise({
  name: 'reluGrad',
  calledBy: 'relu',
  opcode: 'relu_grad',
  takes: FLOAT,
  gradient: ([dz], { inputs: [y] }) => [undefined, record(reluGradOp, [y!, dz])],
  saves: { inputs: [0] },
  epilogue: { mask: true },
  tolerance: EXACT,
  examples: () => binaryExamples().filter(({ inputs: [y, dy] }) => String(y!.shape) === String(dy!.shape)),
});

/** dy (Phi(x) + x phi(x)), with the distribution and the density of the normal distribution. */
function geluSlope([x, dy]: readonly Tensor[]): Tensor {
  const cumulative = mul(add(erf(mul(x!, Math.SQRT1_2)), 1), 0.5);
  const density = mul(exp(mul(mul(x!, x!), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return mul(dy!, add(cumulative, mul(x!, density)));
}

/** dy d/dx of x (1 + tanh u) / 2 with u = sqrt(2/pi) (x + 0.044715 x^3). */
function geluTanhSlope([x, dy]: readonly Tensor[]): Tensor {
  const square = mul(x!, x!);
  const scale = Math.sqrt(2 / Math.PI);
  const t = tanh(mul(mul(x!, add(mul(square, 0.044715), 1)), scale));
  const slope = mul(add(mul(square, 3 * 0.044715), 1), scale);
  return mul(dy!, mul(add(add(t, 1), mul(mul(x!, sub(1, mul(t, t))), slope)), 0.5));
}

/** gelu and its tanh approximation differ in nothing but the native rows that compute them. */
function geluOps(name: string, opcode: string, activation: number, slope: (inputs: readonly Tensor[]) => Tensor) {
  const gradOp = pointwise({
    name: `${name}Grad`,
    calledBy: 'gelu',
    opcode: `${opcode}_grad`,
    takes: FLOAT,
    gradient: throughComposition(slope),
    saves: { inputs: [0, 1] },
    tolerance: COMPOSED,
    examples: () => [...unaryExamples({ from: -4, to: 4 })].map(({ inputs: [x] }) => ({ inputs: [x!, x!] })),
  });
  const op = pointwise({
    name,
    calledBy: 'gelu',
    opcode,
    takes: FLOAT,
    gradient: ([dy], { inputs: [x] }) => [record(gradOp, [x!, dy])],
    saves: { inputs: [0] },
    epilogue: { activation },
    tolerance: COMPOSED,
    examples: () => unaryExamples({ from: -4, to: 4 }),
  });
  return { op, gradOp };
}

export const { op: geluOp, gradOp: geluGradOp } = geluOps('gelu', 'gelu', codes.activations.gelu, geluSlope);
export const { op: geluTanhOp, gradOp: geluTanhGradOp } = geluOps('geluTanh', 'gelu_tanh', codes.activations.gelu_tanh, geluTanhSlope);

export const softplusOp = pointwise({
  name: 'softplus',
  takes: FLOAT,
  gradient: ([dy], { inputs: [x] }) => [mul(dy, sigmoid(x!))],
  saves: { inputs: [0] },
  tolerance: { absolute: 0, relative: 3.5e-7 },
  examples: () => unaryExamples({ from: -6, to: 6 }),
});

/** Shape and dtype of floats like x, whatever is beside it. */
const likeFirst = (name: string) => ([x]: readonly Tensor[]): Inferred => {
  checkDType(name, x!, FLOAT);
  return { shape: x!.shape, dtype: x!.dtype };
};

/** Its gradient is its own, because that of the product multiplies x by dy first, which may overflow where the slope is 0. */
export const siluOp = pointwise({
  name: 'silu',
  takes: FLOAT,
  decompose: ([x]) => mul(x!, sigmoid(x!)),
  gradient: ([dy], { inputs: [x] }) => {
    const s = sigmoid(x!);
    return [mul(mul(dy, s), add(mul(x!, sub(1, s)), 1))];
  },
  saves: { inputs: [0] },
  tolerance: COMPOSED,
  examples: () => unaryExamples({ from: -6, to: 6 }),
});

export const logSigmoidOp = composite({
  name: 'logSigmoid',
  infer: likeFirst('logSigmoid'),
  decompose: ([x]) => neg(softplus(neg(x!))),
  saves: { inputs: [0] },
  tolerance: COMPOSED,
  examples: () => unaryExamples({ from: -6, to: 6 }),
});

/** Examples of an activation with a number beside x. */
const withNumber = (from: number, to: number): Example[] => unaryExamples({ from: -4, to: 4 }).map(({ inputs: [x] }) => ({ inputs: [x!, { shape: [], from, to }] }));

export const leakyReluOp = composite({
  name: 'leakyRelu',
  infer: likeFirst('leakyRelu'),
  decompose: ([x, slope]) => where(less(0, x!), x!, mul(x!, slope!)) as Tensor,
  saves: { inputs: [0, 1] },
  tolerance: EXACT,
  examples: () => withNumber(0.01, 0.3),
});

export const eluOp = composite({
  name: 'elu',
  infer: likeFirst('elu'),
  decompose: ([x, alpha]) => {
    const positive = less(0, x!);
    // Not the minimum, which shares its slope at 0 with the bound.
    return where(positive, x!, mul(expm1(where(positive, 0, x!)), alpha!) as Tensor) as Tensor;
  },
  saves: { inputs: [0, 1] },
  tolerance: COMPOSED,
  examples: () => withNumber(0.5, 1.5),
});

/** The hyperbolic tangent; float32. */
export function tanh<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(tanhOp, [x]);
}

/** 1 / (1 + exp(-x)); float32. */
export function sigmoid<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(sigmoidOp, [x]);
}

/** max(x, 0); float32. Its gradient at 0 is 0, as in torch.relu. */
export function relu<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(reluOp, [x]);
}

export interface GeluOptions {
  /** 'none': x * (1 + erf(x / sqrt 2)) / 2. 'tanh': x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))) / 2. Default 'none'. */
  readonly approximate?: 'none' | 'tanh' | undefined;
}

/** The Gaussian error linear unit; float32. As torch.nn.functional.gelu; source: Hendrycks and Gimpel, arXiv:1606.08415. */
export function gelu<S extends Shape, D extends DType>(x: Tensor<S, D>, options?: GeluOptions): Tensor<S, D> {
  checkOptions('gelu', options, ['approximate']);
  const approximate = options?.approximate ?? 'none';
  checkChoice('gelu', 'approximate', approximate, ['none', 'tanh']);
  return record(approximate === 'tanh' ? geluTanhOp : geluOp, [x]);
}

/** log(1 + exp(x)), a smooth relu; float32. Exact at large x. As torch.nn.functional.softplus with beta 1. */
export function softplus<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(softplusOp, [x]);
}

/** log(1 / (1 + exp(-x))); float32. Exact where the sigmoid is 0. As torch.nn.functional.logsigmoid. */
export function logSigmoid<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(logSigmoidOp, [x]);
}

/** x / (1 + exp(-x)), also called swish; float32. As torch.nn.functional.silu; source: Elfwing et al., arXiv:1702.03118. */
export function silu<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(siluOp, [x]);
}

export interface LeakyReluOptions {
  /** Default 0.01. */
  readonly negativeSlope?: number | undefined;
}

/** x where x > 0, else negativeSlope * x; float32. Its slope at 0 is negativeSlope. As torch.nn.functional.leaky_relu. */
export function leakyRelu<S extends Shape, D extends DType>(x: Tensor<S, D>, options?: LeakyReluOptions): Tensor<S, D> {
  checkOptions('leakyRelu', options, ['negativeSlope']);
  checkTensor('leakyRelu', x);
  return record(leakyReluOp, [x, number('leakyRelu', options?.negativeSlope ?? 0.01, undefined)]);
}

export interface EluOptions {
  /** Default 1. */
  readonly alpha?: number | undefined;
}

/** x where x > 0, else alpha * (exp(x) - 1); float32. Its slope at 0 is alpha. As torch.nn.functional.elu; source: Clevert et al., arXiv:1511.07289. */
export function elu<S extends Shape, D extends DType>(x: Tensor<S, D>, options?: EluOptions): Tensor<S, D> {
  checkOptions('elu', options, ['alpha']);
  checkTensor('elu', x);
  return record(eluOp, [x, number('elu', options?.alpha ?? 1, undefined)]);
}

export const activationOps = {
  softplus: softplusOp,
  logSigmoid: logSigmoidOp,
  tanh: tanhOp,
  sigmoid: sigmoidOp,
  silu: siluOp,
  leakyRelu: leakyReluOp,
  elu: eluOp,
  relu: reluOp,
  reluGrad: reluGradOp,
  gelu: geluOp,
  geluGrad: geluGradOp,
  geluTanh: geluTanhOp,
  geluTanhGrad: geluTanhGradOp,
};
