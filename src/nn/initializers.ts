import { ArgumentError } from '../errors.js';
import { generator } from '../generator.js';
import { full, normal as drawNormal, uniform as drawUniform } from '../ops/index.js';
import type { Shape } from '../shape.js';
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
  for (const [name, value] of Object.entries(numbers)) {
    if (typeof value !== 'number') throw new ArgumentError(`[init.${op}] ${name}: got ${describeValue(value)}, expected a number.`, { op: `init.${op}` });
  }
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

/**
 * Evenly from [-bound, bound), bound = gain * sqrt(3 / fanIn), gain = sqrt(2 / (1 + a^2)); `a` is the slope of a leaky ReLU.
 * fanIn is the size of a weight [out, in, ...] without its first dimension. As torch.nn.init.kaiming_uniform_.
 * Source: He et al., arXiv:1502.01852.
 */
export function kaimingUniform(a = 0): Initializer {
  checkNumbers('kaimingUniform', { a });
  return drawn('weight', (shape, key) => {
    if (shape.length < 2) {
      throw new ArgumentError(`[kaimingUniform] got a parameter of ${shape.length} dimensions, expected at least 2: [out, in, ...]. Take uniform() for a bias.`, {
        op: 'kaimingUniform',
        shapes: [shape],
      });
    }
    const fanIn = shape.slice(1).reduce((product, dim) => product * dim, 1);
    const bound = fanIn === 0 ? 0 : Math.sqrt(6 / ((1 + a * a) * fanIn));
    return drawUniform(shape, key, -bound, bound);
  });
}

/** PyTorch's initial values of a weight of `fanIn` inputs, or of its bias: evenly from [-b, b), b = 1 / sqrt(fanIn) (kaimingUniform with a = sqrt 5). */
export function fanInUniform(local: string, fanIn: number): Initializer {
  if (typeof local !== 'string') throw new ArgumentError(`[init.fanInUniform] local: got ${describeValue(local)}, expected the name of a stream, as in fanInUniform('weight', 784).`, { op: 'init.fanInUniform' });
  checkNumbers('fanInUniform', { fanIn });
  const bound = fanIn === 0 ? 0 : 1 / Math.sqrt(fanIn);
  return drawn(local, (shape, key) => drawUniform(shape, key, -bound, bound));
}
