// What stands beside logits in losses of classes: indices, or probabilities.
import type { DType } from '../dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../errors.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import { Tensor } from '../tensor.js';
import { checkDType, FLOAT } from './check.js';
import { describeValue } from '../describe-value.js';

type Ranked<S extends Shape> = number extends S['length'] ? never : S['length'];

/** `unknown` where targets may be class indices, or probabilities of the logits' shape, else the reason why not. */
export type ClassTargets<L extends Shape, T extends Shape, D extends DType> = DType extends D
  ? unknown
  : D extends 'int32'
    ? unknown
    : D extends 'float32'
      ? [Ranked<L>] extends [never]
        ? unknown
        : [Ranked<T>] extends [never]
          ? unknown
          : [Ranked<L>, Ranked<T>] extends [Ranked<T>, Ranked<L>]
            ? unknown
            : `float32 targets of crossEntropy are probabilities, one for each logit: cast class indices to int32`
      : `crossEntropy takes class indices (int32) or probabilities (float32), but these targets are ${D}`;

/** Throws for indices where logits are expected, and logits where indices are. */
export function checkOrder(logits: unknown, targets: unknown): void {
  if (!(logits instanceof Tensor && targets instanceof Tensor) || logits.dtype !== 'int32' || targets.dtype !== 'float32') return;
  const got = `got logits int32 ${showShape(logits.shape)}, targets float32 ${showShape(targets.shape)}`;
  throw new DTypeError(`[crossEntropy] logits and targets are exchanged: ${got}, expected logits first. Call crossEntropy(logits, targets).`, { op: 'crossEntropy', shapes: [logits.shape, targets.shape] });
}

/** The shape of the losses of logits [.., C] and targets, int32 [..] or float32 [.., C]. */
export function checkTargets(logits: Tensor, targets: Tensor): Shape {
  const op = 'crossEntropy';
  const shapes = [logits.shape, targets.shape];
  const rows = logits.shape.slice(0, -1);
  checkDType(op, logits, FLOAT, 'logits');
  const got = `got logits ${showShape(logits.shape)}, ${targets.dtype} targets ${showShape(targets.shape)}`;
  if (logits.shape.length > 0 && logits.shape[logits.shape.length - 1] !== 0) {
    if (targets.dtype === 'float32' && sameShape(targets.shape, logits.shape)) return rows;
    if (targets.dtype === 'int32' && sameShape(targets.shape, rows)) return rows;
    if (sameShape(targets.shape, rows)) {
      throw new DTypeError(`[${op}] the targets are no class indices: ${got}, expected int32. Cast them: targets.cast('int32').`, { op, shapes });
    }
    if (sameShape(targets.shape, logits.shape)) {
      throw new DTypeError(
        `[${op}] the targets are no probabilities: ${got}, expected float32. Cast them: targets.cast('float32'); one-hot rows become indices by targets.argmax({ axis: -1 }).`,
        { op, shapes },
      );
    }
  }
  throw new ShapeError(
    `[${op}] the shapes do not fit: ${got}, expected logits [..,C] and class indices [..] (int32) or probabilities [..,C] (float32). Name another class axis: { axis: 1 }.`,
    { op, shapes },
  );
}

/** Class weights, if they are float32 [C]. */
export function checkClassWeights(op: string, weights: Tensor, C: number): Tensor {
  if (!(weights instanceof Tensor)) throw new ArgumentError(`[${op}] classWeights: got ${describeValue(weights)}, expected a tensor. Make one: tensor([1, 2]).`, { op });
  checkDType(op, weights, FLOAT, 'classWeights');
  if (weights.shape.length === 1 && weights.shape[0] === C) return weights;
  throw new ShapeError(`[${op}] class weights of the wrong shape: got ${showShape(weights.shape)}, expected [${C}], one per class.`, { op, shapes: [weights.shape] });
}
