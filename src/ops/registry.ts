import { accumulateOps } from './accumulate.js';
import { activationOps } from './activations.js';
import { arithmeticOps } from './arithmetic.js';
import { attentionOps } from './attention.js';
import { augmentationOps } from './augmentation.js';
import { batchNormInferenceOps } from './batch-norm-inference.js';
import { binaryCrossEntropyOps } from './binary-cross-entropy.js';
import { boundsOps } from './bounds.js';
import { broadcastingOps } from './broadcasting.js';
import { cachedAttentionOps } from './cached-attention.js';
import { castOps } from './cast.js';
import { clippingOps } from './clipping.js';
import { coalesceOps } from './coalesce.js';
import { compareOps } from './compare.js';
import { constructorOps } from './constructors.js';
import { contractionOps } from './contraction.js';
import { crossEntropyOps } from './cross-entropy.js';
import { ctcOps } from './ctc.js';
import { embeddingOps } from './embedding.js';
import { embeddingBagOps } from './embedding-bag.js';
import { renormOps } from './renorm-rows.js';
import { exponentialOps } from './exponential.js';
import { convolutionOps } from './convolution.js';
import { gatedOps } from './gated.js';
import { indexingOps } from './indexing.js';
import { joiningOps } from './joining.js';
import { leafOps } from './leaf.js';
import { lstmCellOps } from './lstm-cell.js';
import { adaptivePoolingOps } from './adaptive-pooling.js';
import { lpPoolingOps } from './lp-pooling.js';
import { maxPoolingOps } from './max-pooling.js';
import { normalizationOps } from './normalization.js';
import { maxUnpoolingOps } from './max-unpooling.js';
import { padOps } from './pad.js';
import { pixelShuffleOps } from './pixel-shuffle.js';
import { poolingOps } from './pooling.js';
import { randomOps } from './random.js';
import { recomputeOps } from './recompute-operand.js';
import type { OpRecord } from './record.js';
import { reductionOps } from './reductions.js';
import { requireDomainOps } from './require-domain.js';
import { requireFiniteOps } from './require-finite.js';
import { rotaryOps } from './rotary.js';
import { slicingOps } from './slicing.js';
import { resampleOps } from './resample.js';
import { softmaxFamilyOps } from './softmax.js';
import { storeOps } from './store.js';
import { takeAlongOps } from './take-along-axis.js';
import { updateOps } from './updates.js';
import { updateRowsOps } from './update-rows.js';
import { viewOps } from './views.js';
import { whereOps } from './where.js';

/**
 * Every op by its name, a closed set: nothing else becomes a node of a graph, but for users' own compositions (defineOp). Each family lists its
 * ops in its own file. Tests, benches and documentation go through them; the compiler reads the records' properties, never their names.
 */
export const ops = {
  ...leafOps,
  ...arithmeticOps,
  ...exponentialOps,
  ...activationOps,
  ...gatedOps,
  ...compareOps,
  ...whereOps,
  ...boundsOps,
  ...castOps,
  ...contractionOps,
  ...broadcastingOps,
  ...reductionOps,
  ...viewOps,
  ...slicingOps,
  ...joiningOps,
  ...indexingOps,
  ...coalesceOps,
  ...embeddingOps,
  ...embeddingBagOps,
  ...renormOps,
  ...rotaryOps,
  ...takeAlongOps,
  ...softmaxFamilyOps,
  ...crossEntropyOps,
  ...binaryCrossEntropyOps,
  ...ctcOps,
  ...convolutionOps,
  ...normalizationOps,
  ...batchNormInferenceOps,
  ...attentionOps,
  ...cachedAttentionOps,
  ...lstmCellOps,
  ...poolingOps,
  ...maxPoolingOps,
  ...maxUnpoolingOps,
  ...lpPoolingOps,
  ...adaptivePoolingOps,
  ...resampleOps,
  ...padOps,
  ...pixelShuffleOps,
  ...randomOps,
  ...recomputeOps,
  ...augmentationOps,
  ...constructorOps,
  ...clippingOps,
  ...requireDomainOps,
  ...requireFiniteOps,
  ...storeOps,
  ...accumulateOps,
  ...updateOps,
  ...updateRowsOps,
} satisfies { readonly [name: string]: OpRecord };

export type OpName = keyof typeof ops;

/** Every op, to go through. */
export const everyOp: readonly OpRecord[] = Object.values(ops);
