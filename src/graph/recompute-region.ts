/** The nodes that one call of recompute() records: gradient rules read them as they are computed again, so that none of them waits for the backward pass. */
export class RecomputeRegion {
  /** True while its nodes are being recorded. */
  isOpen = true;
  readonly depth: number;

  /** `parent`: the region in which it is recorded; `version`: the number of updates submitted before. */
  constructor(
    readonly parent: RecomputeRegion | undefined,
    readonly version: number,
  ) {
    this.depth = parent === undefined ? 0 : parent.depth + 1;
  }

  /** The region around it that is in no other one. */
  get outermost(): RecomputeRegion {
    return this.parent?.outermost ?? this;
  }

  /** Returns whether `region` is this one, or within it. */
  contains(region: RecomputeRegion | undefined): boolean {
    for (let at = region; at !== undefined && at.depth >= this.depth; at = at.parent) if (at === this) return true;
    return false;
  }
}

/** The innermost region that contains both; undefined where there is none. */
export function commonRegion(a: RecomputeRegion | undefined, b: RecomputeRegion | undefined): RecomputeRegion | undefined {
  let region = a;
  while (region !== undefined && !region.contains(b)) region = region.parent;
  return region;
}

/** Regions of nodes, and regions around them, as numbers: a region has its number by the place of the first node that is in it. */
export class RegionNumbers {
  /** That of each node; -1 for none. */
  readonly #nodes: readonly number[];
  /** That of the region around each region; -1 for none. */
  readonly #parents: number[] = [];

  constructor(regions: readonly (RecomputeRegion | undefined)[]) {
    const numbers = new Map<RecomputeRegion, number>();
    const numberOf = (region: RecomputeRegion | undefined): number => {
      if (region === undefined) return -1;
      const known = numbers.get(region);
      if (known !== undefined) return known;
      const parent = numberOf(region.parent);
      numbers.set(region, this.#parents.length);
      return this.#parents.push(parent) - 1;
    };
    this.#nodes = regions.map(numberOf);
  }

  equals(other: RegionNumbers): boolean {
    return same(this.#nodes, other.#nodes) && same(this.#parents, other.#parents);
  }
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((number, i) => number === b[i]);
}
