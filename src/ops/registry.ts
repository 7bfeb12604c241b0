import { activationOps } from './activations.js';
import { arithmeticOps } from './arithmetic.js';
import { boundsOps } from './bounds.js';
import { broadcastingOps } from './broadcasting.js';
import { binaryCrossEntropyOp } from './binary-cross-entropy.js';
import { castOps } from './cast.js';
import { clippingOps } from './clipping.js';
import { compareOps } from './compare.js';
import { constructorOps } from './constructors.js';
import { contractionOps } from './contraction.js';
import { crossEntropyOps } from './cross-entropy.js';
import { ctcOps } from './ctc.js';
import { exponentialOps } from './exponential.js';
import { indexingOps } from './indexing.js';
import { joiningOps } from './joining.js';
import { takeAlongOps } from './take-along-axis.js';
import { randomOps } from './random.js';
import type { OpRecord } from './record.js';
import { lstmCellOp } from './lstm-cell.js';
import { reductionOps } from './reductions.js';
import { slicingOps } from './slicing.js';
import { softmaxFamily } from './softmax.js';
import { updateOps } from './updates.js';
import { viewOps } from './views.js';
import { whereOps } from './where.js';

/** Every op. Tests, benches and documentation go through it; the compiler reads the records' properties, never their names. */
export const registry: readonly OpRecord[] = [
  ...arithmeticOps,
  ...exponentialOps,
  ...activationOps,
  ...compareOps,
  ...whereOps,
  ...boundsOps,
  ...broadcastingOps,
  ...slicingOps,
  ...castOps,
  ...contractionOps,
  ...reductionOps,
  ...viewOps,
  ...joiningOps,
  ...indexingOps,
  ...takeAlongOps,
  ...softmaxFamily,
  ...crossEntropyOps,
  binaryCrossEntropyOp,
  ...ctcOps,
  lstmCellOp,
  ...randomOps,
  ...constructorOps,
  ...clippingOps,
  ...updateOps,
];
