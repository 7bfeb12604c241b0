import { ArgumentError, DTypeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { sizeOf, type Shape } from '../shape.js';
import type { Plain } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { checkShape } from './check.js';
import { codes } from './codes.js';
import { randomCost } from './costs.js';
import { example } from './examples.js';
import { slots } from './leaf.js';
import type { Example, KernelRecord, Tolerance } from './record.js';
import { COMPOSED, EXACT, FEW_ULP } from './tolerance.js';

type RandomAttrs = { readonly shape: Shape };

/** Inputs: the key, int32[5] (seed low and high word, stream low and high word, counter), and the two parameters, float32[2]. */
function distribution(name: string, code: number, nanoseconds: number, tolerance: Tolerance): KernelRecord<RandomAttrs> {
  return {
    name,
    kind: 'random',
    infer: ([key, parameters], { shape }) => {
      checkKey(name, key!, parameters!);
      return { shape, dtype: 'float32' };
    },
    emit: (e, { shape }) => e.instruction('random', [e.output()], [e.input(0), e.input(1)], [code], randomCost(shape, nanoseconds)),
    gradient: { none: 'random numbers depend on no operand smoothly' },
    tolerance,
    examples: () => randomExamples(),
  };
}

function checkKey(op: string, key: Tensor, parameters: Tensor): void {
  if (key.dtype !== 'int32' || sizeOf(key.shape) !== 5) {
    throw new DTypeError(`[${op}] the key is wrong: got ${key.dtype} of ${sizeOf(key.shape)} elements, expected int32 of 5. Make it of a random stream.`, { op });
  }
  if (parameters.dtype !== 'float32' || sizeOf(parameters.shape) !== 2) {
    throw new DTypeError(`[${op}] the parameters are wrong: got ${parameters.dtype} of ${sizeOf(parameters.shape)} elements, expected float32 of 2. Pass two numbers.`, { op });
  }
}

function randomExamples(): Example[] {
  const shapes: Shape[] = [[0], [1], [7], [8], [17], [], [3, 5], [1001]];
  return shapes.map((shape) => example([{ shape: [5], dtype: 'int32', from: 0, to: 1000 }, { shape: [2], from: 0.25, to: 0.75 }], { shape }));
}

export const uniformOp = distribution('uniform', codes.distributions.uniform, 1, FEW_ULP);
export const normalOp = distribution('normal', codes.distributions.normal, 4, COMPOSED);
export const bernoulliOp = distribution('bernoulli', codes.distributions.bernoulli, 1, EXACT);

function draw<T extends Tensor>(op: KernelRecord<RandomAttrs>, shape: Shape, key: Tensor, first: number, second: number): T {
  checkShape(op.name, shape);
  return record(op, [key, slots([first, second], 'float32')], { shape });
}

/** Numbers drawn evenly from [low, high). `key`: int32[5], seed low and high word, stream low and high word, counter. */
export function uniform<const S extends Shape>(shape: S, key: Tensor, low = 0, high = 1): Tensor<Plain<S>, 'float32'> {
  return draw(uniformOp, shape, key, low, high);
}

/** Numbers drawn from a normal distribution. `key` as in uniform. */
export function normal<const S extends Shape>(shape: S, key: Tensor, mean = 0, std = 1): Tensor<Plain<S>, 'float32'> {
  return draw(normalOp, shape, key, mean, std);
}

/** A dropout mask: 1 / keep with the probability `keep`, else 0, so that its mean is 1. `key` as in uniform. */
export function bernoulliMask<const S extends Shape>(shape: S, key: Tensor, keep: number): Tensor<Plain<S>, 'float32'> {
  if (!(keep > 0 && keep <= 1)) {
    throw new ArgumentError(`[bernoulli] the probability is wrong: got ${keep}, expected a number in (0, 1]. Leave the mask out to keep all.`, { op: 'bernoulli' });
  }
  return draw(bernoulliOp, shape, key, keep, 1 / keep);
}

export const randomOps = { uniform: uniformOp, normal: normalOp, bernoulli: bernoulliOp };
