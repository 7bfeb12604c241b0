import type { DType } from '../dtype.js';
import { COPY, ELEMENTWISE, elementwiseAttrs, part, type Emitter, type Value } from '../ops/emitter.js';
import { denseLayout, permutedLayout, reshaped, reshapedLayout, type Layout, type Order } from '../ops/layout.js';
import type { KernelRecord } from '../ops/record.js';
import { sizeOf, type Shape } from '../shape.js';
import { CHUNK_ROWS, chunksOf, type ChunkedNodes, type Rows } from './chunk.js';
import { areSiblings, type GraphNode } from './graph.js';
import type { Lowering } from './lower.js';

/** Instructions of nodes that are done in chunks: all of them for the first rows, then for the next ones. */
export function lowerChunks(lowering: Lowering, chunked: ChunkedNodes): void {
  const chunks = chunksOf(chunked.rows);
  const operands = new ChunkOperands(lowering, chunked, Math.max(...chunks.map(({ size }) => size)));
  const computed = chunked.nodes.filter(({ op }) => op.kind !== 'view');
  const siblings = siblingsAmong(computed);
  const others = new Set(siblings.values());
  const sums = new Map<GraphNode, PairwiseSum>();
  for (const node of computed) {
    const { result } = chunked.chunkings.get(node.id)!;
    if (typeof result === 'object') sums.set(node, new PairwiseSum(lowering, node, result.pairwise));
  }
  for (const rows of chunks) {
    for (const node of computed) {
      const sum = sums.get(node);
      if (sum !== undefined) sum.add(operands, rows);
      else if (!others.has(node)) emitRows(operands, node, siblings.get(node), rows);
    }
  }
  for (const sum of sums.values()) sum.finish();
}

function emitRows(operands: ChunkOperands, node: GraphNode, other: GraphNode | undefined, rows: Rows): void {
  const op = node.op as KernelRecord<never>;
  const emitter = new ChunkEmitter(operands, node, rows);
  if (other !== undefined) return op.siblings!.emit(emitter, new ChunkEmitter(operands, other, rows), node.attrs as never);
  const goesOn = operands.chunked.chunkings.get(node.id)!.result === 'chain' && rows.first > 0;
  op.emit(emitter, node.attrs as never, goesOn ? { accumulate: true } : undefined);
}

/** The nodes that an instruction does together with another one, which is named: see SiblingFusion. */
function siblingsAmong(nodes: readonly GraphNode[]): Map<GraphNode, GraphNode> {
  const pairs = new Map<GraphNode, GraphNode>();
  for (const node of nodes) {
    const other = nodes.find((each) => areSiblings(node, each));
    if (other !== undefined) pairs.set(node, other);
  }
  return pairs;
}

/** Operands of the nodes, for the rows of a chunk. */
class ChunkOperands {
  /** Large values, as many rows of them as the longest chunk has. */
  private readonly temporaries = new Map<number, Value>();
  /** Values from outside that are cut, as [rows, ..]. */
  private readonly whole = new Map<number, Value>();

  constructor(
    readonly lowering: Lowering,
    readonly chunked: ChunkedNodes,
    private readonly longest: number,
  ) {}

  /** Rows of a node's result: of a large one its temporary, else that part of where it is wanted; undefined where nobody reads it. */
  result(node: GraphNode, rows: Rows): Value | undefined {
    const { lowering, chunked } = this;
    if (chunked.large.has(node.id)) return this.ofLarge(node, rows);
    const value = lowering.output(node, 0);
    return value === undefined || chunked.chunkings.get(node.id)!.result !== 'rows' ? value : part(reshaped(value, this.asRows(node.shape)), 0, rows.first, rows.size);
  }

  input(node: GraphNode, i: number, rows: Rows): Value | undefined {
    const operand = this.lowering.graph.nodes[node.inputs[i]!]!;
    if (this.chunked.large.has(operand.id)) return this.ofLarge(operand, rows);
    const side = this.chunked.chunkings.get(node.id)!.cut[i];
    if (side === undefined) return undefined;
    if (side === 'last') return part(this.lowering.value(operand.id), operand.shape.length - 1, rows.first, rows.size);
    let value = this.whole.get(operand.id);
    if (value === undefined) this.whole.set(operand.id, (value = this.flattened(operand)));
    return part(value, 0, rows.first, rows.size);
  }

  private ofLarge(node: GraphNode, rows: Rows): Value {
    if (node.op.kind === 'view') {
      const source = this.ofLarge(this.lowering.graph.nodes[node.inputs[0]!]!, rows);
      return this.chunked.large.get(node.id) === 'first' ? source : { buffer: source.buffer, layout: permutedLayout(source.layout, [1, 0]) };
    }
    const columns = node.shape.at(-1)!;
    let temporary = this.temporaries.get(node.id);
    if (temporary === undefined) this.temporaries.set(node.id, (temporary = this.lowering.temporary([this.longest, columns], node.dtype)));
    return part(temporary, 0, rows.at, rows.size);
  }

