import type { Emitter } from './emitter.js';
import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { throughComposition } from '../graph/autodiff.js';
import { record } from '../graph/recorder.js';
import { checkOptions } from '../options.js';
import { sizeOf, type Shape } from '../shape.js';
import { describeValue } from '../describe-value.js';
import type { Tensor } from '../tensor.js';
import { add, mul, neg, sub } from './arithmetic.js';
import { checkDType, checkTensor, FLOAT, resolveAxis } from './check.js';
import { checkClassWeights, checkOrder, checkTargets, type ClassTargets } from './class-targets.js';
import { crossEntropyCost } from './costs.js';
import { example } from './examples.js';
import { gather } from './indexing.js';
import { reshaped, reshapedLayout } from './layout.js';
import { oneHot } from './take-along-axis.js';
import type { Example, KernelRecord } from './record.js';
import { sumTo } from './broadcasting.js';
import { sum } from './reductions.js';
import { logSoftmax, softmax } from './softmax.js';
import { EXPONENTIALS } from './tolerance.js';
import { permute, unsqueeze } from './views.js';

const SHAPES: readonly Shape[] = [[1, 1], [7, 10], [16, 9], [2, 3, 17], [5], [0, 4], [3, 101]];

/** All inputs have a row for each example. */
const rowByRow: NonNullable<KernelRecord['chunking']> = (inputs) => ({ cut: inputs.map(() => 'first'), result: 'rows' });

/** Likewise, but for class weights. */
const softRowByRow: NonNullable<KernelRecord<SoftAttrs>['chunking']> = (inputs, { weighted }) => ({
  cut: inputs.map((_, i) => (weighted && i === 2 ? undefined : 'first')),
  result: 'rows',
});

/** Logits and targets as the instructions take them, [N, C] and [N] or [N, C]. */
function rowsOf(e: Emitter) {
  const C = e.shape(0)[e.shape(0).length - 1]!;
  const N = sizeOf(e.shape(0)) / C;
  const targets = e.shape(1).length === e.shape(0).length ? [N, C] : [N];
  return { C, N, operands: [reshaped(e.input(0), [N, C]), reshaped(e.input(1), targets)] };
}

/** The i-th input, a number for each row, as [N] of any stride. */
function perRow(e: Emitter, i: number, N: number) {
  const value = e.input(i, (layout) => reshapedLayout(layout, [N]) !== undefined);
  return { buffer: value.buffer, layout: reshapedLayout(value.layout, [N])! };
}

const logitsExample = (shape: Shape): Example['inputs'][number] => ({ shape, from: -5, to: 5 });
const labelsExample = (shape: Shape): Example['inputs'][number] => ({ shape: shape.slice(0, -1), dtype: 'int32', from: 0, to: shape[shape.length - 1]! });

/** The examples of a loss as those of its gradient, which also takes that of the losses. */
function withFactors(examples: readonly Example[]): Example[] {
  return examples.map(({ inputs, attrs }) => example([...inputs, { shape: inputs[0]!.shape.slice(0, -1) }], attrs));
}

const plainExamples = () => SHAPES.map((shape) => example([logitsExample(shape), labelsExample(shape)]));

export const crossEntropyOp: KernelRecord = {
  name: 'crossEntropy',
  kind: 'kernel',
  indices: 'labels',
  infer: ([logits, labels]) => ({ shape: checkTargets(logits!, labels!), dtype: 'float32' }),
  emit: (e) => {
    const { C, N, operands } = rowsOf(e);
    e.instruction('cross_entropy', [e.output(0, [N])], operands, [e.firstRow], crossEntropyCost(N, C));
  },
  chunking: rowByRow,
  gradient: ([dy], node) => [record(crossEntropyGradOp, [node.inputs[0]!, node.inputs[1]!, dy]), undefined],
  saves: { inputs: [0, 1] },
  tolerance: EXPONENTIALS,
  examples: plainExamples,
};

/** (softmax(logits) - onehot(labels)) dy: one instruction with the loss, unless dy is made of the loss. */
export const crossEntropyGradOp: KernelRecord = {
  name: 'crossEntropyGrad',
  calledBy: 'crossEntropy',
  kind: 'kernel',
  indices: 'labels',
  infer: ([logits]) => ({ shape: logits!.shape, dtype: 'float32' }),
  emit: (e) => emitGradient(e, undefined),
  siblings: { op: crossEntropyOp, emit: emitGradient },
  chunking: rowByRow,
  gradient: throughComposition(([logits, labels, dy]) => mul(unsqueeze(dy!, -1), sub(softmax(logits!), certainOf(logits!, labels!)))),
  saves: { inputs: [0, 1, 2] },
  tolerance: EXPONENTIALS,
  examples: () => withFactors(plainExamples()),
};

