import { codes } from '../ops/codes.js';
import type { EpilogueStep, EpilogueSteps, KernelRecord, PointwiseRecord } from '../ops/record.js';
import { sameShape, type Shape } from '../shape.js';
import { chunkedWith } from './chunk.js';
import type { Graph, GraphNode } from './graph.js';
import { areSiblings, isLeaf } from './graph.js';
import { TopologicalOrder } from './order.js';
import { LatestOperands } from './reach.js';

/**
 * Nodes that become one run of instructions: a single node, a chain of pointwise nodes, a kernel with what it does while its output is hot, a sum with the kernel that
 * takes its terms, a node joined to one that its record names, or nodes that are done for some rows after the other.
 */
export interface FusionGroup {
  readonly nodes: readonly number[];
  readonly kind: 'single' | 'chain' | 'epilogue' | 'prologue' | 'siblings' | 'chunks';
}

/** Bounds of one native pointwise instruction (native/kernels/pointwise/opcodes.def). */
export const { opcodes: MAX_OPCODES, inputs: MAX_INPUTS, outputs: MAX_OUTPUTS } = codes.elementwise_limits;

/** Pass: partitions the nodes that compute something into units, in an order in which they can run. Effects come last. */
export function fuse(graph: Graph, options: { fuse: boolean } = { fuse: true }): FusionGroup[] {
  const groups = new FusionGroups(graph);
  if (options.fuse) {
    for (const node of graph.nodes) growChunks(graph, groups, node);
    for (const node of graph.nodes) growEpilogue(graph, groups, node);
    for (const node of graph.nodes) growChain(graph, groups, node);
    for (const node of graph.nodes) growPrologue(graph, groups, node);
    for (const node of graph.nodes) fuseSiblings(graph, groups, node);
  }
  return groups.inOrder();
}

/** The pointwise record of a node, if it has one and is computed here. */
function pointwise(node: GraphNode): PointwiseRecord<never> | undefined {
  return node.op.kind === 'pointwise' && !isLeaf(node) ? node.op : undefined;
}

/** Puts together what is done in chunks of rows with a contraction. */
function growChunks(graph: Graph, groups: FusionGroups, contraction: GraphNode): void {
  for (const { id } of chunkedWith(graph, contraction)?.nodes ?? []) groups.merge(contraction.id, id, 'chunks');
}

/** Appends to a kernel the pointwise nodes that can be done on its output while that is hot: its steps, then an activation or a mask. */
function growEpilogue(graph: Graph, groups: FusionGroups, kernel: GraphNode): void {
  if (isLeaf(kernel) || groups.kindOf(kernel.id) === 'chunks' || !(kernel.op.kind === 'contraction' || ('epilogue' in kernel.op && typeof kernel.op.epilogue === 'function'))) return;
  const epilogue = new EpilogueMatch(graph, kernel);
  while (!epilogue.isComplete) {
    const users = graph.users[epilogue.last.id]!.map((id) => graph.nodes[id]!).filter(({ op }) => op.kind !== 'output');
    const user = users.length === 1 ? users[0] : undefined;
    // What two kernels share belongs to the first of them.
    if (user === undefined || groups.isResult(epilogue.last.id) || groups.kindOf(user.id) === 'epilogue') return;
    const part = epilogue.partOf(user);
    if (part === undefined || !groups.merge(kernel.id, user.id, 'epilogue')) return;
    epilogue.take(user, part);
  }
}

/** Part of an epilogue that a pointwise node is, and its operand beside the kernel's output. */
export type EpiloguePart = { readonly activation: number } | { readonly part: EpilogueStep | 'mask'; readonly other: GraphNode };

/** A kernel and the pointwise nodes behind it, one after the other, that are parts of its epilogue. */
export class EpilogueMatch {
  /** The node whose elements the next part takes. */
  last: GraphNode;
  /** True behind an activation or a mask, which are the end. */
  isComplete = false;
  private readonly axis: number;
  /** Steps that may follow. */
  private left: readonly EpilogueStep[];
  private readonly activates: boolean;

  constructor(
    private readonly graph: Graph,
    kernel: GraphNode,
  ) {
    const { axis, steps, activates = true }: EpilogueSteps = (kernel.op as KernelRecord<never>).epilogue?.(kernel.attrs as never) ?? { axis: -1, steps: [] };
    this.last = kernel;
    this.axis = axis;
    this.left = steps;
    this.activates = activates;
  }

  /** The part that a user of `last` would be; undefined if it is none. */
  partOf(user: GraphNode): EpiloguePart | undefined {
    const { last } = this;
    const epilogue = pointwise(user)?.epilogue;
    if (epilogue === undefined || !sameShape(user.shape, last.shape)) return undefined;
    if ('activation' in epilogue) return this.activates ? epilogue : undefined;
    const other = this.graph.nodes[user.inputs[0] === last.id ? user.inputs[1]! : user.inputs[0]!]!;
    if (other.id === last.id) return undefined;
    if ('mask' in epilogue) return this.activates && user.inputs[1] === last.id && sameShape(other.shape, last.shape) ? { part: 'mask', other } : undefined;
    const fitting = this.stepsOf(epilogue, other.shape);
    const part = this.left.find((step) => fitting.includes(step));
    return part && { part, other };
  }

