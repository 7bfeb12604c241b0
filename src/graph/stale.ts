import { AnnealError, StaleTensorError } from '../errors.js';
import type { Tensor } from '../tensor.js';

/** The error for a tensor whose elements do not exist any more, asked for by `op`. */
export function staleError(op: string, tensor: Tensor): AnnealError {
  const what = tensor.op.kind === 'leaf' ? 'a tensor' : `the result of ${tensor.op.name}`;
  const details = { op, shapes: [tensor.shape] };
  if (tensor.disposed$) return new AnnealError('ANNEAL_DISPOSED', `[${op}] ${what} was disposed of, so its values are gone. Dispose of a tensor after its last use.`, details);
  return new StaleTensorError(
    `[${op}] ${what} belongs to a step that is finished, so its values are gone. Call keep() on it before the step runs, or compute it again in this step.`,
    details,
  );
}
