import { elementBytes, type BufferDType, type DType } from '../dtype.js';
import { codes } from '../ops/codes.js';
import type { Tensor } from '../tensor.js';
import type { Value } from '../ops/emitter.js';
import type { Destination } from './graph.js';
import { bytesOf, type Buffer, type Lowered } from './instructions.js';
import { denseLayout, isDense, type Layout } from '../ops/layout.js';
import type { MemoryPlan } from './memory.js';

/** Runtime numbers of a program: where they lie in its slot block and where their values come from. */
export interface SlotBinding {
  readonly offset: number;
  readonly dtype: BufferDType;
  readonly count: number;
  readonly from: { readonly leaf: Tensor } | { readonly value: number };
}

/** A compiled program: words for the native side (native/program.h), and what has to be bound to it for a run. */
export interface Program {
  readonly words: Uint32Array;
  /** Storages by index: an existing leaf, or the i-th storage that the run makes. */
  readonly storages: readonly ({ readonly leaf: Tensor } | { readonly fresh: number; readonly bytes: number; readonly strides: readonly number[] | undefined })[];
  /** Views by index: an input leaf's array, the block of scalars, or the i-th array that the run makes. */
  readonly externals: readonly ({ readonly leaf: Tensor } | { readonly scalars: number } | { readonly fresh: number; readonly elements: number; readonly dtype: DType })[];
  readonly slots: readonly SlotBinding[];
  readonly slotBytes: number;
  readonly arenaBytes: number;
  /** Estimated nanoseconds on one thread. */
  readonly cost: number;
}

/** Numbers of the native rows. */
export interface RowNumbers {
  row(name: string): number;
}

/** Place of a buffer in what is bound to a run, and the bytes by which it moves on with each iteration. */
interface Position {
  readonly space: number;
  readonly index: number;
  readonly offset: number;
  readonly strideBytes?: number;
}

const { magic: MAGIC, version: VERSION, none: NONE } = codes.format;
const MAX_RANK = codes.limits.rank;
const SPACE = codes.spaces;
const CODE: { readonly [D in BufferDType]: number } = codes.dtypes;

/** Pass: instructions and their memory plan to words. */
export function emit(lowered: Lowered, memory: MemoryPlan, native: RowNumbers): Program {
  return new Writer(lowered, memory, native).program();
}

class Writer {
  private readonly storages: Program['storages'][number][] = [];
  private readonly externals: Program['externals'][number][] = [];
  private readonly slots: SlotBinding[] = [];
  private slotBytes = 0;
  private readonly indices = new Map<string | Tensor, number>();
  private readonly bufferWords = new Words();
  private readonly bufferNumbers = new Map<number, number>();
  private readonly tensorWords = new Words();
  private readonly tensorNumbers = new Map<string, number>();
  private readonly scalars: number;

  constructor(
    private readonly lowered: Lowered,
    private readonly memory: MemoryPlan,
    private readonly native: RowNumbers,
  ) {
    this.scalars = lowered.buffers.filter((buffer) => buffer.origin.in === 'result' && buffer.origin.destination.to === 'scalar').length;
  }

  program(): Program {
    const instructionWords = new Words();
    let cost = 0;
    for (const { row, outputs, inputs, attrs, cost: ns, node } of this.lowered.instructions) {
      instructionWords.add([this.native.row(row), outputs.length, inputs.length, attrs.length, NONE, ns, node, 0]);
      for (const list of [outputs, inputs]) instructionWords.add(list.map((value) => (value === undefined ? NONE : this.tensor(value))));
      instructionWords.add(attrs);
      cost += ns;
    }
    // A result without elements may need no instruction, but an array it is all the same.
    for (const buffer of this.lowered.buffers) if (buffer.origin.in === 'result') this.buffer(buffer.id);
    this.slotBytes = Math.ceil(this.slotBytes / 8) * 8;
    const header = this.header(instructionWords.length, cost);
    const words = concatenated([Uint32Array.from(header), this.bufferWords.written, this.tensorWords.written, instructionWords.written]);
    return {
      words,
      storages: this.storages,
      externals: this.externals,
      slots: this.slots,
      slotBytes: this.slotBytes,
      arenaBytes: this.memory.arenaBytes,
      cost,
    };
  }

  private header(instructionWords: number, cost: number): number[] {
    const total = 16 + this.bufferWords.length + this.tensorWords.length + instructionWords;
    return [
      MAGIC,
      VERSION,
      total,
      this.bufferNumbers.size,
      this.tensorNumbers.size,
      this.lowered.instructions.length,
      this.storages.length,
      this.externals.length,
      this.slotBytes / 4,
      ...twoWords(this.memory.arenaBytes),
      Math.min(cost, NONE),
      0,
      0,
      0,
      0,
    ];
  }

