import type { Tensor } from '../tensor.js';
import { postOrder } from './walk.js';

/** Tensors that rest together, since which mode. */
interface Group {
  readonly held: readonly WeakRef<Tensor>[];
  readonly mode: number;
}

/** Counts changes of mode. */
let mode = 0;

/** Leaves that something rests on, among them some that nobody can reach any more. */
let leaves = 0;

/** Returns whether there is nothing that a change could wake. */
export function nothingSuspended(): boolean {
  return leaves === 0;
}

/** Outputs that rest until a leaf changes. */
export interface SuspendedOutputs {
  groups: Group[];
  /** Number of groups that there may be before those whose tensors are gone are looked for. */
  limit: number;
}

const MOST = 64;

/**
 * Suspends pending outputs, held weakly: those that have outlasted a step which they do not depend on, another model's, say, and the older
 * ones of many. They cost no later step anything until one of the leaves behind them is about to change.
 */
export function suspend(tensors: readonly Tensor[]): void {
  const group: Group = { held: tensors.map((tensor) => new WeakRef(tensor)), mode };
  for (const node of postOrder(tensors, everyInput)) if (node.inputs.length === 0) addTo(node, group);
}

/** Returns those that may depend on leaves which are about to change; they rest no more. */
export function resume(changing: readonly Tensor[]): Tensor[] {
  // Thousands of leaves may have a group in common.
  const groups = new Set<Group>();
  for (const leaf of changing) {
    if (leaf.suspended$ === undefined) continue;
    for (const group of leaf.suspended$.groups) groups.add(group);
    leaf.suspended$ = undefined;
    leaves--;
  }
  return [...groups].flatMap((group) => present(group).filter((tensor) => group.mode === mode || tensor.storage$ === undefined));
}

/** Gives up what is in the memory of the mode before: no step delivers it any more. */
export function abandonSuspended(): void {
  mode++;
}

function addTo(leaf: Tensor, group: Group): void {
  if (leaf.suspended$ === undefined) leaves++;
  const rested = (leaf.suspended$ ??= { groups: [], limit: MOST });
  rested.groups.push(group);
  if (rested.groups.length <= rested.limit) return;
  rested.groups = rested.groups.filter((other) => present(other).length > 0);
  rested.limit = Math.max(MOST, 2 * rested.groups.length);
}

function present({ held }: Group): Tensor[] {
  return held.flatMap((reference) => reference.deref() ?? []);
}

const everyInput = (node: Tensor): readonly Tensor[] => node.inputs;
