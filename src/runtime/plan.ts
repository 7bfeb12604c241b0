import { compile, type CompileOptions } from '../compiler/compile.js';
import type { SlotBinding } from '../compiler/emit.js';
import type { Wanted } from '../compiler/graph.js';
import { dtypes, type BufferDType, type DType, type TypedArray } from '../dtype.js';
import { gradients } from '../graph/autodiff.js';
import type { Storage } from '../graph/engine.js';
import { withoutTracking } from '../graph/recorder.js';
import { staleError } from '../graph/stale.js';
import { currentPlacement } from '../graph/version.js';
import { allocate } from '../numeric-array.js';
import { accumulate } from '../ops/accumulate.js';
import type { Attrs, OpRecord } from '../ops/record.js';
import type { Tensor } from '../tensor.js';
import type { Native } from './binding.js';
import { foreignError } from './foreign.js';
import { commitsOf, lookAtLosses, sumOf, updatesOf, wholeGradients, type Request } from './request.js';
import { INLINE_NS, type LoadedProgram, type Session, type Submission } from './session.js';
import { GraphSignature } from './graph-signature.js';

/** A leaf that a program reads or writes: one of the request's nodes, by position, or one that the plan made itself. */
type LeafRef = { readonly position: number } | { readonly leaf: Tensor };

/**
 * Time that repeated steps may take in one call, in estimated ns: nothing can be stopped or looked at meanwhile. Long enough for them to
 * run elsewhere, while the next ones' numbers are computed.
 */
const REPEATED_NS = 2 * INLINE_NS;

/** Source of the numbers of further iterations. */
export interface Numbers {
  /** Goes on to those of another iteration; false where there can be none. */
  next(): boolean;
}

/** Results of a run besides its effects: of scalars and arrays, those of each iteration, one after the other. */
export interface Results {
  readonly scalars: Float32Array;
  readonly arrays: readonly TypedArray[];
  readonly storages: readonly Storage[];
}

/** Place of a number in the slot block, and its source. */
type Slot = Omit<SlotBinding, 'from'> & { readonly from: LeafRef | { readonly value: number } };

function isNumber(slot: Slot): slot is Slot & { readonly from: LeafRef } {
  return !('value' in slot.from);
}

/** A program, and how a request of its structure is bound to it. */
export class Plan {
  readonly signature: GraphSignature;
  readonly program: LoadedProgram;
  readonly cost: number;
  readonly temporaryBytes: number;
  /** The storages of a program, by their numbers: of nodes of the request, ... */
  private readonly given: readonly { readonly number: number; readonly position: number }[];
  /** ... of leaves that the plan made itself, of which there may be thousands, ... */
  private readonly own: readonly { readonly number: number; readonly leaf: Tensor }[];
  /** ... and of results. */
  private readonly fresh: readonly { readonly number: number; readonly index: number; readonly bytes: number; readonly strides: readonly number[] | undefined }[];
  private readonly externals: readonly (LeafRef | { readonly scalars: number } | { readonly fresh: number; readonly elements: number; readonly dtype: DType })[];
  private readonly slots: readonly Slot[];
  /** Slots that may change from run to run. */
  private readonly numbers: readonly (Slot & { readonly from: LeafRef })[];
  private readonly slotBytes: number;
  private blocks: Blocks;
  private readonly operands: readonly Operands[];
  /** The scalars of runs that are over when they have been submitted: to hand a new array to the native side takes a microsecond. */
  private readonly scalars: Float32Array<ArrayBuffer>;
  /** The native numbers of the storages, and when the plan's own leaves had those of theirs. */
  private readonly ids: Int32Array;
  private placement = -1;

