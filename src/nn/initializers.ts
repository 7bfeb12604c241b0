import { ArgumentError } from '../errors.js';
import { generator } from '../generator.js';
import { checkNumber } from '../ops/check.js';
import { full, normal as drawNormal, uniform as drawUniform } from '../ops/index.js';
import { checkChoice } from '../options.js';
import { sizeOf, type Shape } from '../shape.js';
import { describeValue } from '../describe-value.js';
import type { Tensor } from '../tensor.js';
import type { Initializer, Parameter } from '../parameter.js';

/**
 * First values of parameters. They are drawn when they are first needed, from the stream of the parameter's name in its model under the
 * seed at the time the parameter was made: another layer in the model, or another order of use, changes nothing.
 */
function drawn(local: string, draw: (shape: Shape, key: Tensor) => Tensor): Initializer {
  const keyOf = generator().initial(local);
  return (parameter: Parameter) => draw(parameter.shape, keyOf(parameter.name, parameter.generator$));
}

/** Throws ArgumentError for what is no number. */
function checkNumbers(op: string, numbers: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(numbers)) checkNumber(`init.${op}`, name, value);
}

/** Evenly from [low, high). */
export function uniform(low = 0, high = 1): Initializer {
  checkNumbers('uniform', { low, high });
  return drawn('uniform', (shape, key) => drawUniform(shape, key, low, high));
}

/** Values from a normal distribution. */
export function normal(mean = 0, std = 1): Initializer {
  checkNumbers('normal', { mean, std });
  return drawn('normal', (shape, key) => drawNormal(shape, key, mean, std));
}

/** All the same value. */
export function constant(value: number): Initializer {
  checkNumbers('constant', { value });
  return (parameter) => full(parameter.shape, value);
}

export function zeros(): Initializer {
  return constant(0);
}

export function ones(): Initializer {
  return constant(1);
}

/** The dimension of a weight whose size a scale is taken by: its inputs keep the size of activations, its outputs that of gradients. */
export type FanMode = 'fanIn' | 'fanOut';

/** Inputs and outputs of a weight [out, in, ...], each with the elements of the other dimensions. */
function fansOf(op: string, shape: Shape): Record<FanMode, number> {
  if (shape.length < 2) {
    throw new ArgumentError(`[init.${op}] got a parameter of ${shape.length} dimensions, expected at least 2: [out, in, ...]. Take uniform() or zeros() for a bias.`, { op: `init.${op}`, shapes: [shape] });
  }
  const [out, inputs, ...others] = shape as readonly [number, number, ...number[]];
  return { fanIn: inputs * sizeOf(others), fanOut: out * sizeOf(others) };
}

/** Deviation of weights before a leaky ReLU of slope `a`: gain / sqrt(fan), gain = sqrt(2 / (1 + a^2)); 0 where there are none. */
function kaimingDeviation(op: string, shape: Shape, a: number, mode: FanMode): number {
  const fan = fansOf(op, shape)[mode];
  return fan === 0 ? 0 : Math.sqrt(2 / ((1 + a * a) * fan));
}

function xavierDeviation(op: string, shape: Shape, gain: number): number {
  const { fanIn, fanOut } = fansOf(op, shape);
  return fanIn + fanOut === 0 ? 0 : gain * Math.sqrt(2 / (fanIn + fanOut));
}

function checkKaiming(op: string, a: number, mode: FanMode): void {
  checkNumbers(op, { a });
  checkChoice(`init.${op}`, 'mode', mode, ['fanIn', 'fanOut']);
}

/**
 * Evenly from [-bound, bound), bound = gain * sqrt(3 / fan), gain = sqrt(2 / (1 + a^2)); `a` is the slope of a leaky ReLU, and `mode` which fan of a weight
 * [out, in, ...] counts: fanIn, its size without the first dimension, or fanOut, without the second. As torch.nn.init.kaiming_uniform_.
 * Throws ArgumentError for a parameter of less than two dimensions. Source: He et al., arXiv:1502.01852.
 */
export function kaimingUniform(a = 0, mode: FanMode = 'fanIn'): Initializer {
  checkKaiming('kaimingUniform', a, mode);
  return evenly((shape) => kaimingDeviation('kaimingUniform', shape, a, mode));
}

/**
 * Values from a normal distribution of mean 0 and deviation gain / sqrt(fan); see kaimingUniform(). As torch.nn.init.kaiming_normal_.
 *
 *     const conv = nn.conv2d(3, 64, 7);
 *     conv.weight.initialize(nn.init.kaimingNormal(0, 'fanOut'));
 */
export function kaimingNormal(a = 0, mode: FanMode = 'fanIn'): Initializer {
  checkKaiming('kaimingNormal', a, mode);
  return normally((shape) => kaimingDeviation('kaimingNormal', shape, a, mode));
}

/**
 * Evenly from [-bound, bound), bound = gain * sqrt(6 / (fanIn + fanOut)). As torch.nn.init.xavier_uniform_.
 * Throws ArgumentError for a parameter of less than two dimensions. Source: Glorot and Bengio, AISTATS 2010.
 */
export function xavierUniform(gain = 1): Initializer {
  checkNumbers('xavierUniform', { gain });
  return evenly((shape) => xavierDeviation('xavierUniform', shape, gain));
}

/** Values from a normal distribution of mean 0 and deviation gain * sqrt(2 / (fanIn + fanOut)). As torch.nn.init.xavier_normal_. */
export function xavierNormal(gain = 1): Initializer {
  checkNumbers('xavierNormal', { gain });
  return normally((shape) => xavierDeviation('xavierNormal', shape, gain));
}

/** Weights of mean 0 and of the deviation that fits their shape, evenly distributed. */
function evenly(deviation: (shape: Shape) => number): Initializer {
  return drawn('weight', (shape, key) => {
    const bound = Math.sqrt(3) * deviation(shape);
    return drawUniform(shape, key, -bound, bound);
  });
}

/** Weights of mean 0 and of the deviation that fits their shape, normally distributed. */
function normally(deviation: (shape: Shape) => number): Initializer {
  return drawn('weight', (shape, key) => drawNormal(shape, key, 0, deviation(shape)));
}

/** PyTorch's initial values of a weight of `fanIn` inputs, or of its bias: evenly from [-b, b), b = 1 / sqrt(fanIn) (kaimingUniform with a = sqrt 5). */
export function fanInUniform(local: string, fanIn: number): Initializer {
  if (typeof local !== 'string') throw new ArgumentError(`[init.fanInUniform] local: got ${describeValue(local)}, expected the name of a stream, as in fanInUniform('weight', 784).`, { op: 'init.fanInUniform' });
  checkNumbers('fanInUniform', { fanIn });
  const bound = fanIn === 0 ? 0 : 1 / Math.sqrt(fanIn);
  return drawn(local, (shape, key) => drawUniform(shape, key, -bound, bound));
}
