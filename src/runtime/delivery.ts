import { dropResolved, isResolved } from '../graph/pending-outputs.js';
import { sizeOf } from '../shape.js';
import type { PromisedValue, Value } from '../tensor-text.js';
import type { Tensor } from '../tensor.js';
import type { Results } from './plan.js';
import type { Request } from './request.js';

/** Gives tensors the new storages that they were computed in. */
export function takeStorages({ outputs }: Request, { storages }: Results): void {
  for (const { tensor, destination } of outputs) if (destination.to === 'storage') tensor.storage$ = storages[destination.index]!;
}

/** Tells tensors where the results of a request are from now on. */
export function deliver(request: Request, results: Results, done: Promise<void> | undefined): void {
  takeStorages(request, results);
  for (const { tensor, destination } of request.outputs) {
    if ((destination.to === 'scalar' || destination.to === 'view') && sizeOf(tensor.shape) === 1) tensor.value$ = valueOf(results, destination, done);
  }
}

/** Makes the reading of what a failed request was to deliver reject with the error. */
export function refuse({ outputs }: Request, error: Error): void {
  for (const { tensor } of outputs) {
    tensor.value$ = () => Promise.reject(error);
    tensor.storage$ = undefined;
    tensor.stale = true;
  }
  dropResolved(isResolved);
}

/** Makes a number of a scalar without gradients that has been read: no step has to compute it again. */
export function cacheScalar(tensor: Tensor, value: number): void {
  if (tensor.op.kind !== 'leaf') tensor.value$ = value;
}

function valueOf(results: Results, { to, index }: { to: 'scalar' | 'view'; index: number }, done: Promise<void> | undefined): Value {
  const values = to === 'scalar' ? results.scalars : results.arrays[index]!;
  const at = to === 'scalar' ? index : 0;
  if (done === undefined) return values[at]!;
  const value: PromisedValue = () => done.then(() => values[at]!);
  let ready = false;
  value.now = () => (ready ? values[at] : undefined);
  done.then(() => (ready = true), ignore);
  return value;
}

function ignore(): void {}
