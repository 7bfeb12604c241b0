import { AnnealError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { Parameter } from '../parameter.js';

/** The error for a tensor in memory of another session than the one that is to use it. */
export function foreignError(tensor: Tensor): AnnealError {
  const what = tensor instanceof Parameter && tensor.name !== '' ? `parameter ${tensor.name}` : 'a tensor';
  return new AnnealError(
    'ANNEAL_OTHER_SESSION',
    `[configure] ${what} is in the memory of the mode before: got one from before configure({ debug }), expected one of this mode. Call configure() before anything else, or carry the state over: loadStateDict() with arrays that were read before.`,
    { op: 'configure', shapes: [tensor.shape] },
  );
}
