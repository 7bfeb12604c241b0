import { anyLayout, type Emitter } from './emitter.js';
import type { Layout } from './layout.js';
import { LimitError, ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { sameShape, showShape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { checkDType, FLOAT, INT } from './check.js';
import { codes } from './codes.js';
import { ctcCost } from './costs.js';
import { example } from './examples.js';
import type { Example, KernelRecord } from './record.js';
import { EXPONENTIALS } from './tolerance.js';

export type CtcAttrs = { readonly blank: number; readonly zeroInfinity: boolean };

/** [N, T, C], S: every example can be spelled, even of one label only. */
const SIZES: readonly [N: number, T: number, C: number, S: number][] = [[1, 1, 2, 0], [3, 5, 4, 2], [2, 11, 30, 5], [0, 4, 3, 2]];

const examples = (): Example[] => SIZES.map(([N, T, C, S]) =>
  example(
    [
      { shape: [N, T, C], from: -3, to: 3 },
      { shape: [N, S], dtype: 'int32', from: 1, to: C },
      { shape: [N], dtype: 'int32', from: Math.max(2 * S, T - 2), to: T + 1 },
      { shape: [N], dtype: 'int32', from: 0, to: S + 1 },
    ],
    { blank: 0, zeroInfinity: false },
  ),
);

export const ctcOp: KernelRecord<CtcAttrs> = {
  name: 'ctc',
  kind: 'kernel',
  indices: 'labels',
  infer: ([logits, targets, inputLengths, targetLengths]) => {
    const op = 'ctc';
    checkDType(op, logits!, FLOAT, 'logits');
    checkDType(op, targets!, INT, 'targets');
    checkDType(op, inputLengths!, INT, 'inputLengths');
    checkDType(op, targetLengths!, INT, 'targetLengths');
    const shapes = [logits!, targets!, inputLengths!, targetLengths!].map(({ shape }) => shape);
    const N = [logits!.shape[0]!];
    const fits = logits!.shape.length === 3 && targets!.shape.length === 2 && targets!.shape[0] === N[0] && shapes.slice(2).every((shape) => sameShape(shape, N));
    if (fits && targets!.shape[1]! > codes.limits.labels) {
      throw new LimitError(`[${op}] too many labels of one example: got targets ${showShape(targets!.shape)}, expected at most ${codes.limits.labels} (2^28 - 1). Cut the sequences.`, { op, shapes });
    }
    if (fits) return { shape: N, dtype: 'float32' };
    const got = ['logits', 'targets', 'inputLengths', 'targetLengths'].map((name, i) => `${name} ${showShape(shapes[i]!)}`).join(', ');
    const advice = logits!.shape.length === 3 && logits!.shape[1] === targets!.shape[0] ? "Torch's [T,N,C] becomes [N,T,C] by logits.transpose(0, 1)." : 'Pad the targets to one length.';
    throw new ShapeError(`[${op}] the shapes do not fit: got ${got}, expected logits [N,T,C], targets [N,S] and lengths [N]. ${advice}`, { op, shapes });
  },
  emit: (e, attrs) => emitCtc(e, e.output(), undefined, attrs),
  gradient: ([dy], node, attrs) => [record(ctcGradOp, [...node.inputs, dy], attrs), undefined, undefined, undefined],
  saves: { inputs: [0, 1, 2, 3] },
  tolerance: { absolute: 3e-6, relative: 3e-6 },
  examples,
};

/** softmax(logits) less the posterior probabilities of the classes, times dy: one instruction with the loss, unless dy is made of the loss. */
export const ctcGradOp: KernelRecord<CtcAttrs> = {
  name: 'ctcGrad',
  calledBy: 'ctc',
  kind: 'kernel',
  indices: 'labels',
  infer: ([logits]) => ({ shape: logits!.shape, dtype: 'float32' }),
  emit: (e, attrs) => emitCtc(e, undefined, e, attrs),
  siblings: { op: ctcOp, emit: (e, loss, attrs) => emitCtc(e, loss.output(), e, attrs) },
  gradient: { missing: 'its gradient is one kernel, whose own gradient nobody has written' },
  tolerance: EXPONENTIALS,
  examples: () => examples().map(({ inputs, attrs }) => example([...inputs, { shape: inputs[2]!.shape }], attrs)),
};

function emitCtc(e: Emitter, loss: ReturnType<Emitter['output']>, gradient: Emitter | undefined, { blank, zeroInfinity }: CtcAttrs): void {
  const [N, T, C] = e.shape(0) as [number, number, number];
  const rowsDense = (layout: Layout): boolean => C <= 1 || layout.strides[2] === 1;
  const operands = [e.input(0, rowsDense), e.input(1), e.input(2), e.input(3), gradient?.input(4, anyLayout)];
  e.instruction('ctc', [loss, gradient?.output()], operands, [blank, Number(zeroInfinity)], ctcCost(N, T, C, e.shape(1)[1]!));
}

/** Connectionist temporal classification of each example; see losses.ctc. */
export function ctc(logits: Tensor, targets: Tensor, inputLengths: Tensor, targetLengths: Tensor, attrs: CtcAttrs): Tensor {
  return record(ctcOp, [logits, targets, inputLengths, targetLengths], attrs);
}

export const ctcOps = { ctc: ctcOp, ctcGrad: ctcGradOp };
