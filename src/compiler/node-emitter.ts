import type { DType } from '../dtype.js';
import type { Emitter, Value } from '../ops/emitter.js';
import { reshaped, type Layout, type Order } from '../ops/layout.js';
import type { Shape } from '../shape.js';
import type { GraphNode } from './graph.js';
import type { Lowering } from './lower.js';

/** The lowering as a record's emit sees it. */
export class NodeEmitter implements Emitter {
  constructor(
    private readonly lowering: Lowering,
    private readonly node: GraphNode,
    /** The node that its instructions are known by: the last one of a group. */
    private readonly known = node.id,
  ) {}

  readonly firstRow = 0;

  get inputs(): number {
    return this.node.inputs.length;
  }

  shape(i: number): Shape {
    return this.lowering.graph.nodes[this.node.inputs[i]!]!.shape;
  }

  input(i: number, accepts?: (layout: Layout) => boolean, order?: Order): Value {
    const value = this.lowering.operand(this.node, i);
    return accepts?.(value.layout) === true ? value : this.lowering.dense(value, this.node.id, order);
  }

  output(i = 0, shape?: Shape): Value | undefined {
    const value = this.lowering.output(this.node, i);
    return value === undefined || shape === undefined ? value : reshaped(value, shape);
  }

  temporary(shape: Shape, dtype: DType): Value {
    return this.lowering.temporary(shape, dtype);
  }

  constant(value: number, dtype: DType): Value {
    return this.lowering.constant(value, dtype);
  }

  opcode(name: string): number {
    return this.lowering.native.opcode(name);
  }

  rule(name: string): number {
    return this.lowering.native.rule(name);
  }

  instruction(
    row: string,
    outputs: readonly (Value | undefined)[],
    inputs: readonly (Value | undefined)[],
    attrs: readonly number[] = [],
    cost?: number,
  ): void {
    this.lowering.push(row, outputs, inputs, attrs, cost, this.known);
  }
}
