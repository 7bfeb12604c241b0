import type { DType } from '../dtype.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Emitter, Value } from './emitter.js';
import type { Layout, Order } from './layout.js';

/** Attributes fix what an op is (axes, sizes, flags); numbers that may change from step to step are operands instead. */
export type Attrs = { readonly [name: string]: AttrValue };
export type AttrValue = number | string | boolean | undefined | readonly AttrValue[];

export interface Meta {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Shape and dtype of a node's first output, and of those behind it. */
export interface Inferred extends Meta {
  /** Outputs 1, 2, ...; see outputOf() in graph/recorder.ts. */
  readonly more?: readonly OutputMeta[];
}

export interface OutputMeta extends Meta {
  /** Only gradients read it (a log-sum-exp, pooling indices), so that none flows into it. */
  readonly auxiliary?: true;
}

/** Distance that a value may have from the reference: |got - expected| <= absolute + relative * |expected|. */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

/** d loss / d output for each output of a node; undefined for one that the loss does not depend on. The one of a node with one output is there. */
export type OutputGradients = readonly [Tensor] | readonly (Tensor | undefined)[];

/**
 * d loss / d inputs from d loss / d outputs, composed of ops; undefined for an input that has none (labels, indices).
 * `node` is the op's first output: its inputs are node.inputs, its other outputs outputOf(node, i).
 */
export type GradientRule<A, G extends OutputGradients = readonly [Tensor]> = (dys: G, node: Tensor, attrs: A) => readonly (Tensor | undefined)[];

/** Operands that a test feeds an op: shapes, dtypes and the half-open range [from, to) that values are drawn from (whole ones for integers). */
export interface Example {
  readonly inputs: readonly {
    readonly shape: Shape;
    readonly dtype?: DType;
    readonly from?: number;
    readonly to?: number;
    /** 'view' hands it over transposed, so that strides are exercised. */
    readonly as?: 'view';
  }[];
  readonly attrs?: Attrs;
}

interface Common<A, G extends OutputGradients = readonly [Tensor]> {
  readonly name: string;
  /** Shapes and dtypes of the outputs. Throws ShapeError, DTypeError or ArgumentError in the user's words. */
  infer(inputs: readonly Tensor[], attrs: A): Inferred;
  /** The gradient rule, or the reason why there is none: because the value has no slope (`none`), or because nobody has written it, so that to need it is an error (`missing`). */
  readonly gradient: GradientRule<A, G> | { readonly none: string } | { readonly missing: string };
  /** Inputs and outputs that the gradient rule reads, so that a read in the middle of a step can keep them. */
  readonly saves?: { readonly inputs?: readonly number[]; readonly outputs?: readonly number[] };
  /** The sum of two of its results as one node, where that is less than an addition; undefined where it is not. Gradients add up by it. */
  join?(sum: Tensor, term: Tensor): Tensor | undefined;
  /** The function that users call, where that has another name: of a gradient, the one whose gradient it is. Errors of a running step begin with it. */
  readonly calledBy?: string;
  /** Agreement of values with the reference in the same storage type. */
  readonly tolerance: Tolerance;
  /** Operands that the tests run it on. */
  readonly examples: () => readonly Example[];
}

/** The composition of an op with instructions of its own. It is compiled as that where there is no such instruction: for the reference, another dtype, an export. */
interface Decomposable<A> {
  decompose?(inputs: readonly Tensor[], attrs: A): Tensor | readonly Tensor[];
}

/** Element by element; any number of them fuse into one pass. `opcode` is a row of native/kernels/pointwise/opcodes.def. */
export interface PointwiseRecord<A = Attrs> extends Common<A>, Decomposable<A> {
  readonly kind: 'pointwise';
  readonly opcode: string;
  /** Work that a contraction can do in its place while its tile is hot (see Epilogue): an activation by its native code, the mask `b where a > 0`, a sum, or a product. */
  readonly epilogue?: { readonly activation: number } | { readonly mask: true } | { readonly adds: true } | { readonly multiplies: true };
  /** The number that leaves the other operand as it is: 1 for mul, 0 for add. */
  readonly identity?: number;
}

/** Another way to look at the same elements; undefined where the strides cannot express it (then they are copied first). */
export interface ViewRecord<A = Attrs> extends Common<A> {
  readonly kind: 'view';
  view(input: Layout, node: Meta, attrs: A): Layout | undefined;
}

/** Done by native instructions of its own. */
export interface KernelRecord<A = Attrs, G extends OutputGradients = readonly [Tensor]> extends Common<A, G>, Decomposable<A> {
  readonly kind: 'reduction' | 'contraction' | 'kernel' | 'random';
  /** Kind of the indices that the op takes: positions of any kind, labels of classes, tokens of a vocabulary, lengths of sequences, or a fault that it looks for. Decides what is said where one is out of range. */
  readonly indices?: 'positions' | 'labels' | 'tokens' | 'lengths' | 'fault';
  /** Floating-point operations, where they are not one for each element: see ops/flops.ts. A multiplication with its addition is two. */
  flops?(inputs: readonly Meta[], output: Meta): number;
  /** Returns what it can do with its first output while that is hot, in the order in which it is done; of a contraction, in front of activation and mask. */
  epilogue?(attrs: A): EpilogueSteps;
  /** Position of an input that may be a sum: the kernel adds up its terms as it reads them. */
  readonly prologue?: number;
  /** Order in which it leaves an output of that shape; row-major where left out. A rule of the op and its operands alone: see ADR 8. */
  order?(shape: Shape, inputs: readonly Layout[]): Order | undefined;
  /** `epilogue` and `prologue` come to those only that can do what is in them. */
  emit(e: Emitter, attrs: A, epilogue?: Epilogue, prologue?: Prologue): void;
  readonly siblings?: SiblingFusion<A>;
  /** The way to do it for some rows of a large input after the other; undefined where there is none. See compiler/chunk.ts. */
  chunking?(inputs: readonly Meta[], attrs: A, large: { readonly input: number; readonly side: RowSide }): Chunking | undefined;
}

/** Side of an operand, which counts as a matrix, that has the rows: in [.., C] all dimensions but the last, in [C, rows] the last. */
export type RowSide = 'first' | 'last';

/** An op that is done for some rows after the other. */
export interface Chunking {
  /** By input, where the rows of those are that are cut; the others are read as a whole. */
  readonly cut: readonly (RowSide | undefined)[];
  /**
   * The result has those rows, too; or it is a sum over all rows, of which each element is a chain that `emit` goes on with (see Epilogue), or the parts' sums are added in pairs by that
   * opcode.
   */
  readonly result: 'rows' | 'chain' | { readonly pairwise: string };
}

/** Step of an epilogue: numbers along the channels are added (bias, shift) or multiplied by (scale), or what has the output's shape is added (residual). */
export type EpilogueStep = 'bias' | 'scale' | 'shift' | 'residual';

/** Steps that a kernel can do, in their order; `axis`: that of the channels, counted from the last (-1). */
export interface EpilogueSteps {
  readonly axis: number;
  readonly steps: readonly EpilogueStep[];
  /** False: no activation and no mask comes behind them. */
  readonly activates?: boolean;
}

/** Sum that a kernel makes of an input itself: its terms, dense and row-major, and where it is written, if anybody else reads it. */
export interface Prologue {
  readonly terms: readonly [Value, Value];
  readonly sum: Value | undefined;
}

/**
 * Work on the output of a kernel, mostly a contraction, that is done while its tile is hot: first the steps, of which `bias`, `scale` and `shift` are dense, one number for each channel, and `residual` is
 * of the output's shape and order, then the activation or the mask.
 */
export interface Epilogue extends Partial<Readonly<Record<EpilogueStep, Value>>> {
  /** Native code of the activation. */
  readonly activation?: number;
  /** Of the output's shape and order: 0 where it is not above 0. */
  readonly mask?: Value;
  /** True: sums go on from what lies in the output. */
  readonly accumulate?: true;
}

/** Fusion of an op with another one of the same first inputs and the same attributes, where nothing that it needs comes of that one's result. */
export interface SiblingFusion<A = Attrs> {
  readonly op: KernelRecord<never>;
  /** Writes both: `other` stands for the node of the other op. */
  emit(e: Emitter, other: Emitter, attrs: A): void;
}

/** Stays whole in the graph; compiled as the composition it returns. */
export interface CompositeRecord<A = Attrs, G extends OutputGradients = readonly [Tensor]> extends Common<A, G> {
  readonly kind: 'composite';
  /**
   * The gradient rule is a user's function, which may do something else each time. backward() calls it, and what it composes is part of the
   * step's structure; see graph/recorded-rule.ts.
   */
  readonly closure?: true;
  /** An effect that makes the first input what the result would be: where a buffer is assigned it, its other elements need not move. */
  inPlace?(inputs: readonly Tensor[], attrs: A): Tensor;
  decompose(inputs: readonly Tensor[], attrs: A): Tensor | readonly Tensor[];
}

/** Writes some of its inputs in place, after all readers of their old values. Its inputs are leaves and gradients. */
export interface EffectRecord<A = Attrs> extends Common<A> {
  readonly kind: 'effect';
  /** Positions of the inputs that it overwrites. */
  writes(attrs: A): readonly number[];
  emit(e: Emitter, attrs: A): void;
}

/** A value that comes from outside the graph. */
export interface LeafRecord extends Common<Attrs> {
  readonly kind: 'leaf';
  /** The number that it always is. Part of the structure by being the record's: a plan may be made for it. */
  readonly constant?: number;
  /** True of an array of which each iteration of a repeated program reads the elements that follow. */
  readonly perIteration?: true;
}

/** An output behind the first of the node that is its only input. */
export interface OutputRecord extends Common<{ readonly index: number }> {
  readonly kind: 'output';
}

export type OpRecord =
  | PointwiseRecord<never>
  | ViewRecord<never>
  | KernelRecord<never, never>
  | CompositeRecord<never, never>
  | EffectRecord<never>
  | LeafRecord
  | OutputRecord;
