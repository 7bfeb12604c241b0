import { gradientsEnabled } from '../graph/recorder.js';
import { allOutputs, postOrder } from '../graph/walk.js';
import type { Tensor } from '../tensor.js';

/**
 * The nodes whose values a read in the middle of a step keeps, so that the step does not compute them again: what the
 * gradient rules behind `tensor` say they read, and the tensor itself. Of what recompute() has recorded, they are what came into it.
 */
export function savedValues(tensor: Tensor): Tensor[] {
  if (!tensor.requiresGrad || !gradientsEnabled() || tensor.inputs.length === 0) return [];
  const saved = new Set<Tensor>();
  const save = (read: Tensor | undefined): void => {
    let node = read;
    // Of a view, what it shows: stored by itself it would have other strides, and so another order of summation.
    while (node?.op.kind === 'view' && node.storage$ === undefined) node = node.inputs[0];
    // An operand that a rule reads may be left out.
    if (node === undefined || node.inputs.length === 0 || node.storage$ !== undefined) return;
    for (const output of allOutputs(node)) saved.add(output);
  };
  for (const node of postOrder([tensor], (n) => (n.storage$ === undefined ? n.inputs : []))) {
    if (node.storage$ !== undefined) continue;
    const outermost = node.region$?.outermost;
    if (outermost !== undefined) {
      for (const input of node.inputs) if (!outermost.contains(input.region$)) save(input);
      continue;
    }
    if (!node.requiresGrad) continue;
    const { saves } = node.op;
    if (saves?.outputs !== undefined) save(node);
    for (const i of saves?.inputs ?? []) save(node.inputs[i]);
  }
  return [...saved];
}
