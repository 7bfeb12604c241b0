import type { DType } from '../dtype.js';
import { ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { checkChoice, checkOptions } from '../options.js';
import { showShape, type Shape } from '../shape.js';
import type { HalveLast } from '../halve-types.js';
import type { Tensor } from '../tensor.js';
import { gelu, sigmoid, silu, type GeluOptions } from './activations.js';
import { mul } from './arithmetic.js';
import { checkDType, checkTensor, FLOAT } from './check.js';
import { composite } from './composite.js';
import { example } from './examples.js';
import type { CompositeRecord, Inferred } from './record.js';
import { split } from './splitting.js';
import { COMPOSED } from './tolerance.js';

/** The first half of the last dimension, times an activation of the second. */
function gated(name: string, calledBy: string, activation: (gate: Tensor) => Tensor): CompositeRecord {
  return {
    ...composite({
      name,
      infer: ([x]) => halved(calledBy, x!),
      decompose: ([x]) => {
        const [value, gate] = split(x!, x!.shape.at(-1)! / 2, -1) as [Tensor, Tensor];
        return mul(value, activation(gate)) as Tensor;
      },
      saves: { inputs: [0] },
      tolerance: COMPOSED,
      examples: () => ([[2], [5, 16], [2, 3, 14], [0, 4], [3, 34]] as Shape[]).map((shape) => example([{ shape, from: -4, to: 4 }])),
    }),
    ...(name === calledBy ? {} : { calledBy }),
  };
}

function halved(op: string, x: Tensor): Inferred {
  checkDType(op, x, FLOAT);
  const last = x.shape.at(-1);
  if (last !== undefined && last % 2 === 0) return { shape: [...x.shape.slice(0, -1), last / 2], dtype: 'float32' };
  throw new ShapeError(`[${op}] the last dimension has no halves: got ${showShape(x.shape)}, expected an even one: values, then their gates. Give the layer before it twice as many features.`, { op, shapes: [x.shape] });
}

export const gluOp = gated('glu', 'glu', sigmoid);
export const swigluOp = gated('swiglu', 'swiglu', silu);
export const gegluOp = gated('geglu', 'geglu', gelu);
export const gegluTanhOp = gated('gegluTanh', 'geglu', (gate) => gelu(gate, { approximate: 'tanh' }));

/** a * sigmoid(b), with the halves a and b of the last dimension: x [.., 2D] float32 gives [.., D]. As torch.nn.functional.glu; source: Dauphin et al., arXiv:1612.08083. Throws ShapeError for an odd dimension. */
export function glu<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<HalveLast<S>, D> {
  checkTensor('glu', x);
  return record(gluOp, [x]);
}

/**
 * a * silu(b), with the halves a and b of the last dimension: x [.., 2D] float32 gives [.., D]. The gate is the second half, as in glu(); where a model keeps gate and
 * value apart, as Llama does, write mul(silu(gate), value). Source: Shazeer, arXiv:2002.05202. Throws ShapeError for an odd dimension.
 *
 *     console.log(swiglu(zeros([3, 8])).shape);      // [3, 4]
 */
export function swiglu<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<HalveLast<S>, D> {
  checkTensor('swiglu', x);
  return record(swigluOp, [x]);
}

/** a * gelu(b), with the halves a and b of the last dimension: x [.., 2D] float32 gives [.., D]. `approximate` as in gelu(). Source: Shazeer, arXiv:2002.05202. Throws ShapeError for an odd dimension. */
export function geglu<S extends Shape, D extends DType>(x: Tensor<S, D>, options?: GeluOptions): Tensor<HalveLast<S>, D> {
  checkTensor('geglu', x);
  checkOptions('geglu', options, ['approximate']);
  const approximate = options?.approximate ?? 'none';
  checkChoice('geglu', 'approximate', approximate, ['none', 'tanh']);
  return record(approximate === 'tanh' ? gegluTanhOp : gegluOp, [x]);
}

export const gatedOps = { glu: gluOp, swiglu: swigluOp, geglu: gegluOp, gegluTanh: gegluTanhOp };
