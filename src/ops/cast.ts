import { dtypes, type DType } from '../dtype.js';
import { record } from '../graph/recorder.js';
import { checkChoice } from '../options.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { unchanged } from './alias.js';
import { checkTensor } from './check.js';
import { unaryExamples } from './examples.js';
import { pointwise } from './pointwise.js';
import type { PointwiseRecord } from './record.js';
import { EXACT } from './tolerance.js';

const ALL: readonly DType[] = ['float32', 'int32', 'bool', 'uint8'];

/** A cast record per dtype of the result. Integers have no gradient, and a float32 that is cast to float32 is not cast. */
function castTo(to: DType, opcode: string): PointwiseRecord {
  return pointwise({
    name: `cast:${to}`,
    opcode,
    takes: ALL,
    gives: to,
    gradient: { none: `a cast between float32 and whole numbers or truth values has no slope` },
    tolerance: EXACT,
    examples: () => ALL.filter((from) => from !== to).flatMap((from) => unaryExamples({ dtype: from, from: from === 'uint8' ? 0 : -3, to: from === 'bool' ? 2 : 4 })),
  });
}

export const castOps: { readonly [D in `cast:${DType}`]: PointwiseRecord } = {
  'cast:float32': castTo('float32', 'to_f32'),
  'cast:int32': castTo('int32', 'to_i32'),
  'cast:bool': castTo('bool', 'to_bool'),
  'cast:uint8': castTo('uint8', 'to_u8'),
};

/**
 * x as another dtype; x itself where it has that dtype. To int32 and uint8 it truncates; what is out of range
 * saturates and NaN becomes 0 (torch leaves both undefined). To bool it is x != 0.
 */
export function cast<S extends Shape, D extends DType>(x: Tensor<S>, to: D): Tensor<S, D> {
  checkTensor('cast', x);
  if (x.dtype === to) return unchanged(x) as Tensor<S, D>;
  checkChoice('cast', 'dtype', to, Object.keys(dtypes));
  return record(castOps[`cast:${to as DType}`], [x]);
}
