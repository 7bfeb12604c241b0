import { DTypeError, ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { sameShape, showShape, sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { example } from './examples.js';
import type { EffectRecord, Example, Inferred, Tolerance } from './record.js';

/** A chain of ten roundings or so at values of about 1. */
const UPDATE: Tolerance = { absolute: 1e-6, relative: 1e-6 };
const WRITES_ONLY = { none: 'an update is not differentiated' };

type SgdAttrs = { readonly nesterov: boolean; readonly maximize: boolean };
type AdamAttrs = { readonly decoupled: boolean; readonly maximize: boolean };

/** Checks the shapes of `arrays` against the parameter, and the slots behind them: hyper float64[n], step int32[]. */
function inferUpdate(op: string, inputs: readonly Tensor[], arrays: number, hypers: number): Inferred {
  const parameter = inputs[0]!;
  for (const array of inputs.slice(0, arrays)) {
    if (sameShape(array.shape, parameter.shape) && array.dtype === 'float32') continue;
    const got = `${array.dtype} ${showShape(array.shape)} beside the parameter ${showShape(parameter.shape)}`;
    throw new ShapeError(`[${op}] the arrays of an update differ: got ${got}, expected float32 of one shape. Make optimizer state like its parameter.`, {
      op,
      shapes: [parameter.shape, array.shape],
    });
  }
  const [hyper, step] = [inputs[arrays]!, inputs[arrays + 1]!];
  if ((hyper.dtype as string) !== 'float64' || sizeOf(hyper.shape) !== hypers || step.dtype !== 'int32' || sizeOf(step.shape) !== 1) {
    throw new DTypeError(`[${op}] the hyper-parameters are wrong: got ${hyper.dtype} ${showShape(hyper.shape)}, ${step.dtype}, expected slots float64 [${hypers}] and int32 [].`, { op });
  }
  return { shape: parameter.shape, dtype: 'float32' };
}

/** Plain SGD. Inputs: p, g, hyper [lr, momentum, dampening, weight decay], step. */
export const sgdOp: EffectRecord<SgdAttrs> = {
  name: 'sgd',
  kind: 'effect',
  writes: [0],
  infer: (inputs) => inferUpdate('sgd', inputs, 2, 4),
  emit: (e, attrs) => {
    const p = e.input(0);
    e.instruction('sgd', [p], [p, e.input(1), undefined, e.input(2), e.input(3)], [sgdFlags(attrs)]);
  },
  gradient: WRITES_ONLY,
  tolerance: UPDATE,
  examples: updateExamples(2, 4, [{ nesterov: false, maximize: false }, { nesterov: false, maximize: true }]),
};

/** SGD with momentum. Inputs: p, g, buffer, hyper [lr, momentum, dampening, weight decay], step. */
export const sgdMomentumOp: EffectRecord<SgdAttrs> = {
  name: 'sgdMomentum',
  kind: 'effect',
  writes: [0, 2],
  infer: (inputs) => inferUpdate('sgdMomentum', inputs, 3, 4),
  emit: (e, attrs) => {
    const [p, buffer] = [e.input(0), e.input(2)];
    e.instruction('sgd', [p, buffer], [p, e.input(1), buffer, e.input(3), e.input(4)], [sgdFlags(attrs)]);
  },
  gradient: WRITES_ONLY,
  tolerance: UPDATE,
  examples: updateExamples(3, 4, [{ nesterov: false, maximize: false }, { nesterov: true, maximize: false }, { nesterov: true, maximize: true }]),
};

/** Adam and AdamW. Inputs: p, g, m, v, hyper [lr, beta1, beta2, eps, weight decay], step. */
export const adamOp: EffectRecord<AdamAttrs> = {
  name: 'adam',
  kind: 'effect',
  writes: [0, 2, 3],
  infer: (inputs) => inferUpdate('adam', inputs, 4, 5),
  emit: (e, { decoupled, maximize }) => {
    const [p, m, v] = [e.input(0), e.input(2), e.input(3)];
    e.instruction('adam', [p, m, v], [p, e.input(1), m, v, e.input(4), e.input(5)], [(decoupled ? 1 : 0) | (maximize ? 2 : 0)]);
  },
  gradient: WRITES_ONLY,
  tolerance: UPDATE,
  examples: updateExamples(4, 5, [{ decoupled: false, maximize: false }, { decoupled: true, maximize: false }, { decoupled: true, maximize: true }]),
};

function sgdFlags({ nesterov, maximize }: SgdAttrs): number {
  return (nesterov ? 1 : 0) | (maximize ? 2 : 0);
}

/** Arrays, then what has to be slots: the hyper-parameters, in float64, and the step. */
function updateExamples(arrays: number, hypers: number, attrs: readonly (SgdAttrs | AdamAttrs)[]): Example[] {
  const shapes: Shape[] = [[0], [1], [7], [8], [9], [17], [101], [3, 5]];
  const slotShapes: Example['inputs'] = [{ shape: [hypers], from: 0.1, to: 0.9 }, { shape: [], dtype: 'int32', from: 1, to: 10 }];
  return attrs.flatMap((one) => shapes.map((shape) => example([...Array.from({ length: arrays }, () => ({ shape, from: 0.1, to: 1 })), ...slotShapes], one)));
}

/** p -= lr * g, with weight decay; the buffer, if there is one, carries the momentum. As torch.optim.SGD. */
export function sgd(p: Tensor, g: Tensor, buffer: Tensor | undefined, hyper: Tensor, step: Tensor, attrs: SgdAttrs): Tensor {
  return buffer === undefined ? record(sgdOp, [p, g, hyper, step], attrs) : record(sgdMomentumOp, [p, g, buffer, hyper, step], attrs);
}

/** One step of Adam (decoupled: AdamW). As torch.optim.Adam; source: Kingma and Ba, arXiv:1412.6980; Loshchilov and Hutter, arXiv:1711.05101. */
export function adam(p: Tensor, g: Tensor, m: Tensor, v: Tensor, hyper: Tensor, step: Tensor, attrs: AdamAttrs): Tensor {
  return record(adamOp, [p, g, m, v, hyper, step], attrs);
}

export const updateOps = [sgdOp, sgdMomentumOp, adamOp];
