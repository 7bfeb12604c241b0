import { ArgumentError } from '../errors.js';
import { checkCount } from '../ops/check.js';
import * as ops from '../ops/index.js';
import { checkChoice, checkFlags, checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import { checkProbability } from './dropout.js';
import { LayerNorm, RMSNorm } from './layer-norm.js';
import { checkHeads, type MultiheadAttentionOptions } from './multihead-attention.js';

/** Activations between the two linear layers. */
const ACTIVATIONS: Readonly<Record<TransformerActivation, { readonly apply: (x: Tensor) => Tensor; readonly halves?: true }>> = {
  relu: { apply: (x) => ops.relu(x) },
  gelu: { apply: (x) => ops.gelu(x) },
  geluTanh: { apply: (x) => ops.gelu(x, { approximate: 'tanh' }) },
  silu: { apply: (x) => ops.silu(x) },
  swiglu: { apply: (x) => ops.swiglu(x), halves: true },
  geglu: { apply: (x) => ops.geglu(x), halves: true },
};

export type TransformerActivation = 'relu' | 'gelu' | 'geluTanh' | 'silu' | 'swiglu' | 'geglu';

export interface TransformerLayerOptions extends Pick<MultiheadAttentionOptions, 'numKvHeads' | 'isCausal' | 'rotary' | 'alibi'> {
  /** Features between the two linear layers. Default 2048. */
  readonly dimFeedforward?: number | undefined;
  /** Probability of dropout: of the attention's weights, behind the activation, and behind each part. Default 0.1. */
  readonly dropout?: number | undefined;
  /** Activation between the two linear layers; 'swiglu' and 'geglu' give the first one twice dimFeedforward. Default 'relu'. */
  readonly activation?: TransformerActivation | undefined;
  /** Norm of the features. Default 'layerNorm'. */
  readonly norm?: 'layerNorm' | 'rmsNorm' | undefined;
  /** Number added to the variance. Default 1e-5. */
  readonly layerNormEps?: number | undefined;
  /** True: norms stand before each part, and the residual passes by. False: behind the sum, as in the paper. Default false. */
  readonly normFirst?: boolean | undefined;
  /** Switch for all biases, those of layer norms too. Default true. */
  readonly bias?: boolean | undefined;
}

export interface TransformerStackOptions {
  /** True: what a layer computes is not kept for the backward pass, but computed again there, layer by layer; see recompute(). Default false. */
  readonly recompute?: boolean | undefined;
}

const KNOWN = ['dimFeedforward', 'dropout', 'activation', 'norm', 'layerNormEps', 'normFirst', 'bias', 'numKvHeads', 'isCausal', 'rotary', 'alibi'];

/** Parts that encoder and decoder layers are made of, with defaults put in. Throws ArgumentError for options that are wrong. */
export function partsOf(op: string, dModel: number, nhead: number, options: TransformerLayerOptions, isCausalByDefault: boolean) {
  checkOptions(op, options, KNOWN);
  checkFlags(op, options, ['normFirst', 'bias', 'isCausal', 'alibi']);
  checkHeads(op, 'dModel', dModel, nhead);
  const { dimFeedforward = 2048, dropout = 0.1, activation = 'relu', norm = 'layerNorm', layerNormEps = 1e-5, normFirst = false, bias = true, numKvHeads, isCausal = isCausalByDefault, rotary, alibi } = options;
  checkCount(op, 'dimFeedforward', dimFeedforward);
  checkProbability(op, 'dropout', dropout);
  checkChoice(op, 'activation', activation, Object.keys(ACTIVATIONS));
  checkChoice(op, 'norm', norm, ['layerNorm', 'rmsNorm']);
  if (typeof layerNormEps !== 'number') throw new ArgumentError(`[${op}] layerNormEps: got ${String(layerNormEps)}, expected a number.`, { op });
  return {
    attention: { dropout, bias, numKvHeads, isCausal, rotary, alibi } satisfies MultiheadAttentionOptions,
    hidden: dimFeedforward * (ACTIVATIONS[activation].halves === true ? 2 : 1),
    dimFeedforward,
    dropout,
    bias,
    normFirst,
    activate: ACTIVATIONS[activation].apply,
    norm: (): LayerNorm<number> | RMSNorm<number> => (norm === 'rmsNorm' ? new RMSNorm(dModel, { eps: layerNormEps }) : new LayerNorm(dModel, { eps: layerNormEps, bias })),
  };
}

export type TransformerNorm = LayerNorm<number> | RMSNorm<number>;

/** x and what `part` makes of it: normalised before, or behind the sum. */
export function residual(x: Tensor, norm: TransformerNorm, normFirst: boolean, part: (x: Tensor) => Tensor): Tensor {
  const normed = (input: Tensor): Tensor => norm.forward(input as never) as Tensor;
  return normFirst ? (ops.add(x, part(normed(x))) as Tensor) : normed(ops.add(x, part(x)) as Tensor);
}
