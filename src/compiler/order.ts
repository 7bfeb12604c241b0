/**
 * A topological order of the groups of a graph, kept while groups are merged: every group stands behind those that it needs. Groups are a linked
 * list with labels that rise along it, so that two can be compared, and a few moved, without looking at the others.
 */
export class TopologicalOrder {
  readonly #label: Float64Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** The end of the list on both sides. */
  readonly #end: number;

  /** Orders the groups 0 to size - 1 by their numbers. */
  constructor(size: number) {
    this.#end = size;
    this.#label = new Float64Array(size + 1);
    this.#next = Int32Array.from({ length: size + 1 }, (_, i) => (i === size ? 0 : i + 1));
    this.#previous = Int32Array.from({ length: size + 1 }, (_, i) => (i === 0 ? size : i - 1));
    this.#relabel();
  }

  isBefore(a: number, b: number): boolean {
    return this.#label[a]! < this.#label[b]!;
  }

  remove(group: number): void {
    const [before, after] = [this.#previous[group]!, this.#next[group]!];
    this.#next[before] = after;
    this.#previous[after] = before;
  }

  /** Puts `group`, which is in no list, where `other` is, which is in none afterwards. */
  replace(other: number, group: number): void {
    this.#insert(group, other);
    this.remove(other);
  }

  /** Moves groups to right behind `anchor`, or in front of it, in the order that they have among each other. */
  move(groups: readonly number[], anchor: number, behind: boolean): void {
    const sorted = groups.toSorted((a, b) => this.#label[a]! - this.#label[b]!);
    let at = behind ? anchor : this.#previous[anchor]!;
    for (const group of sorted) {
      this.remove(group);
      if (at === group) at = this.#previous[group]!;
      this.#insert(group, at);
      at = group;
    }
  }

  #insert(group: number, behind: number): void {
    const after = this.#next[behind]!;
    this.#next[behind] = this.#previous[after] = group;
    this.#previous[group] = behind;
    this.#next[group] = after;
    const low = behind === this.#end ? this.#label[after]! - 2 * SPACING : this.#label[behind]!;
    const high = after === this.#end ? low + 2 * SPACING : this.#label[after]!;
    const label = low + (high - low) / 2;
    this.#label[group] = label;
    if (!(low < label && label < high)) this.#relabel();
  }

  #relabel(): void {
    let label = 0;
    for (let at = this.#next[this.#end]!; at !== this.#end; at = this.#next[at]!) this.#label[at] = label += SPACING;
  }
}

/** Distance of labels at first, so that many can be put between two. */
const SPACING = 2 ** 20;
