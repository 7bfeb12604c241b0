import { denseLayout, isDense } from '../ops/layout.js';
import type { Chunking, KernelRecord, RowSide, ViewRecord } from '../ops/record.js';
import { sizeOf } from '../shape.js';
import { isLeaf, type Graph, type GraphNode } from './graph.js';

/** Elements from which on a value is worth not having as a whole: 64 MB of them. */
export const LARGE = 2 ** 24;
/** Rows that are done at a time: a power of two, so that sums over rows have the same tree, and as many as products need to be fast. */
export const CHUNK_ROWS = 256;
/** A rest of so few rows belongs to the chunk before it: a product of few rows may be summed in another order (native/kernels/contraction/dot.h). */
const FEW_ROWS = 32;

/** Rows [first, first + size), of which the first is number `at` of a chunk. */
export interface Rows {
  readonly first: number;
  readonly size: number;
  readonly at: number;
}

/**
 * Nodes that are done for some rows of a large value after the other, so that it is never there as a whole: a product, what is computed of it row by row, and
 * products and sums over its rows. Logits of a large vocabulary, their loss and its gradients are that.
 */
export interface ChunkedNodes {
  /** All of them, operands first. */
  readonly nodes: readonly GraphNode[];
  /** The large values among them, and where their rows are: of shape [.., C], which counts as [rows, C], or [C, rows]. */
  readonly large: ReadonlyMap<number, RowSide>;
  /** The way in which each is done, but for views. */
  readonly chunkings: ReadonlyMap<number, Chunking>;
  readonly rows: number;
}

/** The nodes that can be done in chunks with a contraction; undefined where its result is small, somebody needs it as a whole, or what a reader needs comes of another one. */
export function chunkedWith(graph: Graph, start: GraphNode): ChunkedNodes | undefined {
  if (start.op.kind !== 'contraction' || isLeaf(start) || sizeOf(start.shape) < LARGE) return undefined;
  const rows = sizeOf(start.shape) / start.shape.at(-1)!;
  const chunking = chunkingOf(graph, start, { input: 0, side: 'first' });
  if (rows < 2 * CHUNK_ROWS || chunking?.result !== 'rows') return undefined;
  const large = new Map<number, RowSide>([[start.id, 'first']]);
  const chunkings = new Map<number, Chunking>([[start.id, chunking]]);
  const members = new Set([start.id]);
  for (const id of members) {
    const side = large.get(id);
    if (side === undefined) continue;
    if (isResult(graph, id)) return undefined;
    for (const user of graph.users[id]!.map((each) => graph.nodes[each]!)) {
      members.add(user.id);
      if (user.op.kind === 'view') {
        const seen = sideOfView(graph.nodes[id]!, user, side);
        if (seen === undefined) return undefined;
        large.set(user.id, seen);
        continue;
      }
      const own = chunkingOf(graph, user, { input: user.inputs.indexOf(id), side });
      if (own === undefined) return undefined;
      chunkings.set(user.id, own);
      if (own.result === 'rows' && sizeOf(user.shape) >= LARGE) large.set(user.id, 'first');
    }
  }
  const nodes = [...members].sort((a, b) => a - b).map((id) => graph.nodes[id]!);
  const fits = nodes.every((node) => node.inputs.every((input, i) => !large.has(input) || node.op.kind === 'view' || chunkings.get(node.id)!.cut[i] === large.get(input)));
  return fits && !needThemselves(graph, nodes, members) ? { nodes, large, chunkings, rows } : undefined;
}

/** The chunks of rows, in order. */
export function chunksOf(rows: number): Rows[] {
  const chunks: Rows[] = [];
  for (let first = 0; first < rows; ) {
    const left = rows - first;
    const size = left <= CHUNK_ROWS + FEW_ROWS ? left : CHUNK_ROWS;
    chunks.push({ first, size, at: 0 });
    first += size;
  }
  return chunks;
}

function chunkingOf(graph: Graph, node: GraphNode, large: { readonly input: number; readonly side: RowSide }): Chunking | undefined {
  const inputs = node.inputs.map((input) => graph.nodes[input]!);
  return (node.op as KernelRecord<never>).chunking?.(inputs, node.attrs as never, large);
}

function isResult(graph: Graph, id: number): boolean {
  return graph.results.some(({ node }) => node === id);
}

/** The side on which a view of a large value has its rows; undefined where they are not together. */
function sideOfView(source: GraphNode, node: GraphNode, side: RowSide): RowSide | undefined {
  const view = (node.op as ViewRecord<never>).view(denseLayout(source.shape), node, node.attrs as never);
  if (view === undefined || side !== 'first') return undefined;
  if (isDense(view)) return node.shape.at(-1) === source.shape.at(-1) ? 'first' : undefined;
  return node.shape.length === 2 && node.shape[0] === source.shape.at(-1) && view.strides[0] === 1 ? 'last' : undefined;
}

/** Returns whether something that one of the nodes reads needs another one of them. */
function needThemselves(graph: Graph, nodes: readonly GraphNode[], members: ReadonlySet<number>): boolean {
  const start = nodes[0]!.id;
  const seen = new Set<number>();
  const stack = nodes.flatMap(({ inputs }) => inputs.filter((input) => !members.has(input)));
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (id < start || seen.has(id)) continue;
    if (members.has(id)) return true;
    seen.add(id);
    stack.push(...graph.nodes[id]!.inputs);
  }
  return false;
}