function emitGradient(e: Emitter, loss: Emitter | undefined): void {
  const { C, N, operands } = rowsOf(e);
  e.instruction('cross_entropy', [loss?.output(0, [N]), e.output(0, [N, C])], [...operands, perRow(e, 2, N)], [e.firstRow], crossEntropyCost(N, C));
}

/** `weighted`: the third input has class weights. */
type SoftAttrs = { readonly smoothing: number; readonly weighted: boolean };

const softExamples = () => [false, true].flatMap((given) =>
  [0, 0.2].flatMap((smoothing) =>
    [false, true].flatMap((weighted) =>
      SHAPES.map((shape) => {
        const targets = given ? { shape, from: 0, to: 2 / shape[shape.length - 1]! } : labelsExample(shape);
        const weights = weighted ? [{ shape: shape.slice(-1), from: 0.5, to: 2 }] : [];
        return example([logitsExample(shape), targets, ...weights], { smoothing, weighted });
      }),
    ),
  ),
);

/** -sum_c t_c log softmax(logits)_c with t_c = w_c ((1 - smoothing) p_c + smoothing / C), p given or onehot(labels). */
export const softCrossEntropyOp: KernelRecord<SoftAttrs> = {
  name: 'softCrossEntropy',
  calledBy: 'crossEntropy',
  kind: 'kernel',
  indices: 'labels',
  infer: ([logits, targets, weights]) => {
    if (weights !== undefined) checkClassWeights('crossEntropy', weights, logits!.shape[logits!.shape.length - 1]!);
    return { shape: checkTargets(logits!, targets!), dtype: 'float32' };
  },
  emit: (e, { smoothing, weighted }) => {
    const { C, N, operands } = rowsOf(e);
    e.instruction('soft_cross_entropy', [e.output(0, [N])], [...operands, undefined, e.constant(smoothing, 'float32'), weighted ? e.input(2) : undefined], [e.firstRow], crossEntropyCost(N, C, true));
  },
  chunking: softRowByRow,
  gradient: softGradient,
  saves: { inputs: [0, 1, 2] },
  tolerance: EXPONENTIALS,
  examples: softExamples,
};

/** (softmax(logits) sum_c t_c - t) dy: one instruction with the loss, unless dy is made of the loss. */
export const softCrossEntropyGradOp: KernelRecord<SoftAttrs> = {
  name: 'softCrossEntropyGrad',
  calledBy: 'crossEntropy',
  kind: 'kernel',
  indices: 'labels',
  infer: ([logits]) => ({ shape: logits!.shape, dtype: 'float32' }),
  emit: (e, attrs) => emitSoftGradient(e, undefined, attrs),
  siblings: { op: softCrossEntropyOp, emit: emitSoftGradient },
  chunking: softRowByRow,
  gradient: throughComposition(([logits, targets, third, fourth], attrs) => {
    const [weights, dy] = attrs.weighted ? [third, fourth!] : [undefined, third!];
    const t = smoothedTargets(logits!, targets!, attrs);
    const weighted = weights === undefined ? t : mul(t, weights);
    return mul(unsqueeze(dy, -1), sub(mul(softmax(logits!), sum(weighted, { axis: -1, keepdim: true })), weighted));
  }),
  saves: { inputs: [0, 1, 2, 3] },
  tolerance: EXPONENTIALS,
  examples: () => withFactors(softExamples()),
};

function emitSoftGradient(e: Emitter, loss: Emitter | undefined, { smoothing, weighted }: SoftAttrs): void {
  const { C, N, operands } = rowsOf(e);
  const inputs = [...operands, perRow(e, weighted ? 3 : 2, N), e.constant(smoothing, 'float32'), weighted ? e.input(2) : undefined];
  e.instruction('soft_cross_entropy', [loss?.output(0, [N]), e.output(0, [N, C])], inputs, [e.firstRow], crossEntropyCost(N, C, true));
}

/** Gradient of logits by the kernel; of probabilities and class weights, where somebody learns them, composed. */
function softGradient([dy]: readonly [Tensor], { inputs }: Tensor, attrs: SoftAttrs): readonly (Tensor | undefined)[] {
  const [logits, targets, weights] = inputs as [Tensor, Tensor, Tensor?];
  const each = (): Tensor => mul(unsqueeze(dy, -1), neg(logSoftmax(logits)));
  const keep = 1 - attrs.smoothing;
  return [
    record(softCrossEntropyGradOp, [...inputs, dy], attrs),
    targets.requiresGrad ? mul(weights === undefined ? each() : mul(each(), weights), keep) : undefined,
    weights?.requiresGrad === true ? sumTo(mul(each(), smoothedTargets(logits, targets, attrs)), weights.shape) : undefined,
  ];
}