  constructor(request: Request, nodes: readonly Tensor[], session: Session, native: Native, options: CompileOptions) {
    this.signature = new GraphSignature(request, nodes);
    const positions = new Map(nodes.map((node, i) => [node, i]));
    const { wanted, effects, order } = whatToCompute(request, positions);
    const { program, origins } = compile(wanted, effects, native, options, order);
    this.operands = origins.map(({ op, attrs, inputs }) => ({ op, attrs, inputs: inputs.map((tensor) => positions.get(tensor)) }));
    this.program = session.program(program.words);
    this.cost = program.cost;
    this.temporaryBytes = program.arenaBytes;
    const source = (leaf: Tensor): LeafRef => {
      const position = positions.get(leaf);
      return position === undefined ? { leaf } : { position };
    };
    const leaves = program.storages.map((binding, number) => ({ number, leaf: 'leaf' in binding ? binding.leaf : undefined }));
    this.given = leaves.flatMap(({ number, leaf }) => (leaf !== undefined && positions.has(leaf) ? [{ number, position: positions.get(leaf)! }] : []));
    this.own = leaves.flatMap(({ number, leaf }) => (leaf !== undefined && !positions.has(leaf) ? [{ number, leaf }] : []));
    this.fresh = program.storages.flatMap((binding, number) => ('fresh' in binding ? [{ number, index: binding.fresh, bytes: binding.bytes, strides: binding.strides }] : []));
    this.externals = program.externals.map((binding) => ('leaf' in binding ? source(binding.leaf) : binding));
    this.slots = program.slots.map((binding) => ({ ...binding, from: 'leaf' in binding.from ? source(binding.from.leaf) : binding.from }));
    this.numbers = this.slots.filter(isNumber);
    this.slotBytes = program.slotBytes;
    this.blocks = blocksFor(1, program.slotBytes, this.slots);
    this.ids = new Int32Array(program.storages.length);
    this.scalars = new Float32Array(program.externals.reduce((count, view) => ('scalars' in view ? view.scalars : count), 0));
  }

  /**
   * A native run for a request of this structure, repeated for as many iterations as `numbers` goes on to, `maxSteps` at most, and as may be
   * without a look at the event loop.
   */
  submission(nodes: readonly Tensor[], session: Session, atOnce: boolean, maxSteps: number, numbers: Numbers): Submission {
    const limit = maxSteps === 1 ? 1 : Math.max(1, Math.min(maxSteps, Math.floor(REPEATED_NS / this.cost)));
    const count = this.fill(nodes, limit, numbers);
    const cost = this.cost * count;
    const here = session.runsHere(cost, atOnce);
    const { ids, slotBytes } = this;
    for (const { number, position } of this.given) ids[number] = idIn(session, nodes[position]!);
    if (this.placement !== currentPlacement()) {
      for (const { number, leaf } of this.own) ids[number] = idIn(session, leaf);
      this.placement = currentPlacement();
    }
    const storages: Storage[] = [];
    for (const { number, index, bytes, strides } of this.fresh) ids[number] = (storages[index] = session.allocateResult(bytes, strides)).id;
    const arrays: TypedArray[] = [];
    let scalars: Float32Array = NO_SCALARS;
    const externals: ArrayBufferView[] = [];
    for (const binding of this.externals) {
      if ('scalars' in binding) externals.push((scalars = here && count === 1 ? this.scalars : new Float32Array(binding.scalars * count)));
      else if ('fresh' in binding) {
        const { dtype, elements } = binding;
        externals.push((arrays[binding.fresh] = allocate('data', 'the result', elements * count, () => new dtypes[dtype].array(elements * count))));
      } else externals.push(leafOf(binding, nodes).data$!);
    }
    const { uint8 } = this.blocks;
    const slots = uint8.length === count * slotBytes ? uint8 : uint8.subarray(0, count * slotBytes);
    // What is over when the call returns gets by with arrays that the next one uses again.
    return { program: this.program, count, ns: cost, here, externals, storages: here ? ids : ids.slice(), slots: here ? slots : slots.slice(), results: { scalars, arrays, storages } };
  }

  /** Results that no other run will overwrite. */
  lasting(results: Results): Results {
    return results.scalars === this.scalars ? { ...results, scalars: results.scalars.slice() } : results;
  }

  /**
   * Fills the slot blocks of up to `limit` iterations: with the numbers that the request's slots hold now, and with those that
   * numbers.next() makes them hold; fewer, where it says no. Returns how many.
   */
  private fill(nodes: readonly Tensor[], limit: number, numbers: Numbers): number {
    if (this.blocks.count < limit) this.blocks = blocksFor(limit, this.slotBytes, this.slots);
    const values = this.numbers.map(({ from }) => leafOf(from, nodes).slots$!);
    let count = 0;
    do this.fillBlock(values, count++);
    while (count < limit && numbers.next());
    return count;
  }