  private flattened({ id, shape }: GraphNode): Value {
    const value = this.lowering.value(id);
    const rows = this.asRows(shape);
    const layout = reshapedLayout(value.layout, rows);
    return layout === undefined ? reshaped(this.lowering.dense(value, id), rows) : { buffer: value.buffer, layout };
  }

  /** A shape whose first dimensions are all rows as [rows, ..]. */
  private asRows(shape: Shape): Shape {
    let d = 0;
    for (let size = 1; d < shape.length && (size < this.chunked.rows || d === 0); d++) size *= shape[d]!;
    return [this.chunked.rows, ...shape.slice(d)];
  }
}

/** The lowering of some rows as a record's emit sees it. */
class ChunkEmitter implements Emitter {
  constructor(
    private readonly operands: ChunkOperands,
    private readonly node: GraphNode,
    private readonly rows: Rows,
    /** The place of the result, where it is no part of the whole one. */
    private readonly result?: Value,
  ) {}

  get inputs(): number {
    return this.node.inputs.length;
  }

  get firstRow(): number {
    return this.rows.first;
  }

  shape(i: number): Shape {
    return this.operands.input(this.node, i, this.rows)?.layout.shape ?? this.operands.lowering.graph.nodes[this.node.inputs[i]!]!.shape;
  }

  input(i: number, accepts?: (layout: Layout) => boolean, order?: Order): Value {
    const { lowering } = this.operands;
    const value = this.operands.input(this.node, i, this.rows) ?? lowering.operand(this.node, i);
    return accepts?.(value.layout) === true ? value : lowering.dense(value, this.node.id, order);
  }

  output(i = 0, shape?: Shape): Value | undefined {
    if (i > 0) throw new Error(`${this.node.op.name} has further outputs`);
    const value = this.result ?? this.operands.result(this.node, this.rows);
    return value === undefined || shape === undefined ? value : reshaped(value, shape);
  }

  temporary(shape: Shape, dtype: DType): Value {
    return this.operands.lowering.temporary(shape, dtype);
  }

  constant(value: number, dtype: DType): Value {
    return this.operands.lowering.constant(value, dtype);
  }

  opcode(name: string): number {
    return this.operands.lowering.native.opcode(name);
  }

  rule(name: string): number {
    return this.operands.lowering.native.rule(name);
  }

  instruction(row: string, outputs: readonly (Value | undefined)[], inputs: readonly (Value | undefined)[], attrs: readonly number[] = [], cost?: number): void {
    this.operands.lowering.push(row, outputs, inputs, attrs, cost, this.node.id);
  }
}

/** A sum over all rows that adds up in pairs: as if its chunks were the parts of which the kernel makes its tree (native/kernels/reduce/columns.h). */
class PairwiseSum {
  /** Sums of powers of two of parts, the largest first. */
  private readonly partial: { readonly parts: number; readonly value: Value }[] = [];

  constructor(
    private readonly lowering: Lowering,
    private readonly node: GraphNode,
    private readonly opcode: string,
  ) {}

  add(operands: ChunkOperands, rows: Rows): void {
    for (let done = 0; done < rows.size; done += CHUNK_ROWS) {
      const size = Math.min(CHUNK_ROWS, rows.size - done);
      const value = { buffer: this.lowering.temporary([sizeOf(this.node.shape)], this.node.dtype).buffer, layout: denseLayout(this.node.shape) };
      const emitter = new ChunkEmitter(operands, this.node, { first: rows.first + done, size, at: rows.at + done }, value);
      (this.node.op as KernelRecord<never>).emit(emitter, this.node.attrs as never);
      this.partial.push({ parts: 1, value });
      while (this.partial.at(-1)!.parts === this.partial.at(-2)?.parts) this.combine();
    }
  }

  finish(): void {
    while (this.partial.length > 1) this.combine();
    const whole = this.lowering.output(this.node, 0);
    if (whole !== undefined) this.lowering.push(COPY, [whole], [this.partial[0]!.value], [], undefined, this.node.id);
  }

  private combine(): void {
    const [earlier, later] = this.partial.splice(-2);
    const attrs = elementwiseAttrs([{ opcode: this.lowering.native.opcode(this.opcode), operands: [0, 1] }], [2]);
    this.lowering.push(ELEMENTWISE, [earlier!.value], [earlier!.value, later!.value], attrs, undefined, this.node.id);
    this.partial.push({ parts: earlier!.parts + later!.parts, value: earlier!.value });
  }
}
