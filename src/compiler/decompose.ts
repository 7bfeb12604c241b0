import { deferring } from '../graph/recorder.js';
import type { CompositeRecord, OpRecord } from '../ops/record.js';
import { postOrder } from '../graph/walk.js';
import { Tensor } from '../tensor.js';
import { sameShape } from '../shape.js';

/** Operands that compute a node; none for one whose elements are already in native memory. */
export function operandsOf(node: Tensor): readonly Tensor[] {
  return node.storage$ === undefined ? node.inputs : [];
}

/**
 * Pass: replaces composite nodes by their decompositions and drops operations that change nothing. `whole`: what has instructions of its own
 * keeps them, though it could be decomposed.
 */
export function decompose(roots: readonly Tensor[], whole: boolean): Tensor[] {
  const expanded = new Map<Tensor, Tensor>();
  const compositions = new Map<Tensor, readonly Tensor[]>();
  const visit = (tops: readonly Tensor[]): void => {
    for (const node of postOrder(tops, (n) => (expanded.has(n) ? [] : operandsOf(n)))) {
      if (expanded.has(node)) continue;
      const rewritten = rewrite(node, whole, expanded, compositions, visit);
      expanded.set(node, rewritten);
      // What it becomes stays as it is: a decomposition of something that reads it need not walk through it again.
      expanded.set(rewritten, rewritten);
    }
  };
  visit(roots);
  return roots.map((root) => expanded.get(root)!);
}

/** Returns whether an op is to be compiled as what it decomposes to. */
function isComposed(op: OpRecord, whole: boolean): op is CompositeRecord<never, never> {
  return op.kind === 'composite' || (!whole && 'decompose' in op && op.decompose !== undefined);
}

function rewrite(node: Tensor, whole: boolean, expanded: Map<Tensor, Tensor>, compositions: Map<Tensor, readonly Tensor[]>, visit: (tops: readonly Tensor[]) => void): Tensor {
  if (node.op.kind === 'leaf' || node.storage$ !== undefined) return node;
  const inputs = node.inputs.map((input) => expanded.get(input)!);
  const op = node.op;
  if (isComposed(op, whole)) {
    const outputs = [deferring(() => op.decompose(inputs, node.attrs as never))].flat();
    visit(outputs);
    compositions.set(node, outputs);
    return expanded.get(outputs[0]!)!;
  }
  if (op.kind === 'output') {
    const composed = compositions.get(node.inputs[0]!)?.[Number(node.attrs!['index'])];
    if (composed !== undefined) return expanded.get(composed)!;
  }
  if (op.kind === 'pointwise' && op.identity === 1) {
    const other = inputs.findIndex(({ op: operand }) => operand.kind === 'leaf' && operand.constant === 1);
    const kept = inputs[1 - other];
    if (other >= 0 && kept !== undefined && sameShape(kept.shape, node.shape)) return kept;
  }
  if (inputs.every((input, i) => input === node.inputs[i])) return node;
  const copy = new Tensor(op, inputs, node.attrs, { shape: node.shape, dtype: node.dtype, more: node.more }, false, node.recordedVersion);
  return copy;
}