  /** The op that an instruction's node number stands for, with its attributes, and its operands among the request's nodes. */
  describe(node: number, nodes: readonly Tensor[]): { op: OpRecord; attrs: Attrs | undefined; inputs: readonly Tensor[] } | undefined {
    const operands = this.operands[node];
    return operands && { op: operands.op, attrs: operands.attrs, inputs: operands.inputs.flatMap((position) => (position === undefined ? [] : [nodes[position]!])) };
  }

  private fillBlock(values: readonly ArrayLike<number>[], iteration: number): void {
    const { numbers, blocks, slotBytes } = this;
    for (let n = 0; n < numbers.length; n++) {
      const { offset, dtype, count } = numbers[n]!;
      const block = blocks[dtype];
      const at = (iteration * slotBytes + offset) / block.BYTES_PER_ELEMENT;
      const live = values[n]!;
      for (let i = 0; i < count; i++) block[at + i] = live[i]!;
    }
  }
}

interface Operands {
  readonly op: OpRecord;
  readonly attrs: Attrs | undefined;
  readonly inputs: readonly (number | undefined)[];
}

const NO_SCALARS = new Float32Array(0);

export const NO_RESULTS: Results = { scalars: NO_SCALARS, arrays: [], storages: [] };

function leafOf(source: LeafRef, nodes: readonly Tensor[]): Tensor {
  return 'position' in source ? nodes[source.position]! : source.leaf;
}

/** The number of the storage that holds a leaf. Throws for one of another session, and one that has none any more. */
function idIn(session: Session, leaf: Tensor): number {
  const storage = leaf.storage$;
  if (storage === undefined) throw staleError('step', leaf);
  if (!session.owns(storage)) throw foreignError(leaf);
  return storage.id;
}

/** Slot blocks of several iterations, seen as each dtype. Numbers that never change are there already. */
type Blocks = Readonly<Record<Exclude<BufferDType, 'uint8'>, TypedArray | Float64Array>> & { readonly count: number; readonly uint8: Uint8Array };

function blocksFor(count: number, slotBytes: number, slots: readonly Slot[]): Blocks {
  const buffer = new ArrayBuffer(count * slotBytes);
  const uint8 = new Uint8Array(buffer);
  const blocks = { count, uint8, bool: uint8, float32: new Float32Array(buffer), int32: new Int32Array(buffer), float64: new Float64Array(buffer) };
  for (const { offset, dtype, from } of slots) {
    if (!('value' in from)) continue;
    const block = blocks[dtype];
    for (let i = 0; i < count; i++) block[(i * slotBytes + offset) / block.BYTES_PER_ELEMENT] = from.value;
  }
  return blocks;
}

/**
 * Turns losses and updates into nodes: gradients by reverse mode, then the effects that the optimizer makes of them. `order`: the outputs, then the gradients from the
 * last layer to the first, as the backward pass finishes them, so that it holds nothing of the layers that it has left.
 */
function whatToCompute(request: Request, positions: ReadonlyMap<Tensor, number>): { wanted: Wanted[]; effects: Tensor[]; order: Tensor[] } {
  const reached = request.updates.filter((update) => update.hasGradient);
  const targets = [...reached.map(({ parameter }) => parameter), ...request.accumulations.map(({ parameter }) => parameter)];
  const computed = new Map(gradients(request.losses, targets, request.rules).map((gradient, i) => [targets[i], gradient]));
  const backward = targets.toSorted((a, b) => positions.get(b)! - positions.get(a)!).flatMap((target) => computed.get(target) ?? []);
  const order = [...request.outputs.map(({ tensor }) => tensor), ...backward];
  return withoutTracking(() => {
    const effects: Tensor[] = [...request.effects, ...lookAtLosses(request)];
    const wanted: Wanted[] = [...request.outputs];
    for (const accumulation of request.accumulations) {
      const { accumulator, earlier } = accumulation;
      const gradient = computed.get(accumulation.parameter);
      if (earlier !== accumulator) {
        const whole = sumOf(earlier, gradient);
        if (whole !== undefined) wanted.push({ tensor: whole, destination: { to: 'leaf', leaf: accumulator } });
      } else if (gradient !== undefined) effects.push(accumulate(accumulator, gradient));
    }
    if (request.updater !== undefined) effects.push(...updatesOf(request, wholeGradients(request, computed)));
    effects.push(...commitsOf(request));
    return { wanted, effects, order };
  });
}
