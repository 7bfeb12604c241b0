import { ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { showShape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { add, div, mul } from './arithmetic.js';
import { checkDType, FLOAT } from './check.js';
import { less } from './compare.js';
import { example } from './examples.js';
import { sqrt } from './exponential.js';
import type { CompositeRecord } from './record.js';
import { sum } from './reductions.js';
import { SUMS } from './tolerance.js';
import { where } from './where.js';

const OP = 'renormRows';

type RenormAttrs = { readonly maxNorm: number };

/** Added to a norm that divides, as in torch.nn.functional.embedding. */
const EPSILON = 1e-7;

/** x [.., D], rows whose Euclidean norm is larger than maxNorm shortened to it. Its gradient is that of x itself, as the rows that training changes are the short ones. */
export const renormRowsOp: CompositeRecord<RenormAttrs> = {
  name: OP,
  kind: 'composite',
  infer: ([x]) => {
    checkDType(OP, x!, FLOAT, 'x');
    if (x!.shape.length === 0) throw new ShapeError(`[${OP}] x has no rows: got ${showShape(x!.shape)}, expected [.., D].`, { op: OP, shapes: [x!.shape] });
    return { shape: x!.shape, dtype: 'float32' };
  },
  decompose: ([x], { maxNorm }) => {
    const norms = sqrt(sum(mul(x!, x!), { axis: -1, keepdim: true }) as Tensor) as Tensor;
    return where(less(maxNorm, norms), mul(x!, div(maxNorm, add(norms, EPSILON)) as Tensor), x!) as Tensor;
  },
  gradient: ([dy]) => [dy],
  saves: {},
  tolerance: SUMS,
  // Rows that are shortened have another slope than this gradient: test/nn/max-norm.test.ts.
  examples: () => [[1], [17], [3, 5], [2, 3, 40], [0, 4], [4, 0]].map((shape) => example([{ shape }], { maxNorm: 100 })),
};

/** Rows of x whose norm is larger than maxNorm, shortened to it. */
export function renormRows(x: Tensor, maxNorm: number): Tensor {
  return record(renormRowsOp, [x], { maxNorm });
}

export const renormOps = { renormRows: renormRowsOp };
