import { isResolved, pendingOutputs, resumeOutputs, suspendOutputs } from '../graph/pending-outputs.js';
import { nothingSuspended } from '../graph/suspended-outputs.js';
import { allOutputs, postOrder } from '../graph/walk.js';
import { sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Output, Request } from './request.js';

/**
 * The user's scalars and kept tensors that a step must deliver: its losses, and those that depend on leaves which change. These are asked for
 * where they are needed only: optimizers have thousands. What depends on them through `lasting` values, which will be stored, can wait.
 */
export function pendingOutputsFor(losses: readonly Tensor[], changes: () => readonly Tensor[], lasting: ReadonlySet<Tensor> = NOTHING_LASTS): Tensor[] {
  if (!nothingSuspended()) resumeOutputs(changes());
  const waiting = pendingOutputs().filter((tensor) => !isResolved(tensor));
  const others = waiting.filter((tensor) => !losses.includes(tensor));
  if (others.length === 0) return waiting;
  const dependent = dependents(others, changes(), lasting);
  suspendOutputs(others.filter((tensor) => !dependent.has(tensor)));
  return waiting.filter((tensor) => losses.includes(tensor) || dependent.has(tensor));
}

/** Places in which a step leaves what it has to deliver, each once. A node of several outputs is kept whole: none of them can be computed anew without the others. */
export function outputsFor(pending: readonly Tensor[], watched: readonly Tensor[]): Output[] {
  const tensors = [...pending, ...watched.filter((tensor, i) => !isResolved(tensor) && !pending.includes(tensor) && watched.indexOf(tensor) === i)];
  const count = { scalar: 0, view: 0, storage: 0 };
  const outputs = tensors.map((tensor): Output => {
    const to = tensor.kept$ ? 'storage' : tensor.dtype === 'float32' && sizeOf(tensor.shape) === 1 ? 'scalar' : 'view';
    return { tensor, destination: { to, index: count[to]++ } };
  });
  if (count.storage === 0) return outputs;
  const whole = new Set(tensors.filter(({ kept$ }) => kept$).flatMap(outputsOfSeveral));
  for (const tensor of whole) if (!tensor.kept$ && tensor.storage$ === undefined) outputs.push({ tensor, destination: { to: 'storage', index: count.storage++ } });
  return outputs;
}

function outputsOfSeveral(tensor: Tensor): readonly Tensor[] {
  const outputs = allOutputs(tensor);
  return outputs.length > 1 ? outputs : NONE;
}

const NONE: readonly Tensor[] = [];

/** Returns whether nothing is asked of this step but what every repetition gives anew. Gradients that wait in accumulators are consumed by the first. */
export function mayRepeat({ outputs, accumulations, updates, scale }: Request, watched: readonly Tensor[]): boolean {
  return (
    accumulations.length === 0 &&
    scale === undefined &&
    updates.every(({ accumulator }) => accumulator === undefined) &&
    outputs.every(({ tensor, destination }) => watched.includes(tensor) && destination.to !== 'storage')
  );
}

/** The nodes behind and among `roots` that depend on what changes. One walk: a model may have a scalar for each of its tensors. */
function dependents(roots: readonly Tensor[], changing: readonly Tensor[], lasting: ReadonlySet<Tensor>): ReadonlySet<Tensor> {
  const found = new Set(changing);
  for (const node of postOrder(roots, everyInput)) if (!lasting.has(node) && node.inputs.some((input) => found.has(input))) found.add(node);
  return found;
}

const NOTHING_LASTS: ReadonlySet<Tensor> = new Set();

const everyInput = (node: Tensor): readonly Tensor[] => node.inputs;