  private tensor(value: Value): number {
    const buffer = this.buffer(value.buffer.id);
    // A stride that is never taken may be anything: one form for all, so that equal tensors are seen to be equal. So may be where nothing
    // begins, which is behind the buffer for a part of what has no elements.
    const offset = value.layout.shape.includes(0) ? 0 : value.layout.offset;
    const { shape, strides } = isDense(value.layout) ? denseLayout(value.layout.shape) : value.layout;
    const key = `${buffer} ${offset} ${shape.join()} ${strides.join()}`;
    let number = this.tensorNumbers.get(key);
    if (number === undefined) {
      number = this.tensorNumbers.size;
      this.tensorNumbers.set(key, number);
      this.tensorWords.add([buffer]);
      this.tensorWords.add(descriptor({ shape, strides, offset }));
    }
    return number;
  }

  private buffer(id: number): number {
    let number = this.bufferNumbers.get(id);
    if (number === undefined) {
      number = this.bufferNumbers.size;
      this.bufferNumbers.set(id, number);
      const buffer = this.lowered.buffers[id]!;
      const { space, index, offset, strideBytes = 0 } = this.place(buffer);
      this.bufferWords.add([space, CODE[buffer.dtype], index, ...twoWords(offset), ...twoWords(bytesOf(buffer)), strideBytes]);
    }
    return number;
  }

  private place(buffer: Buffer): Position {
    const { origin } = buffer;
    switch (origin.in) {
      case 'arena':
        return { space: SPACE.arena, index: 0, offset: this.memory.offsets.get(buffer.id)! };
      case 'constant':
        return this.slot(buffer, { value: origin.value });
      case 'leaf': {
        const { leaf } = origin;
        if (leaf.storage$ !== undefined || leaf.data$ === undefined) {
          if (leaf.slots$ !== undefined) return this.slot(buffer, { leaf });
          return { space: SPACE.storage, index: this.numbered(leaf, this.storages, { leaf }), offset: 0 };
        }
        const advances = leaf.op.kind === 'leaf' && leaf.op.perIteration === true;
        return { space: SPACE.input, index: this.numbered(leaf, this.externals, { leaf }), offset: 0, strideBytes: advances ? bytesOf(buffer) : 0 };
      }
      case 'result':
        return this.result(buffer, origin.destination, origin.strides);
      default:
        return origin satisfies never;
    }
  }

  /** Arrays hold the results of all iterations of a repeated run, one after the other. */
  private result(buffer: Buffer, destination: Destination, strides: readonly number[] | undefined): Position {
    switch (destination.to) {
      case 'scalar': {
        const index = this.numbered('scalars', this.externals, { scalars: this.scalars });
        return { space: SPACE.output, index, offset: destination.index * bytesOf(buffer), strideBytes: this.scalars * bytesOf(buffer) };
      }
      case 'view': {
        const made = { fresh: destination.index, elements: buffer.elements, dtype: buffer.dtype as DType };
        return { space: SPACE.output, index: this.numbered(`view ${destination.index}`, this.externals, made), offset: 0, strideBytes: bytesOf(buffer) };
      }
      case 'storage': {
        const made = { fresh: destination.index, bytes: bytesOf(buffer), strides };
        return { space: SPACE.storage, index: this.numbered(`storage ${destination.index}`, this.storages, made), offset: 0 };
      }
      case 'leaf':
        return { space: SPACE.storage, index: this.numbered(destination.leaf, this.storages, { leaf: destination.leaf }), offset: 0 };
      default:
        return destination satisfies never;
    }
  }

  private numbered<T>(key: string | Tensor, list: T[], binding: T): number {
    let index = this.indices.get(key);
    if (index === undefined) {
      index = list.length;
      list.push(binding);
      this.indices.set(key, index);
    }
    return index;
  }

  private slot(buffer: Buffer, from: SlotBinding['from']): Position {
    const bytes = elementBytes[buffer.dtype];
    const offset = Math.ceil(this.slotBytes / bytes) * bytes;
    this.slots.push({ offset, dtype: buffer.dtype, count: buffer.elements, from });
    this.slotBytes = offset + bytesOf(buffer);
    return { space: SPACE.slots, index: 0, offset };
  }
}

/** Words that are written one after the other, however many. */
class Words {
  private words = new Uint32Array(1024);
  length = 0;

  add(values: readonly number[]): void {
    if (this.length + values.length > this.words.length) {
      const larger = new Uint32Array(2 * (this.length + values.length));
      larger.set(this.words);
      this.words = larger;
    }
    for (const value of values) this.words[this.length++] = value;
  }

  get written(): Uint32Array {
    return this.words.subarray(0, this.length);
  }
}

function concatenated(parts: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function twoWords(value: number): [number, number] {
  return [value % 2 ** 32, Math.floor(value / 2 ** 32)];
}

/** Element offset, rank, a reserved word, dims and strides, as native/program.h has them. */
function descriptor({ shape, strides, offset }: Layout): number[] {
  const dims = Array.from({ length: MAX_RANK }, (_, d) => shape[d] ?? 0);
  const steps = Array.from({ length: MAX_RANK }, (_, d) => (strides[d] ?? 0) >>> 0);
  return [offset, shape.length, 0, ...dims, ...steps];
}
