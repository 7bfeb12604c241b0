import { ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { sigmoid, softplus } from './activations.js';
import { add, mul, neg, sub } from './arithmetic.js';
import { checkDType, FLOAT } from './check.js';
import { equal, greater } from './compare.js';
import { example } from './examples.js';
import { scalar } from './leaf.js';
import { broadcast } from './pointwise.js';
import type { CompositeRecord } from './record.js';
import { sumTo } from './broadcasting.js';
import { where } from './where.js';
import { COMPOSED } from './tolerance.js';

type Floats = Tensor<Shape, 'float32'>;

/** (x, y) or (x, y, w): -w y log sigmoid(x) - (1 - y) log(1 - sigmoid(x)), element by element. Pointwise all through, so it is one instruction. */
export const binaryCrossEntropyOp: CompositeRecord = {
  name: 'binaryCrossEntropy',
  kind: 'composite',
  infer: ([x, y, w]) => {
    const op = 'binaryCrossEntropy';
    checkDType(op, x!, FLOAT, 'outputs');
    checkDType(op, y!, FLOAT, 'targets');
    if (w !== undefined) checkDType(op, w, FLOAT, 'positiveWeight');
    if (!sameShape(x!.shape, y!.shape) || (w !== undefined && !sameShape(broadcast(op, [x!, w]), x!.shape))) {
      const shapes = [x!, y!, ...(w === undefined ? [] : [w])].map(({ shape }) => shape);
      throw new ShapeError(`[${op}] the shapes do not fit: got ${shapes.map(showShape).join(', ')}, expected outputs and targets of one shape, and a weight that broadcasts to it.`, { op, shapes });
    }
    return { shape: x!.shape, dtype: 'float32' };
  },
  decompose: ([x, y, w]) => entropy(x!, y!, w),
  // A pass of its own: in one with the loss both arrays are alive at once, which costs more than reading outputs and targets again.
  gradient: ([dy], { inputs: [x, y, w] }) => [
    mul(dy, sub(weighted(sigmoid(x!), y!, w), w === undefined ? y! : mul(y!, w))),
    y!.requiresGrad ? mul(dy, w === undefined ? neg(x!) : sub(mul(sub(w, 1), softplus(neg(x!))), x!)) : undefined,
    w?.requiresGrad === true ? sumTo(mul(dy, mul(y!, softplus(neg(x!)))), w.shape) : undefined,
  ],
  saves: { inputs: [0, 1, 2] },
  tolerance: COMPOSED,
  examples: () => [
    ...[[7], [3, 17], [0, 4]].map((shape) => example([{ shape, from: -9, to: 9 }, { shape, from: 0, to: 1 }])),
    ...[[], [4], [3, 1]].map((weights) => example([{ shape: [3, 4], from: -9, to: 9 }, { shape: [3, 4], from: 0, to: 1 }, { shape: weights, from: 0.5, to: 3 }])),
  ],
};

/** Times 1 + (w - 1) y, which for y = 1 is w to its last digit. */
function weighted(x: Tensor, y: Tensor, w: Tensor | undefined): Tensor {
  return w === undefined ? x : mul(add(mul(y, w), sub(1, y)), x);
}

/**
 * With c = 1 + (w - 1) y it is (1 - y) x + c softplus(-x), and for negative x -w y x + c softplus(x): so nothing large cancels, and a certain
 * prediction has the small loss that it should. An infinite x costs nothing where it is right, and is infinite where it is not.
 */
function entropy(x: Tensor, y: Tensor, w: Tensor | undefined): Tensor {
  const positive = greater(x, 0);
  const slope = where(positive, sub(1, y), neg(w === undefined ? y : mul(y, w)));
  return add(where(equal(slope, 0), 0, mul(slope, x) as Floats), weighted(softplus(where(positive, neg(x), x)), y, w));
}

/** See losses.binaryCrossEntropy. `positiveWeight` is a number, or broadcasts to the outputs. */
export function binaryCrossEntropy(outputs: Tensor, targets: Tensor, positiveWeight: number | Tensor = 1): Tensor {
  if (positiveWeight === 1) return record(binaryCrossEntropyOp, [outputs, targets]);
  return record(binaryCrossEntropyOp, [outputs, targets, typeof positiveWeight === 'number' ? scalar(positiveWeight, 'float32') : positiveWeight]);
}

export const binaryCrossEntropyOps = { binaryCrossEntropy: binaryCrossEntropyOp };
