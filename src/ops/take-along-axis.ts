import type { DType } from '../dtype.js';
import { ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { sameShape, showShape, sizeOf, type Shape } from '../shape.js';
import type { Indices } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { checkCount, checkDType, FLOAT, INT } from './check.js';
import { scatterCost, takeCost } from './costs.js';
import { example } from './examples.js';
import { reshaped } from './layout.js';
import { scalar } from './leaf.js';
import type { KernelRecord } from './record.js';
import { sumTo } from './broadcasting.js';
import { EXACT } from './tolerance.js';

const SHAPES: readonly Shape[] = [[1, 1], [7, 10], [16, 9], [2, 3, 17], [5], [0, 4]];
const labelsOf = (shape: Shape) => ({ shape: shape.slice(0, -1), dtype: 'int32' as const, from: 0, to: shape[shape.length - 1]! });

export const takeAlongAxisOp: KernelRecord = {
  name: 'takeAlongAxis',
  kind: 'kernel',
  indices: 'labels',
  infer: ([x, labels]) => {
    checkDType('takeAlongAxis', x!, FLOAT);
    checkDType('takeAlongAxis', labels!, INT, 'labels');
    const shapes = [x!.shape, labels!.shape];
    if (x!.shape.length === 0 || !sameShape(labels!.shape, x!.shape.slice(0, -1))) {
      throw new ShapeError(`[takeAlongAxis] the shapes do not fit: got x ${showShape(x!.shape)}, labels ${showShape(labels!.shape)}, expected x [..,C] and labels [..].`, { op: 'takeAlongAxis', shapes });
    }
    return { shape: labels!.shape, dtype: 'float32' };
  },
  emit: (e) => {
    const N = sizeOf(e.shape(1));
    const C = e.shape(0)[e.shape(0).length - 1]!;
    e.instruction('take_along_axis', [e.output(0, [N])], [reshaped(e.input(0), [N, C]), reshaped(e.input(1), [N])], [], takeCost(N));
  },
  gradient: ([dy], { inputs: [x, labels] }) => [record(scatterOp, [dy, labels!], { classes: x!.shape[x!.shape.length - 1]! }), undefined],
  saves: { inputs: [1] },
  tolerance: EXACT,
  examples: () => SHAPES.map((shape) => example([{ shape }, labelsOf(shape)])),
};

/** (values, labels): zeros [.., classes], but values[n] at labels[n]. Values are one for each label, or one for all. */
export const scatterOp: KernelRecord<{ readonly classes: number }> = {
  name: 'scatter',
  kind: 'kernel',
  indices: 'labels',
  infer: ([values, labels], { classes }) => {
    checkDType('scatter', values!, FLOAT);
    checkDType('scatter', labels!, INT, 'labels');
    if (values!.shape.length > 0 && !sameShape(values!.shape, labels!.shape)) {
      const shapes = [values!.shape, labels!.shape];
      throw new ShapeError(`[scatter] the shapes differ: got values ${showShape(values!.shape)}, labels ${showShape(labels!.shape)}, expected one shape, or one value.`, { op: 'scatter', shapes });
    }
    return { shape: [...labels!.shape, classes], dtype: 'float32' };
  },
  emit: (e, { classes }) => {
    const N = sizeOf(e.shape(1));
    const values = e.shape(0).length === 0 ? e.input(0) : reshaped(e.input(0), [N]);
    e.instruction('scatter', [e.output(0, [N, classes])], [values, reshaped(e.input(1), [N])], [], scatterCost(N, classes));
  },
  gradient: ([dy], { inputs: [values, labels] }) => [sumTo(record(takeAlongAxisOp, [dy, labels!]), values!.shape), undefined],
  saves: { inputs: [1] },
  tolerance: EXACT,
  examples: () => SHAPES.flatMap((shape) => [shape.slice(0, -1), []].map((values) => example([{ shape: values }, labelsOf(shape)], { classes: shape[shape.length - 1]! }))),
};

/**
 * The element of each row that its label names: out[n] = x[n, labels[n]]. x [.., C] float32, labels [..] int32 in [0, C).
 * As torch.gather along the last dimension, with one index per row. Throws IndexError when the step runs and a label is out of range.
 */
export function takeAlongAxis<D extends DType>(x: Tensor, labels: Tensor<Shape, D> & Indices<'takeAlongAxis', 'labels', D>): Tensor<Shape, 'float32'> {
  return record(takeAlongAxisOp, [x, labels]);
}

/**
 * Rows with a 1 at each label and 0 elsewhere: labels [..] int32 in [0, classes) become float32 [.., classes]. As torch.nn.functional.one_hot,
 * which gives integers. Throws IndexError when the step runs and a label is out of range.
 */
export function oneHot<S extends Shape, D extends DType, C extends number>(
  labels: Tensor<S, D> & Indices<'oneHot', 'labels', D>,
  classes: C,
): Tensor<readonly [...S, C], 'float32'> {
  return record(scatterOp, [scalar(1, 'float32'), labels as Tensor], { classes: checkCount('oneHot', 'classes', classes) });
}

export const takeAlongOps = { takeAlongAxis: takeAlongAxisOp, scatter: scatterOp };
