// Notices from the recorded graph that outputs come straight from an activation that the loss applies itself.
import { ArgumentError } from '../errors.js';
import { sigmoidOp } from '../ops/activations.js';
import type { OpRecord } from '../ops/record.js';
import { logSoftmaxOp, softmaxOp } from '../ops/softmax.js';
import { showShape } from '../shape.js';
import type { Tensor } from '../tensor.js';

export interface OutputOptions {
  /** True: outputs that come straight from softmax or sigmoid are refused where the loss wants none before it. Default true. */
  readonly checkOutputs?: boolean | undefined;
}

export const OUTPUT_OPTIONS = ['checkOutputs'] as const;

type Activation = 'softmax' | 'logSoftmax' | 'sigmoid';

const ACTIVATIONS: readonly (readonly [OpRecord, Activation])[] = [
  [softmaxOp, 'softmax'],
  [logSoftmaxOp, 'logSoftmax'],
  [sigmoidOp, 'sigmoid'],
];

/** The activation whose result `tensor` is, as it is or seen in another layout. */
export function activationOf(tensor: Tensor): Activation | undefined {
  let at = tensor;
  while (at.op.kind === 'view' && at.inputs.length > 0) at = at.inputs[0]!;
  return ACTIVATIONS.find(([op]) => op === at.op)?.[1];
}

/** Advice for each activation that a loss does not want before it. */
export type Refused = { readonly [A in Activation]?: string };

/** Throws where `outputs` come from an activation that is refused: legal, and almost always a mistake. `what` names them. */
export function checkProducer(op: string, outputs: Tensor, expected: string, refused: Refused, { checkOutputs = true }: OutputOptions, what = 'the outputs'): void {
  if (!checkOutputs) return;
  const activation = activationOf(outputs);
  const advice = activation && refused[activation];
  if (advice === undefined) return;
  throw new ArgumentError(`[${op}] ${what} have been through ${activation}: got its result ${showShape(outputs.shape)}, expected ${expected}. ${advice} If it is meant: { checkOutputs: false }.`, {
    op,
    shapes: [outputs.shape],
  });
}

const OWN = (activation: string): string => `This loss applies ${activation} itself, so the model ends without; take it where probabilities are wanted, after predict().`;

/** Before losses of classes that exclude each other. */
export const NO_SOFTMAX: Refused = {
  softmax: OWN('softmax'),
  logSoftmax: `${OWN('softmax')} After logSoftmax comes losses.negativeLogLikelihood.`,
  sigmoid: `${OWN('softmax')} For classes that do not exclude each other take losses.binaryCrossEntropy, without a sigmoid before.`,
};

/** Before losses that apply a sigmoid. */
export const NO_SIGMOID: Refused = {
  sigmoid: OWN('sigmoid'),
  softmax: `${OWN('sigmoid')} For classes that exclude each other take losses.crossEntropy, without softmax before.`,
  logSoftmax: `${OWN('sigmoid')} For classes that exclude each other take losses.crossEntropy, without logSoftmax before.`,
};

/** Before losses of logarithms of probabilities. */
export const LOGARITHMS: Refused = {
  softmax: 'Take logSoftmax instead.',
  sigmoid: 'Take logSoftmax instead.',
};
