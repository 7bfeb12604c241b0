import { elementBytes, type BufferDType, type DType } from '../dtype.js';
import { bytesCost } from '../ops/costs.js';
import { denseLayout, isDense, isDenseIn, type Order, orderOf } from '../ops/layout.js';
import type { OpRecord } from '../ops/record.js';
import { sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { COPY, type Value } from '../ops/emitter.js';
import { chunkedWith } from './chunk.js';
import type { FusionGroup } from './fuse.js';
import { isLeaf, type Destination, type Graph, type GraphNode } from './graph.js';
import type { Buffer, BufferOrigin, Instruction, Lowered } from './instructions.js';
import { lowerChain } from './lower-chain.js';
import { lowerChunks } from './lower-chunks.js';
import { lowerEpilogue, lowerPrologue, lowerSiblings } from './lower-joined.js';
import { NodeEmitter } from './node-emitter.js';

/** Numbers of the native side that lowering has to know. */
export interface NativeRows {
  /** Number of an opcode of native/kernels/pointwise/opcodes.def. */
  opcode(name: string): number;
  /** Number of a rule of native/kernels/update/rules.def. */
  rule(name: string): number;
}

/** Pass: units to instructions over buffers; views become strides, and copies where a kernel cannot take the strides. */
export function lower(graph: Graph, units: readonly FusionGroup[], native: NativeRows): Lowered {
  const lowering = new Lowering(graph, native);
  const isEffect = ({ nodes }: FusionGroup): boolean => graph.nodes[nodes[0]!]!.op.kind === 'effect';
  for (const unit of units) if (!isEffect(unit)) lowering.group(unit);
  lowering.deliver();
  for (const unit of units) if (isEffect(unit)) lowering.group(unit);
  lowering.overwrite();
  return { buffers: lowering.buffers, instructions: lowering.instructions };
}

export class Lowering {
  readonly buffers: Buffer[] = [];
  readonly instructions: Instruction[] = [];
  private readonly values = new Map<number, Value>();
  private readonly constants = new Map<string, Value>();
  readonly destinations = new Map<number, Destination[]>();
  /** The nodes that read outputs behind the first, by node and index. */
  private readonly outputNodes = new Map<string, GraphNode>();
  private readonly leaves = new Set<Tensor>();
  /** Positions of the inputs that each effect overwrites. */
  private readonly writes = new Map<number, ReadonlySet<number>>();
  /** Copies in another order than row-major, for all who want one: the images that the first layer reads forward and for the gradient of its weight. */
  private readonly reordered = new Map<Value, Value>();
  /** Leaves whose elements the program replaces, by an effect or as the destination of a result. */
  private readonly overwritten = new Set<Tensor>();
  /** Copies of what lies in them, for those who read it while they are replaced. */
  private readonly preserved = new Map<number, Value>();

  constructor(
    readonly graph: Graph,
    readonly native: NativeRows,
  ) {
    for (const { node, destination } of graph.results) {
      if (destination.to === 'leaf') this.overwritten.add(destination.leaf);
      const list = this.destinations.get(node);
      if (list === undefined) this.destinations.set(node, [destination]);
      else list.push(destination);
    }
    for (const node of graph.nodes) {
      if (isLeaf(node)) this.leaves.add(node.tensor);
      if (node.op.kind === 'effect') this.writes.set(node.id, new Set(node.op.writes(node.attrs as never)));
      for (const i of this.writes.get(node.id) ?? []) this.overwritten.add(graph.nodes[node.inputs[i]!]!.tensor);
      if (node.op.kind === 'output') this.outputNodes.set(`${node.inputs[0]!}.${String(node.attrs!['index'])}`, node);
    }
  }

  group(unit: FusionGroup): void {
    const last = this.graph.nodes[unit.nodes[unit.nodes.length - 1]!]!;
    if (unit.kind === 'epilogue') return lowerEpilogue(this, unit);
    if (unit.kind === 'prologue') return lowerPrologue(this, unit);
    if (unit.kind === 'siblings') return lowerSiblings(this, unit);
    if (unit.kind === 'chunks') return lowerChunks(this, chunkedWith(this.graph, this.graph.nodes[unit.nodes[0]!]!)!);
    const op: OpRecord = last.op;
    switch (op.kind) {
      case 'pointwise':
        lowerChain(this, unit);
        return;
      case 'view':
        this.view(last);
        return;
      case 'output':
        // Its node's instructions have written it.
        return;
      case 'composite':
      case 'leaf':
        throw new Error(`${op.name} should not reach lowering`);
      default:
        op.emit(new NodeEmitter(this, last), last.attrs as never);
    }
  }

  /**
   * Copies results that were not computed in place to where they are wanted. Called when all that is computed has been, and nothing is
   * overwritten yet: what results and effects read of the elements that are about to be replaced is copied as well, so that the order in
   * which they are replaced makes no difference.
   */
  deliver(): void {
    for (const [id, wanted] of this.destinations) {
      for (const destination of wanted) {
        if (destination.to === 'leaf') this.preserve(id);
        else this.deliverTo(destination, id);
      }
    }
    for (const effect of this.graph.effects) {
      this.graph.nodes[effect]!.inputs.forEach((input, i) => {
        if (!this.writes.get(effect)!.has(i)) this.preserve(input);
      });
    }
  }

  /** Stores results in the leaves that they replace. */
  overwrite(): void {
    for (const [id, wanted] of this.destinations) for (const destination of wanted) if (destination.to === 'leaf') this.deliverTo(destination, id);
  }

  private deliverTo(destination: Destination, id: number): void {
    const { dtype, shape } = this.graph.nodes[id]!;
    const value = this.preserved.get(id) ?? this.value(id);
    if (this.isAt(value, destination)) return;
    const target = this.place(dtype, shape, destination, orderOf(value.layout));
    this.push(COPY, [target], [value], [], undefined, id);
  }

  /** Copies the elements of a node that lie in a leaf which is to be overwritten: effects read the copy. */
  private preserve(id: number): void {
    const value = this.value(id);
    const { origin } = this.buffers[value.buffer.id]!;
    if (this.preserved.has(id) || origin.in !== 'leaf' || !this.overwritten.has(origin.leaf)) return;
    const copy = this.temporary(value.layout.shape, value.buffer.dtype);
    this.push(COPY, [copy], [value], [], undefined, id);
    this.preserved.set(id, copy);
  }

  private isAt(value: Value, destination: Destination): boolean {
    const { origin } = this.buffers[value.buffer.id]!;
    return origin.in === 'result' && origin.destination === destination;
  }

  /** The value of a node; leaves get their buffers when they are first read. */
  value(id: number): Value {
    const known = this.values.get(id);
    if (known !== undefined) return known;
    const node = this.graph.nodes[id]!;
    if (!isLeaf(node)) throw new Error(`${node.op.name} (node ${id}) is read before it is computed`);
    const buffer = this.buffer(node.dtype, sizeOf(node.shape), { in: 'leaf', leaf: node.tensor });
    const strides = node.tensor.storage$?.strides;
    const value = { buffer, layout: strides === undefined ? denseLayout(node.shape) : { shape: node.shape, strides, offset: 0 } };
    this.values.set(id, value);
    return value;
  }

  /** Says where a node's value is. */
  define(node: GraphNode, value: Value): void {
    this.values.set(node.id, value);
  }

  /** An input of a node. Effects see what they do not write themselves as it was before all effects. */
  operand(node: GraphNode, i: number): Value {
    const input = node.inputs[i]!;
    const before = this.writes.get(node.id)?.has(i) === false ? this.preserved.get(input) : undefined;
    return before ?? this.value(input);
  }

  constant(value: number, dtype: DType): Value {
    const key = `${dtype} ${value}`;
    let known = this.constants.get(key);
    if (known === undefined) {
      known = { buffer: this.buffer(dtype, 1, { in: 'constant', value }), layout: denseLayout([]) };
      this.constants.set(key, known);
    }
    return known;
  }

  buffer(dtype: BufferDType, elements: number, origin: BufferOrigin = { in: 'arena' }): Buffer {
    const buffer = { id: this.buffers.length, dtype, elements, origin };
    this.buffers.push(buffer);
    return buffer;
  }

  temporary(shape: Shape, dtype: BufferDType, order?: Order): Value {
    return { buffer: this.buffer(dtype, sizeOf(shape)), layout: denseLayout(shape, order) };
  }

  /** Place in which a node's result is computed, in that order: its destination if it has one that can have the order, and whose old bytes nobody reads. */
  result(node: GraphNode, order?: Order): Value {
    const known = this.values.get(node.id);
    if (known !== undefined) return known;
    const destination = this.destinations.get(node.id)?.find((d) => (order === undefined || d.to === 'storage') && (d.to !== 'leaf' || !this.leaves.has(d.leaf)));
    const value = destination === undefined ? this.temporary(node.shape, node.dtype, order) : this.place(node.dtype, node.shape, destination, order);
    this.values.set(node.id, value);
    return value;
  }

  /** A destination as an operand. New storages keep the order of what they hold; arrays and leaves are row-major. */
  private place(dtype: DType, shape: Shape, destination: Destination, order: Order | undefined): Value {
    const layout = denseLayout(shape, destination.to === 'storage' ? order : undefined);
    return { buffer: this.buffer(dtype, sizeOf(shape), { in: 'result', destination, strides: isDense(layout) ? undefined : layout.strides }), layout };
  }

  /** Place in which an output of a node is computed; undefined where nothing reads it. */
  output(node: GraphNode, index: number): Value | undefined {
    if (index === 0) return this.isRead(node) ? this.result(node, this.orderOfResult(node)) : undefined;
    const output = this.outputNodes.get(`${node.id}.${index}`);
    return output && this.result(output, this.orderOfResult(node, output.shape));
  }

  /** The order that a kernel's record says its results of that shape are in. */
  orderOfResult(node: GraphNode, shape = node.shape): Order | undefined {
    return 'order' in node.op ? node.op.order?.(shape, node.inputs.map((input) => this.value(input).layout)) : undefined;
  }

  private isRead(node: GraphNode): boolean {
    return this.destinations.has(node.id) || this.graph.users[node.id]!.some((user) => this.graph.nodes[user]!.op.kind !== 'output');
  }

  dense(value: Value, node: number, order?: Order): Value {
    if (isDenseIn(value.layout, order)) return value;
    const known = order === undefined ? undefined : this.reordered.get(value);
    if (known !== undefined && isDenseIn(known.layout, order)) return known;
    const copy = this.temporary(value.layout.shape, value.buffer.dtype, order);
    this.push(COPY, [copy], [value], [], undefined, node);
    if (order !== undefined) this.reordered.set(value, copy);
    return copy;
  }

  push(
    row: string,
    outputs: readonly (Value | undefined)[],
    inputs: readonly (Value | undefined)[],
    attrs: readonly number[],
    cost: number | undefined,
    node: number,
  ): void {
    this.instructions.push({ row, outputs, inputs, attrs, cost: cost ?? bytesCost(bytesTouched([...outputs, ...inputs])), node });
  }

  private view(node: GraphNode): void {
    if (node.op.kind !== 'view') return;
    const input = this.value(node.inputs[0]!);
    // Without elements there is nothing that strides could reach.
    const layout = node.shape.includes(0) ? denseLayout(node.shape) : node.op.view(input.layout, node, node.attrs as never);
    if (layout !== undefined) {
      this.define(node, { buffer: input.buffer, layout });
      return;
    }
    const dense = this.dense(input, node.id);
    this.define(node, { buffer: dense.buffer, layout: node.op.view(dense.layout, node, node.attrs as never)! });
  }
}

function bytesTouched(values: readonly (Value | undefined)[]): number {
  let bytes = 0;
  for (const value of values) if (value !== undefined) bytes += sizeOf(value.layout.shape) * elementBytes[value.buffer.dtype];
  return bytes;
}
