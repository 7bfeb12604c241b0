import type { Attrs, OpRecord } from '../ops/record.js';
import type { Tensor } from '../tensor.js';
import { emit, type Program, type RowNumbers } from './emit.js';
import { decompose } from './decompose.js';
import { fuse } from './fuse.js';
import { buildGraph, type Wanted } from './graph.js';
import type { Lowered } from './instructions.js';
import { lower, type NativeRows } from './lower.js';
import { planMemory, type RowProperties } from './memory.js';
import { widen } from './widen.js';

export interface CompileOptions {
  /** Fuse chains and epilogues; without, every op is an instruction of its own. */
  readonly fuse: boolean;
  /** Compile ops that have instructions of their own, and are compositions too, by those instructions. */
  readonly whole: boolean;
  /** Compute in float64 instead of float32, which only the reference target can. */
  readonly double?: boolean;
}

/** Meanings of the nodes that instructions carry: an op, its attributes and the handles of its operands. */
export type NodeDescriptions = readonly { readonly op: OpRecord; readonly attrs: Attrs | undefined; readonly inputs: readonly Tensor[] }[];

/** Lowers what is wanted, and the effects behind it, to instructions. `order`: nodes behind them that are computed in this order, with what they need, before anything else. */
export function lowerAll(
  wanted: readonly Wanted[],
  effects: readonly Tensor[],
  native: NativeRows,
  options: CompileOptions,
  order: readonly Tensor[] = [],
): { lowered: Lowered; origins: NodeDescriptions } {
  const expanded = decompose([...order, ...wanted.map((want) => want.tensor), ...effects], options.whole);
  const results = wanted.map(({ destination }, i) => ({ tensor: expanded[order.length + i]!, destination }));
  const graph = buildGraph(results, expanded.slice(order.length + wanted.length), expanded.slice(0, order.length));
  const instructions = lower(graph, fuse(graph, options), native);
  const origins = graph.nodes.map(({ op, attrs, inputs }) => ({ op, attrs, inputs: inputs.map((input) => graph.nodes[input]!.tensor) }));
  return { lowered: options.double === true ? widen(instructions) : instructions, origins };
}

/** Compiles nodes to a program: expand, number, fuse, lower, plan memory, emit. Every pass is a pure function. */
export function compile(
  wanted: readonly Wanted[],
  effects: readonly Tensor[],
  native: NativeRows & RowNumbers & RowProperties,
  options: CompileOptions,
  order: readonly Tensor[] = [],
): { program: Program; origins: NodeDescriptions } {
  const { lowered, origins } = lowerAll(wanted, effects, native, options, order);
  return { program: emit(lowered, planMemory(lowered, native), native), origins };
}
