import type { DType } from '../dtype.js';
import { postOrder } from '../graph/walk.js';
import type { Attrs, OpRecord, OutputMeta } from '../ops/record.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { operandsOf } from './decompose.js';

/** A node of the graph as the compiler sees it: plain data, numbered in an order in which operands come first. */
export interface GraphNode {
  readonly id: number;
  readonly op: OpRecord;
  readonly inputs: readonly number[];
  readonly attrs: Attrs | undefined;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly more: readonly OutputMeta[];
  /** The handle that it was recorded as; for leaves, what is bound when the program runs. */
  readonly tensor: Tensor;
}

/** Place where a result has to end up. */
export type Destination =
  /** The i-th scalar of the run's block of scalars. */
  | { readonly to: 'scalar'; readonly index: number }
  /** A JavaScript array: the i-th output view. */
  | { readonly to: 'view'; readonly index: number }
  /** New native memory: the i-th new storage of the run. */
  | { readonly to: 'storage'; readonly index: number }
  /** The storage of an existing leaf. */
  | { readonly to: 'leaf'; readonly leaf: Tensor };

/** A result that a program must deliver. */
export interface Wanted {
  readonly tensor: Tensor;
  readonly destination: Destination;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly results: readonly { readonly node: number; readonly destination: Destination }[];
  readonly effects: readonly number[];
  /** The readers of each node. */
  readonly users: readonly (readonly number[])[];
}

/** Pass: tensors to numbered nodes, those of `first` that are needed, and what they need, before all others. Equal pure nodes become one. */
export function buildGraph(wanted: readonly Wanted[], effects: readonly Tensor[], first: readonly Tensor[] = []): Graph {
  const roots = [...wanted.map((want) => want.tensor), ...effects];
  const needed = first.length === 0 ? undefined : new Set(postOrder(roots, operandsOf));
  const order = postOrder([...first.filter((tensor) => needed?.has(tensor)), ...roots], operandsOf);
  const nodes: GraphNode[] = [];
  const ids = new Map<Tensor, number>();
  const known = new Map<string, number>();
  for (const tensor of order) {
    const inputs = operandsOf(tensor).map((input) => ids.get(input)!);
    const key = identity(tensor, inputs);
    const same = key === undefined ? undefined : known.get(key);
    if (same !== undefined) {
      ids.set(tensor, same);
      continue;
    }
    const id = nodes.length;
    ids.set(tensor, id);
    if (key !== undefined) known.set(key, id);
    nodes.push({ id, op: tensor.op, inputs, attrs: tensor.attrs, shape: tensor.shape, dtype: tensor.dtype, more: tensor.more, tensor });
  }
  return {
    nodes,
    results: wanted.map(({ tensor, destination }) => ({ node: ids.get(tensor)!, destination })),
    effects: effects.map((effect) => ids.get(effect)!),
    users: usersOf(nodes),
  };
}

/** Two nodes with the same identity compute the same elements. Leaves and effects are only themselves. */
function identity(tensor: Tensor, inputs: readonly number[]): string | undefined {
  if (tensor.op.kind === 'leaf' || tensor.op.kind === 'effect' || tensor.storage$ !== undefined) return undefined;
  return `${tensor.op.name}(${inputs.join()})${tensor.attrs === undefined ? '' : JSON.stringify(tensor.attrs, exactly)}`;
}

/** Numbers that JSON has no text for. */
function exactly(_: string, value: unknown): unknown {
  return typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)) ? `number ${Object.is(value, -0) ? '-0' : value}` : value;
}

function usersOf(nodes: readonly GraphNode[]): number[][] {
  const users: number[][] = nodes.map(() => []);
  for (const node of nodes) for (const input of new Set(node.inputs)) users[input]!.push(node.id);
  return users;
}

/** Returns whether `other` is of the op that the record of `node` names, over the same operands: one instruction can do both (see SiblingFusion). */
export function areSiblings(node: GraphNode, other: GraphNode): boolean {
  const siblings = 'siblings' in node.op ? node.op.siblings : undefined;
  return siblings !== undefined && other.op === siblings.op && other.attrs === node.attrs && other.inputs.every((input, i) => input === node.inputs[i]);
}

/** Returns whether the program reads this node's elements from where they already are. */
export function isLeaf(node: GraphNode): boolean {
  return node.op.kind === 'leaf' || node.tensor.storage$ !== undefined;
}
