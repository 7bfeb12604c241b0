import { dtypes } from '../dtype.js';
import { commonRegion, type RecomputeRegion } from '../graph/recompute-region.js';
import { sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';

/** Bytes of what a node makes, with what it saves for the backward pass; none where it is a view, or comes from outside. */
export function bytesOf({ op, shape, dtype, more }: Tensor): number {
  if (op.kind === 'view' || op.kind === 'leaf' || op.kind === 'output') return 0;
  return sizeOf(shape) * dtypes[dtype].bytes + more.reduce((sum, one) => sum + sizeOf(one.shape) * dtypes[one.dtype].bytes, 0);
}

/**
 * Bytes of activations that are held at once: those outside of recompute(), with what comes out of it, and of the insides, which are computed again one after the other, the
 * largest; likewise of what is inside one. Undefined where nothing is computed again.
 */
export function heldBytes(nodes: Iterable<Tensor>, outputs: readonly Tensor[]): number | undefined {
  /** The region within which all readers of a node are. */
  const regions = new Map<Tensor, RecomputeRegion | undefined>();
  const all = [...nodes];
  if (all.every(({ region$ }) => region$ === undefined)) return undefined;
  for (const node of all) regions.set(node, node.region$);
  const read = (tensor: Tensor, by: RecomputeRegion | undefined): void => {
    const node = owner(tensor);
    if (regions.has(node)) regions.set(node, commonRegion(regions.get(node), by));
  };
  for (const node of all) for (const input of node.inputs) read(input, node.region$);
  for (const output of outputs) read(output, undefined);
  const bytes = new Map<RecomputeRegion | undefined, number>();
  const add = (region: RecomputeRegion | undefined, count: number): void => void bytes.set(region, (bytes.get(region) ?? 0) + count);
  for (const [node, region] of regions) add(region, bytesOf(node));
  return largest(bytes);
}

/** Bytes outside of all regions, with those of the largest region, and of the largest in that. `bytes`: of each region, without those in it. */
function largest(bytes: ReadonlyMap<RecomputeRegion | undefined, number>): number {
  const inside = new Map<RecomputeRegion | undefined, number>();
  const regions = new Set<RecomputeRegion>();
  for (const region of bytes.keys()) for (let at = region; at !== undefined; at = at.parent) regions.add(at);
  const whole = (region: RecomputeRegion | undefined): number => (bytes.get(region) ?? 0) + (inside.get(region) ?? 0);
  for (const region of [...regions].toSorted((a, b) => b.depth - a.depth)) inside.set(region.parent, Math.max(inside.get(region.parent) ?? 0, whole(region)));
  return whole(undefined);
}

/** The node whose memory a tensor shows. */
function owner(tensor: Tensor): Tensor {
  let node = tensor;
  while ((node.op.kind === 'view' || node.op.kind === 'output') && node.inputs.length > 0) node = node.inputs[0]!;
  return node;
}
