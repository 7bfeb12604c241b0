import { withoutTracking, gradientsEnabled, record } from '../graph/recorder.js';
import type { Tensor } from '../tensor.js';
import { add } from './arithmetic.js';
import { cast } from './cast.js';
import { example } from './examples.js';
import { flatten } from './views.js';
import { scalar, slots } from './leaf.js';
import type { KernelRecord } from './record.js';
import { EXACT } from './tolerance.js';
import { any, argmax } from './reductions.js';
import { where } from './where.js';

/** Words of a failure. */
export type DomainAttrs = {
  /** The op that the user called. */
  readonly op: string;
  /** Operands that are checked, and their domain, in words. */
  readonly what: string;
  readonly domain: string;
  /** True: the element at fault is looked for. */
  readonly located: boolean;
};

/**
 * (zeros [1], fault []): 0, but the run fails where the fault is not 0, as an index of the one zero. The third input is what is checked, for its
 * origin in the data.
 */
export const requireDomainOp: KernelRecord<DomainAttrs> = {
  name: 'requireDomain',
  kind: 'kernel',
  indices: 'fault',
  infer: () => ({ shape: [], dtype: 'float32' }),
  emit: (e) => e.instruction('gather', [e.output()], [e.input(0), e.input(1)], [0]),
  gradient: { none: 'it gives 0' },
  tolerance: EXACT,
  examples: () => [[1], [17], [3, 5]].map((shape) =>
    example([{ shape: [1], from: 0, to: 0 }, { shape: [], dtype: 'int32', from: 0, to: 1 }, { shape }], { op: 'loss', what: 'the targets', domain: 'numbers', located: false }),
  ),
};

/** x itself, but the step fails where `outside` holds for an element. The fault of one that is located is its position, from 1. */
export function requireDomain(x: Tensor, outside: (x: Tensor) => Tensor, attrs: DomainAttrs): Tensor {
  return withoutTracking(() => {
    const odd = flatten(outside(x)) as Tensor<readonly number[], 'bool'>;
    const some = any(odd) as Tensor<readonly [], 'bool'>;
    const fault = attrs.located ? where(some, argmax(cast(odd, 'int32')).add(1) as Tensor as Tensor<readonly [], 'int32'>, scalar(0, 'int32') as Tensor as Tensor<readonly [], 'int32'>) : cast(some, 'int32');
    return add(x, record(requireDomainOp, [slots([0], 'float32'), fault as Tensor, x], attrs) as Tensor<readonly [], 'float32'>) as Tensor;
  }, gradientsEnabled());
}

export const requireDomainOps = { requireDomain: requireDomainOp };
