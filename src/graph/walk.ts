import type { Tensor } from '../tensor.js';

/** All outputs of a tensor's node, the first one first. */
export function allOutputs(tensor: Tensor): readonly Tensor[] {
  const node = tensor.op.kind === 'output' && tensor.inputs.length > 0 ? tensor.inputs[0]! : tensor;
  return node.outputs$ === undefined ? [node] : [node, ...node.outputs$];
}

/** The operands of a tensor as a walk back sees them: what was computed again is what it stands for. */
export function originalInputs({ inputs }: Tensor): readonly Tensor[] {
  return inputs.some((input) => input.original$ !== undefined) ? inputs.map((input) => input.original$ ?? input) : inputs;
}

let walks = 0;

/** Marks a new walk: nodes carry the number of the last walk that met them, so no set has to be filled and emptied. */
export function beginWalk(): number {
  return ++walks;
}

/**
 * The nodes that `roots` depend on, operands before results, each once; `operands` says which inputs to follow.
 * Leaves number$ of each node at its position. Iterative: a graph may be deeper than the stack.
 */
export function postOrder(roots: readonly Tensor[], operands: (node: Tensor) => readonly Tensor[]): Tensor[] {
  const order: Tensor[] = [];
  extendOrder(order, beginWalk(), roots, operands);
  return order;
}

/** Appends what further roots depend on to the order of a walk, since whose begin no other one has begun. */
export function extendOrder(order: Tensor[], walk: number, roots: readonly Tensor[], operands: (node: Tensor) => readonly Tensor[]): void {
  // The nodes above the present one, their operands, and how many of these have been looked at.
  const path: Tensor[] = [];
  const operandsOf: (readonly Tensor[])[] = [];
  const counts: number[] = [];
  for (const root of roots) {
    if (root.walk$ === walk) continue;
    root.walk$ = walk;
    let node = root;
    let inputs = node.inputs.length === 0 ? node.inputs : operands(node);
    let i = 0;
    for (;;) {
      if (i < inputs.length) {
        const input = inputs[i++]!;
        if (input.walk$ === walk) continue;
        input.walk$ = walk;
        if (input.inputs.length === 0) {
          input.number$ = order.length;
          order.push(input);
          continue;
        }
        path.push(node);
        operandsOf.push(inputs);
        counts.push(i);
        node = input;
        inputs = operands(node);
        i = 0;
      } else {
        node.number$ = order.length;
        order.push(node);
        if (path.length === 0) break;
        node = path.pop()!;
        inputs = operandsOf.pop()!;
        i = counts.pop()!;
      }
    }
  }
}
