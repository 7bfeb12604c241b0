import type { Lowered } from './instructions.js';
import { bytesOf, type Instruction } from './instructions.js';
import { isDense } from '../ops/layout.js';
import type { Value } from '../ops/emitter.js';

export interface MemoryPlan {
  /** Byte offset in the arena of each buffer that lives there. */
  readonly offsets: ReadonlyMap<number, number>;
  readonly arenaBytes: number;
}

/** Properties of native rows, as their families' rows.def have them. */
export interface RowProperties {
  /** Returns whether an output may be the very tensor that is an input. */
  inPlace(row: string): boolean;
}

const ALIGNMENT = 64;
/** Larger buffers are kept off distances of a power of two, which make them evict each other from caches (native/arena.cc). */
const STAGGER_FROM = 16384;
const STAGGER = 21 * ALIGNMENT;

interface Interval {
  readonly bytes: number;
  readonly first: number;
  last: number;
}

/**
 * Pass: gives every temporary a place in the arena; two share bytes when they are never needed at the same time.
 * An instruction of a row that works in place may write over an operand that nobody reads afterwards.
 */
export function planMemory(lowered: Lowered, rows: RowProperties): MemoryPlan {
  const intervals = lifetimes(lowered);
  const owner = donate(lowered, rows, intervals);
  const offsets = assignOffsets(intervals);
  let arenaBytes = 0;
  for (const [id, interval] of intervals) arenaBytes = Math.max(arenaBytes, offsets.get(id)! + interval.bytes);
  for (const [taker, giver] of owner) offsets.set(taker, offsets.get(root(owner, giver))!);
  return { offsets, arenaBytes };
}

function lifetimes(lowered: Lowered): Map<number, Interval> {
  const intervals = new Map<number, Interval>();
  lowered.instructions.forEach((instruction, at) => {
    for (const value of [...instruction.outputs, ...instruction.inputs]) {
      if (value === undefined || lowered.buffers[value.buffer.id]!.origin.in !== 'arena') continue;
      const known = intervals.get(value.buffer.id);
      if (known === undefined) intervals.set(value.buffer.id, { bytes: padded(bytesOf(value.buffer)), first: at, last: at });
      else known.last = at;
    }
  });
  return intervals;
}

function padded(bytes: number): number {
  const aligned = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
  return bytes >= STAGGER_FROM ? aligned + STAGGER : Math.max(aligned, ALIGNMENT);
}

/** Lets outputs of instructions that work in place take over the bytes of operands that end there: taker -> giver. */
function donate(lowered: Lowered, rows: RowProperties, intervals: Map<number, Interval>): Map<number, number> {
  const owner = new Map<number, number>();
  lowered.instructions.forEach((instruction, at) => {
    if (!rows.inPlace(instruction.row)) return;
    const given = new Set<number>();
    for (const output of instruction.outputs) {
      const taker = output === undefined ? undefined : intervals.get(output.buffer.id);
      if (output === undefined || taker === undefined || taker.first !== at) continue;
      const giver = instruction.inputs.find((input) => input !== undefined && canGive(lowered, intervals, owner, instruction, input, output, at, given));
      if (giver === undefined) continue;
      const from = root(owner, giver.buffer.id);
      given.add(from);
      owner.set(output.buffer.id, from);
      intervals.get(from)!.last = taker.last;
      intervals.delete(output.buffer.id);
    }
  });
  return owner;
}

function canGive(
  lowered: Lowered,
  intervals: Map<number, Interval>,
  owner: Map<number, number>,
  instruction: Instruction,
  input: Value,
  output: Value,
  at: number,
  given: Set<number>,
): boolean {
  const from = root(owner, input.buffer.id);
  const interval = intervals.get(from);
  const whole = (value: Value): boolean => isDense(value.layout) && value.layout.offset === 0 && sizeOfLayout(value) === value.buffer.elements;
  return (
    interval !== undefined &&
    interval.last === at &&
    !given.has(from) &&
    lowered.buffers[from]!.dtype === output.buffer.dtype &&
    bytesOf(output.buffer) === bytesOf(input.buffer) &&
    whole(input) &&
    whole(output) &&
    instruction.inputs.every((other) => other === input || other === undefined || root(owner, other.buffer.id) !== from)
  );
}

function sizeOfLayout(value: Value): number {
  return value.layout.shape.reduce((size, dim) => size * dim, 1);
}

function root(owner: ReadonlyMap<number, number>, id: number): number {
  let at = id;
  for (let next = owner.get(at); next !== undefined; next = owner.get(at)) at = next;
  return at;
}

/** Largest first, each at the lowest place that is free during its whole life. */
function assignOffsets(intervals: ReadonlyMap<number, Interval>): Map<number, number> {
  const offsets = new Map<number, number>();
  const order = [...intervals].sort(([a, x], [b, y]) => y.bytes - x.bytes || a - b);
  const placed = new PlacedIntervals(order.length);
  for (const [id, interval] of order) offsets.set(id, placed.add(interval));
  return offsets;
}

/** Intervals that have a place, by places that rise. In plain arrays: a long program has many, and each is compared with those before it. */
class PlacedIntervals {
  private count = 0;
  private readonly at: Float64Array;
  private readonly end: Float64Array;
  private readonly first: Int32Array;
  private readonly last: Int32Array;

  constructor(size: number) {
    this.at = new Float64Array(size);
    this.end = new Float64Array(size);
    this.first = new Int32Array(size);
    this.last = new Int32Array(size);
  }

  /** Gives an interval the lowest place that is free during its whole life. */
  add({ bytes, first, last }: Interval): number {
    let at = 0;
    for (let i = 0; i < this.count && this.at[i]! < at + bytes; i++) {
      const together = this.first[i]! <= last && first <= this.last[i]!;
      if (together && at < this.end[i]!) at = this.end[i]!;
    }
    this.insert(at, at + bytes, first, last);
    return at;
  }

  private insert(at: number, end: number, first: number, last: number): void {
    const i = this.behind(at);
    for (const array of [this.at, this.end, this.first, this.last]) array.copyWithin(i + 1, i, this.count);
    this.at[i] = at;
    this.end[i] = end;
    this.first[i] = first;
    this.last[i] = last;
    this.count++;
  }

  /** Returns how many lie at `at` or below. */
  private behind(at: number): number {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at[middle]! <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

