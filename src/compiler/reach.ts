import type { GraphNode } from './graph.js';

/**
 * A part of what depends on what, which can be asked in constant time: each node hangs below the latest of its operands, so that the chain from a node up
 * to the top of its tree is the path along which a recurrence runs.
 */
export class LatestOperands {
  readonly #first: Int32Array;
  readonly #size: Int32Array;

  constructor(nodes: readonly GraphNode[]) {
    const count = nodes.length;
    const above = Int32Array.from(nodes, ({ inputs }) => inputs.reduce((latest, input) => (input > latest ? input : latest), -1));
    this.#size = new Int32Array(count).fill(1);
    for (let id = count - 1; id >= 0; id--) if (above[id]! >= 0) this.#size[above[id]!]! += this.#size[id]!;
    // Numbers in preorder: those of a tree are a range.
    this.#first = new Int32Array(count);
    const free = new Int32Array(count);
    let top = 0;
    for (let id = 0; id < count; id++) {
      const parent = above[id]!;
      if (parent < 0) {
        this.#first[id] = top;
        top += this.#size[id]!;
      } else {
        this.#first[id] = free[parent]!;
        free[parent]! += this.#size[id]!;
      }
      free[id] = this.#first[id]! + 1;
    }
  }

  /** Returns whether `node` depends on `other` along latest operands, or is it: if not, it still may along others. */
  leadsTo(other: number, node: number): boolean {
    const at = this.#first[node]! - this.#first[other]!;
    return at >= 0 && at < this.#size[other]!;
  }
}
