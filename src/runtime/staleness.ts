// What a step makes of tensors that depend on what it changed: they belong to a step that is finished, and a later one refuses them.
import { StaleTensorError } from '../errors.js';
import { staleError } from '../graph/stale.js';
import { postOrder } from '../graph/walk.js';
import { Parameter } from '../parameter.js';
import type { Tensor } from '../tensor.js';
import type { Request } from './request.js';
import { Session } from './session.js';

const NO_INPUTS: readonly Tensor[] = [];

/** Retires the nodes of a request that depend on what changed at `version`. */
export function retireChanged(request: Request, nodes: readonly Tensor[], version: number): void {
  for (const node of nodes.some(isCutOff) ? everythingBehind(request) : nodes) if (node.inputs.length > 0 && hasChanged(node, version)) retire(node);
}

/** Throws StaleTensorError for a node whose step is finished, or that was recorded before one of its operands changed. */
export function checkFresh(node: Tensor): void {
  if (node.stale) throw staleError(node.op.name, node);
  // Its elements are those of then, and no gradient goes through it to its operands.
  if (node.storage$ !== undefined && !node.requiresGrad) return;
  for (const input of node.inputs) {
    if (input.version$ <= node.recordedVersion) continue;
    const what = input instanceof Parameter && input.name !== '' ? `parameter ${input.name}` : 'a parameter';
    throw new StaleTensorError(
      `[${node.op.name}] was recorded before ${what} changed, so it would show another step's numbers. ` +
        `Read it before the step runs, call keep() on it, or compute it again.`,
      { op: node.op.name, shapes: [node.shape] },
    );
  }
}

/** Returns whether the walk to the request's nodes did not go further here, because this one is in native memory already. */
function isCutOff(node: Tensor): boolean {
  return node.storage$ !== undefined && node.inputs.length > 0;
}

function everythingBehind({ losses, outputs }: Request): Tensor[] {
  return postOrder([...losses, ...outputs.map(({ tensor }) => tensor)], (node) => node.inputs);
}

/** Returns whether a node depends on what changed at `time`, and marks it. Nodes come operands first. */
function hasChanged(node: Tensor, time: number): boolean {
  for (const input of node.inputs) {
    if (input.version$ !== time) continue;
    node.version$ = time;
    return true;
  }
  return false;
}

/** The step of this node has run: unless it is kept, its elements are gone, and the graph behind it is not needed any more. */
function retire(node: Tensor): void {
  node.inputs = NO_INPUTS;
  if (node.kept$ && node.storage$ !== undefined) return;
  node.stale = true;
  if (node.storage$ === undefined || node.kept$) return;
  Session.release(node.storage$);
  node.storage$ = undefined;
}
