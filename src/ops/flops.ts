import { withoutTracking } from '../graph/recorder.js';
import { sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';

/**
 * The floating-point operations that a node stands for: what its record says; else one for each element that a pointwise op, or a kernel,
 * gives, or that a reduction reads. A function such as exp counts as one. Nothing for views, random numbers and what comes from outside.
 */
export function flopsOf(node: Tensor): number {
  const { op } = node;
  switch (op.kind) {
    case 'contraction':
    case 'kernel':
      return op.flops?.(node.inputs, node) ?? sizeOf(node.shape);
    case 'pointwise':
      return sizeOf(node.shape);
    case 'reduction':
      return sizeOf(node.inputs[0]!.shape);
    case 'composite':
      return ofComposition(node);
    case 'view':
    case 'random':
    case 'effect':
    case 'leaf':
    case 'output':
      return 0;
  }
}

function ofComposition(node: Tensor): number {
  const { op, inputs, attrs } = node;
  if (op.kind !== 'composite') return 0;
  const seen = new Set<Tensor>(inputs);
  const waiting = [withoutTracking(() => op.decompose(inputs, attrs as never))].flat();
  let flops = 0;
  while (waiting.length > 0) {
    const inner = waiting.pop()!;
    if (seen.has(inner)) continue;
    seen.add(inner);
    flops += flopsOf(inner);
    waiting.push(...inner.inputs);
  }
  return flops;
}
