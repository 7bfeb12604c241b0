// Nodes that one instruction does together.
import { COPY, type Value } from '../ops/emitter.js';
import { commonOrder, denseLayout, reshaped, sameOrder } from '../ops/layout.js';
import type { Epilogue, KernelRecord } from '../ops/record.js';
import { sizeOf } from '../shape.js';
import { EpilogueMatch, type FusionGroup } from './fuse.js';
import type { GraphNode } from './graph.js';
import type { Lowering } from './lower.js';
import { NodeEmitter } from './node-emitter.js';

/** Two kernels that one instruction does. */
export function lowerSiblings(lowering: Lowering, unit: FusionGroup): void {
  const [first, second] = unit.nodes.map((id) => lowering.graph.nodes[id]!) as [GraphNode, GraphNode];
  // Either may be needed first.
  const [other, node] = (second.op as KernelRecord<never>).siblings?.op === first.op ? [first, second] : [second, first];
  (node.op as KernelRecord<never>).siblings!.emit(new NodeEmitter(lowering, node), new NodeEmitter(lowering, other), node.attrs as never);
}

/** A kernel with what is done on its output while that is hot. */
export function lowerEpilogue(lowering: Lowering, unit: FusionGroup): void {
  const [kernel, ...after] = unit.nodes.map((id) => lowering.graph.nodes[id]!) as [GraphNode, ...GraphNode[]];
  const last = after.at(-1)!;
  const order = lowering.orderOfResult(kernel);
  // As if each was an instruction of its own: an operand in another order makes the result row-major.
  let own = order;
  let epilogue: Epilogue = {};
  const match = new EpilogueMatch(lowering.graph, kernel);
  for (const node of after) {
    const part = match.partOf(node)!;
    match.take(node, part);
    if ('activation' in part) {
      epilogue = { ...epilogue, activation: part.activation };
      continue;
    }
    const value = lowering.value(part.other.id);
    if (part.part === 'mask' || part.part === 'residual') {
      own = commonOrder([denseLayout(node.shape, own), value.layout], node.shape);
      epilogue = { ...epilogue, [part.part]: lowering.dense(value, node.id, order) };
    } else {
      epilogue = { ...epilogue, [part.part]: reshaped(lowering.dense(value, node.id), [sizeOf(value.layout.shape)]) };
    }
  }
  const result = lowering.result(last, own);
  const made = sameOrder(order, own) ? result : lowering.temporary(last.shape, last.dtype, order);
  lowering.define(kernel, made);
  (kernel.op as KernelRecord<never>).emit(new NodeEmitter(lowering, kernel, last.id), kernel.attrs as never, epilogue);
  if (made !== result) lowering.push(COPY, [result], [made], [], undefined, last.id);
}

/** A kernel that adds up one of its inputs itself. A sum that lies in another order than row-major is an instruction of its own. */
export function lowerPrologue(lowering: Lowering, unit: FusionGroup): void {
  const [sum, node] = unit.nodes.map((id) => lowering.graph.nodes[id]!) as [GraphNode, GraphNode];
  const terms = sum.inputs.map((input) => lowering.value(input));
  if (commonOrder(terms.map(({ layout }) => layout), sum.shape) !== undefined) {
    lowering.group({ nodes: [sum.id], kind: 'chain' });
    lowering.group({ nodes: [node.id], kind: 'single' });
    return;
  }
  const isRead = lowering.destinations.has(sum.id) || lowering.graph.users[sum.id]!.length > 1;
  const [a, b] = terms.map((term) => lowering.dense(term, node.id)) as [Value, Value];
  // Where nobody else reads it, only its layout is known: no instruction names it.
  const result = lowering.result(sum);
  const prologue = { terms: [a, b] as const, sum: isRead ? result : undefined };
  (node.op as KernelRecord<never>).emit(new NodeEmitter(lowering, node), node.attrs as never, undefined, prologue);
}
