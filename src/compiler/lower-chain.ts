import { elementwiseCost } from '../ops/costs.js';
import { COPY, ELEMENTWISE, elementwiseAttrs, type Value } from '../ops/emitter.js';
import { broadcastTo, commonOrder, denseLayout, inOrder, sameOrder, type Layout, type Order } from '../ops/layout.js';
import type { PointwiseRecord } from '../ops/record.js';
import { sizeOf } from '../shape.js';
import type { FusionGroup } from './fuse.js';
import type { GraphNode } from './graph.js';
import type { Lowering } from './lower.js';

/** A chain as one elementwise program: inputs are broadcast by strides of 0, intermediate values stay in registers. */
export function lowerChain(lowering: Lowering, unit: FusionGroup): void {
  const nodes = unit.nodes.map((id) => lowering.graph.nodes[id]!);
  const shape = nodes[0]!.shape;
  const inside = new Set(unit.nodes);
  const externals = [...new Set(nodes.flatMap((node) => node.inputs.filter((input) => !inside.has(input))))];
  const register = new Map<number, number>();
  externals.forEach((id, i) => register.set(id, i));
  nodes.forEach((node, i) => register.set(node.id, externals.length + i));
  const opcodes = nodes.map((node) => ({
    opcode: lowering.native.opcode((node.op as PointwiseRecord<never>).opcode),
    operands: node.inputs.map((input) => register.get(input)!),
  }));
  const outputs = nodes.filter((node) => lowering.destinations.has(node.id) || lowering.graph.users[node.id]!.some((user) => !inside.has(user)));
  const inputs = externals.map((id) => broadcastTo(lowering.value(id), shape));
  const orders = ordersInside(lowering, nodes);
  const order = orders.get(outputs.at(-1)!.id);
  // In the chain's own order, the instruction's results are row-major. What is to have another is copied from there.
  const copies: (() => void)[] = [];
  const results = outputs.map((node) => {
    const own = orders.get(node.id);
    const result = lowering.result(node, own);
    if (sameOrder(order, own)) return result;
    const inChain = lowering.temporary(shape, node.dtype, order);
    copies.push(() => lowering.push(COPY, [result], [inChain], [], undefined, node.id));
    return inChain;
  });
  const seen = (value: Value): Value => (order === undefined ? value : { buffer: value.buffer, layout: inOrder(value.layout, order) });
  lowering.push(
    ELEMENTWISE,
    results.map(seen),
    inputs.map(seen),
    elementwiseAttrs(
      opcodes,
      outputs.map((node) => register.get(node.id)!),
    ),
    elementwiseCost(sizeOf(shape), nodes.length, inputs.length + outputs.length),
    nodes[nodes.length - 1]!.id,
  );
  for (const copy of copies) copy();
}

/** The order of each of a chain's nodes, as if it was alone; row-major for one that nobody reads but an array or a leaf, which are. */
function ordersInside(lowering: Lowering, nodes: readonly GraphNode[]): ReadonlyMap<number, Order | undefined> {
  const inside = new Map<number, Layout>();
  const orders = new Map<number, Order | undefined>();
  for (const { id, shape, inputs } of nodes) {
    const order = commonOrder(inputs.map((input) => inside.get(input) ?? lowering.value(input).layout), shape);
    const isKept = lowering.graph.users[id]!.length > 0 || lowering.destinations.get(id)?.some(({ to }) => to === 'storage') === true;
    orders.set(id, isKept ? order : undefined);
    inside.set(id, denseLayout(shape, order));
  }
  return orders;
}