  /** Makes a user of `last`, which is that part, the last one. */
  take(user: GraphNode, part: EpiloguePart): void {
    this.last = user;
    if ('activation' in part || part.part === 'mask') this.isComplete = true;
    else this.left = this.left.slice(this.left.indexOf(part.part) + 1);
  }

  private stepsOf(epilogue: { readonly adds: true } | { readonly multiplies: true }, other: Shape): readonly EpilogueStep[] {
    if (liesAlong(other, this.last.shape, this.axis)) return 'adds' in epilogue ? ['bias', 'shift'] : ['scale'];
    return 'adds' in epilogue && sameShape(other, this.last.shape) ? ['residual'] : [];
  }
}

/** Returns whether a shape that broadcasts to `shape` has one number for each index of `axis`, and nothing along others. */
function liesAlong(bias: Shape, shape: Shape, axis: number): boolean {
  if (bias.length > shape.length) return false;
  return shape.every((dim, d) => {
    const own = bias[d - (shape.length - bias.length)] ?? 1;
    return d === shape.length + axis ? own === dim : own === 1;
  });
}

/** Puts a pointwise node into the chains of its operands, as far as shapes, bounds and order allow. */
function growChain(graph: Graph, groups: FusionGroups, node: GraphNode): void {
  if (pointwise(node) === undefined || groups.kindOf(node.id) === 'epilogue') return;
  for (const input of node.inputs) {
    const operand = graph.nodes[input]!;
    if (pointwise(operand) === undefined || groups.kindOf(input) === 'epilogue' || !sameShape(operand.shape, node.shape)) continue;
    groups.merge(input, node.id, 'chain');
  }
}

/** Gives a kernel the terms of a sum that it takes. One that is part of a chain stays there, where it costs no pass of its own. */
function growPrologue(graph: Graph, groups: FusionGroups, node: GraphNode): void {
  const position = 'prologue' in node.op && !isLeaf(node) ? node.op.prologue : undefined;
  if (position === undefined) return;
  const sum = graph.nodes[node.inputs[position]!]!;
  const epilogue = pointwise(sum)?.epilogue;
  if (epilogue === undefined || !('adds' in epilogue) || groups.members(sum.id).length > 1 || node.inputs.indexOf(sum.id) !== node.inputs.lastIndexOf(sum.id)) return;
  if (sum.inputs.every((input) => sameShape(graph.nodes[input]!.shape, sum.shape))) groups.merge(sum.id, node.id, 'prologue');
}

/** Joins a kernel to the one that its record names, over the same operands: a loss and its gradient. */
function fuseSiblings(graph: Graph, groups: FusionGroups, node: GraphNode): void {
  if (!('siblings' in node.op) || isLeaf(node) || groups.kindOf(node.id) === 'chunks') return;
  const readers = graph.users[node.inputs[0]!]!.map((user) => graph.nodes[user]!);
  const other = readers.find((reader) => areSiblings(node, reader) && groups.members(reader.id).length === 1);
  if (other !== undefined) groups.merge(other.id, node.id, 'siblings');
}

/** Disjoint groups of nodes that can be contracted to a point each without making a cycle. */
class FusionGroups {
  private readonly group: number[];
  private readonly lists = new Map<number, number[]>();
  private readonly kinds = new Map<number, FusionGroup['kind']>();
  private readonly results: ReadonlySet<number>;
  private readonly order: TopologicalOrder;
  private readonly latest: LatestOperands;
  /** Number of the search that has met a group last: each of the two directions of a search has a number. */
  private readonly seen: Int32Array;
  private searches = 0;

  constructor(private readonly graph: Graph) {
    this.group = graph.nodes.map((node) => node.id);
    this.order = new TopologicalOrder(graph.nodes.length);
    this.latest = new LatestOperands(graph.nodes);
    this.seen = new Int32Array(graph.nodes.length);
    for (const node of graph.nodes) this.lists.set(node.id, [node.id]);
    this.results = new Set(graph.results.map((result) => result.node));
  }

  isResult(node: number): boolean {
    return this.results.has(node);
  }

  members(node: number): readonly number[] {
    return this.lists.get(this.group[node]!)!;
  }

  kindOf(node: number): FusionGroup['kind'] {
    return this.kinds.get(this.group[node]!) ?? 'single';
  }

  /** Makes one group of the groups of `a` and `b`; false where bounds or order forbid it. */
  merge(a: number, b: number, kind: FusionGroup['kind']): boolean {
    const [first, second] = [this.group[a]!, this.group[b]!];
    if (first === second) return true;
    const union = [...this.lists.get(first)!, ...this.lists.get(second)!].sort((x, y) => x - y);
    if (kind === 'chain' && !this.withinBounds(union)) return false;
    if (!this.mergeInOrder(first, second)) return false;
    for (const node of this.lists.get(second)!) this.group[node] = first;
    this.lists.set(first, union);
    this.lists.delete(second);
    this.kinds.set(first, kind);
    return true;
  }

