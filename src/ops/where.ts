import type { DType } from '../dtype.js';
import { record } from '../graph/recorder.js';
import type { Shape } from '../shape.js';
import type { Broadcast } from '../shape-types.js';
import { Tensor } from '../tensor.js';
import { sumTo } from './broadcasting.js';
import { cast } from './cast.js';
import { checkDType, checkSameDType, checkTensor, NUMERIC } from './check.js';
import { binaryExamples } from './examples.js';
import { number, type Operand } from './operand.js';
import { broadcast } from './pointwise.js';
import type { PointwiseRecord } from './record.js';
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
  examples: () => binaryExamples().flatMap(({ inputs: [a, b] }) => [
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

export const whereOps = { where: whereOp };