/** Targets as probabilities [.., C]. */
function certainOf(logits: Tensor, targets: Tensor): Tensor {
  return targets.dtype === 'int32' ? oneHot(targets as Tensor<Shape, 'int32'>, logits.shape[logits.shape.length - 1]!) : targets;
}

/** (1 - smoothing) p + smoothing / C. */
function smoothedTargets(logits: Tensor, targets: Tensor, { smoothing }: SoftAttrs): Tensor {
  return add(mul(certainOf(logits, targets), 1 - smoothing), smoothing / logits.shape[logits.shape.length - 1]!);
}

export interface CrossEntropyOptions {
  /** The axis of the classes. Default -1; torch's is 1. */
  readonly axis?: number | undefined;
  /** The share of each target that goes to all classes alike, in [0, 1]. Default 0. Source: Szegedy et al., arXiv:1512.00567. */
  readonly labelSmoothing?: number | undefined;
  /** Weight of each class, float32 [C]. Default: all 1. */
  readonly classWeights?: Tensor | undefined;
}

/**
 * The softmax cross-entropy of each example, in nats: L[n] = -log softmax(logits[n])[labels[n]], or of targets that are probabilities
 * L[n] = -sum_c targets[n, c] log softmax(logits[n])[c].
 * logits [.., C] float32; labels [..] int32 in [0, C), or probabilities [.., C] float32. Returns [..], stable at large logits. As
 * torch.nn.functional.cross_entropy with reduction 'none', but for the class axis.
 * Throws ShapeError, DTypeError, ArgumentError here; IndexError when the step runs and a label is out of range.
 */
export function crossEntropy<L extends Shape, T extends Shape, D extends DType>(
  logits: Tensor<L>,
  targets: Tensor<T, D> & ClassTargets<L, T, D>,
  options: CrossEntropyOptions = {},
): Tensor<Shape, 'float32'> {
  checkOptions('crossEntropy', options, ['axis', 'labelSmoothing', 'classWeights']);
  const { axis = -1, labelSmoothing = 0, classWeights } = options;
  checkOrder(logits as Tensor, targets);
  checkDType('crossEntropy', logits as Tensor, FLOAT, 'logits');
  checkTensor('crossEntropy', targets, 'targets');
  if (!(typeof labelSmoothing === 'number' && labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new ArgumentError(`[crossEntropy] labelSmoothing: got ${describeValue(labelSmoothing)}, expected a number in [0, 1].`, { op: 'crossEntropy' });
  }
  const [x, y] = classesLast(logits as Tensor, targets, axis);
  if (labelSmoothing === 0 && y.dtype !== 'float32') return weighted(record(crossEntropyOp, [x, y]), x, y, classWeights);
  const inputs = classWeights === undefined ? [x, y] : [x, y, checkClassWeights('crossEntropy', classWeights, x.shape[x.shape.length - 1]!)];
  return record(softCrossEntropyOp, inputs, { smoothing: labelSmoothing, weighted: classWeights !== undefined });
}

/** Multiplies each loss by its class weight, which without smoothing is a factor, so that the gradient needs no other kernel. */
function weighted(losses: Tensor, logits: Tensor, labels: Tensor, weights: Tensor | undefined): Tensor<Shape, 'float32'> {
  if (weights === undefined) return losses as Tensor<Shape, 'float32'>;
  const C = logits.shape[logits.shape.length - 1]!;
  return mul(losses, gather(checkClassWeights('crossEntropy', weights, C), labels as Tensor<Shape, 'int32'>)) as Tensor<Shape, 'float32'>;
}

function classesLast(logits: Tensor, targets: Tensor, axis: number): [logits: Tensor, targets: Tensor] {
  const rank = logits.shape.length;
  if (axis === -1 || axis === rank - 1) return [logits, targets];
  const at = resolveAxis('crossEntropy', axis, logits.shape);
  const order = [...logits.shape.map((_, d) => d).filter((d) => d !== at), at];
  return [permute(logits, order), targets.shape.length === rank ? permute(targets, order) : targets];
}

export const crossEntropyOps = {
  crossEntropy: crossEntropyOp,
  crossEntropyGrad: crossEntropyGradOp,
  softCrossEntropy: softCrossEntropyOp,
  softCrossEntropyGrad: softCrossEntropyGradOp,
};