  private withinBounds(union: readonly number[]): boolean {
    if (union.length > MAX_OPCODES) return false;
    const inside = new Set(union);
    const inputs = new Set(union.flatMap((id) => this.graph.nodes[id]!.inputs.filter((input) => !inside.has(input))));
    const outputs = union.filter((id) => this.isResult(id) || this.graph.users[id]!.some((user) => !inside.has(user)));
    return inputs.size <= MAX_INPUTS && outputs.length <= MAX_OUTPUTS;
  }

  /** Gives two groups one place in the order, that of `first`; false where one depends on the other through a third, so that they cannot run as one. */
  private mergeInOrder(first: number, second: number): boolean {
    const [low, high] = this.order.isBefore(first, second) ? [first, second] : [second, first];
    const between = this.dependsAround(high, low) ? undefined : this.between(low, high);
    if (between === undefined) return false;
    // What needs the lower one moves behind the upper one, or else what the upper one needs in front of the lower one.
    const { groups, behind } = between;
    const [stays, goes] = behind ? [high, low] : [low, high];
    this.order.move(groups, stays, behind);
    if (stays === first) this.order.remove(goes);
    else {
      this.order.remove(first);
      this.order.replace(second, first);
    }
    return true;
  }

  /** Returns whether it shows at once that `group` depends on `other` through a third group: along a recurrence, say, to whose end a search would be long. */
  private dependsAround(group: number, other: number): boolean {
    const members = this.lists.get(group)!;
    return this.lists.get(other)!.some((id) =>
      this.graph.users[id]!.some((user) => this.group[user] !== other && this.group[user] !== group && members.some((member) => this.latest.leadsTo(user, member))),
    );
  }

  /**
   * The groups between `low` and `high` in the order that need `low`, or those that `high` needs: whichever a search through both by turns has found first;
   * undefined where one of them is both.
   */
  private between(low: number, high: number): { readonly groups: readonly number[]; readonly behind: boolean } | undefined {
    const [down, up] = [++this.searches, ++this.searches];
    const [needing, needed] = [[low], [high]];
    for (let i = 0; ; i++) {
      if (i === needing.length) return { groups: needing.slice(1), behind: true };
      if (i === needed.length) return { groups: needed.slice(1), behind: false };
      for (const id of this.lists.get(needing[i]!)!) {
        for (const user of this.graph.users[id]!) {
          const next = this.group[user]!;
          if (next === high ? i > 0 : this.order.isBefore(next, high) && this.meets(next, low, needing, down, up)) return undefined;
        }
      }
      for (const id of this.lists.get(needed[i]!)!) {
        for (const input of this.graph.nodes[id]!.inputs) {
          const next = this.group[input]!;
          if (next === low ? i > 0 : this.order.isBefore(low, next) && this.meets(next, high, needed, up, down)) return undefined;
        }
      }
    }
  }

  /** Adds a group to those that a search has `found`, where it is neither its `start` nor among them; whether the other direction has met it. */
  private meets(next: number, start: number, found: number[], mark: number, otherMark: number): boolean {
    const before = this.seen[next];
    if (next === start || before === mark) return false;
    this.seen[next] = mark;
    found.push(next);
    return before === otherMark;
  }

  /** The groups that compute something, operands before results, effects after everything that reads. */
  inOrder(): FusionGroup[] {
    const groups: FusionGroup[] = [];
    const placed = new Set<number>();
    const place = (start: number): void => {
      const stack = [start];
      while (stack.length > 0) {
        const group = stack[stack.length - 1]!;
        const waiting = placed.has(group) ? [] : this.needs(group).filter((need) => !placed.has(need));
        if (waiting.length > 0) {
          for (const need of waiting.reverse()) stack.push(need);
          continue;
        }
        stack.pop();
        if (placed.has(group)) continue;
        placed.add(group);
        const nodes = this.lists.get(group)!;
        if (!isLeaf(this.graph.nodes[nodes[0]!]!)) groups.push({ nodes, kind: this.kinds.get(group) ?? 'single' });
      }
    };
    const isEffect = (id: number): boolean => this.graph.nodes[id]!.op.kind === 'effect';
    for (const node of this.graph.nodes) if (!isEffect(node.id)) place(this.group[node.id]!);
    for (const node of this.graph.nodes) if (isEffect(node.id)) place(node.id);
    return groups;
  }

  private needs(group: number): number[] {
    const needs = new Set<number>();
    for (const id of this.lists.get(group)!) {
      for (const input of this.graph.nodes[id]!.inputs) if (this.group[input] !== group) needs.add(this.group[input]!);
    }
    return [...needs];
  }
}
