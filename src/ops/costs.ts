// The cost model: estimated nanoseconds of instructions on one thread. Their sum over a program decides two things, and never a bit of a result: whether
// the program runs on the caller's thread (INLINE_NS in runtime/session.ts), and how many iterations of a repeated one go into a call (runtime/run.ts).
// Threads inside of an instruction are shared out by the kernels' own estimates.
//
// The numbers are rough on purpose, and rather too high: a program that is wrongly sent to another thread pays a hop of 15 to 100 us, one that is wrongly
// kept holds up the event loop. Held against the clock on one core of a Zen 5 (AVX-512; programs of one instruction on 10,000 to 100,000 elements,
// the shortest of 300 runs), most instructions take 0.3 to 1 times their estimate, a sum over rows 2.2 times, a gather from data in a cache 0.1 times.
import { sizeOf, type Shape } from '../shape.js';

/** Overhead of an instruction: its operands are bound and its kernel is called. */
const INSTRUCTION_NS = 30;
/** Bytes that one thread moves per nanosecond, within caches. */
const BYTES_PER_NS = 40;

/** An instruction without an estimate of its own: bytes that it touches. */
export function bytesCost(bytes: number): number {
  return Math.round(INSTRUCTION_NS + bytes / BYTES_PER_NS);
}

/** Time of an element for each operand that is read or written. */
const OPERAND_NS = 0.1;
/** Time of an element for each opcode. */
const OPCODE_NS = 0.2;

/** An elementwise program. */
export function elementwiseCost(elements: number, opcodes: number, operands: number): number {
  return Math.round(INSTRUCTION_NS + elements * (OPERAND_NS * operands + OPCODE_NS * opcodes));
}

/** Overhead of a matrix product: blocks are chosen, operands packed. */
const PRODUCT_NS = 100;
/** Floating-point operations of matrix products that one thread does per nanosecond. */
const FLOPS_PER_NS = 60;
/** Elements of operands and results that are packed or written per nanosecond. */
const PACKED_PER_NS = 10;

/** A matrix product [M, K] x [K, N]. */
export function productCost(M: number, N: number, K: number): number {
  return Math.round(PRODUCT_NS + (2 * M * N * K) / FLOPS_PER_NS + (M * K + K * N + M * N) / PACKED_PER_NS);
}

/** Time of a score: its exponential, and what goes with it. */
const SCORE_NS = 0.4;

/** Attention of a query [B, H, T, D] to values [B, K, S, E]; its gradient has 2.5 times the products. */
export function attentionCost(query: Shape, value: Shape, causal: boolean, products: number): number {
  const [B, H, T, D] = query as [number, number, number, number];
  const scores = (B * H * T * value[2]!) / (causal ? 2 : 1);
  return Math.round(PRODUCT_NS + scores * ((2 * products * (D + value[3]!)) / FLOPS_PER_NS + SCORE_NS));
}

/** Elements of keys and values that are read per nanosecond where each is used once. */
const CACHED_PER_NS = 8;

/** Attention of a query [B, H, 1, D] to a cache of values [B, K, C, E]: to half of its positions, on average. */
export function cachedAttentionCost([B, H, , D]: Shape, [, K, C, E]: Shape): number {
  return Math.round(PRODUCT_NS + (B! * C! * (H! * SCORE_NS + (K! * (D! + E!)) / CACHED_PER_NS)) / 2);
}

/** A convolution that multiplies so many weights at each of the pixels, and reads and writes so many elements of images: windows are read where they lie, not packed. */
export function convolutionCost(pixels: number, weights: number, images: number): number {
  return Math.round(PRODUCT_NS + (2 * pixels * weights) / FLOPS_PER_NS + (weights + images) / PACKED_PER_NS);
}

/** Overhead of an instruction whose kernel passes over rows, or draws. */
const ROWS_NS = 50;
/** Time of an element of a softmax: an exponential, and two passes. */
const SOFTMAX_NS = 1;

/** A softmax. */
export function softmaxCost(elements: number): number {
  return ROWS_NS + elements * SOFTMAX_NS;
}

/** Time of a row of logits, and of each of its classes. */
const ROW_NS = 10;
const CLASS_NS = 0.2;

/** A cross-entropy of N rows of C classes; `soft`: with probabilities, which are read beside them. */
export function crossEntropyCost(N: number, C: number, soft = false): number {
  return (soft ? 2 : 1) * (ROWS_NS + N * (ROW_NS + C * CLASS_NS));
}

/** Elements of windows that are added per nanosecond. */
const ADDED_PER_NS = 4;

/** Sums over windows, of so many elements in all, where so many are read and written. */
export function windowsCost(moved: number, added: number): number {
  return Math.round(bytesCost(4 * moved) + added / ADDED_PER_NS);
}

/** Overhead of connectionist temporal classification; of a time step, each class and each state of the expanded labels. */
const CTC_NS = 200;
const CTC_CLASS_NS = 0.7;
const CTC_STATE_NS = 8;

/** Connectionist temporal classification of N examples of T steps, C classes and so many labels. */
export function ctcCost(N: number, T: number, C: number, labels: number): number {
  return CTC_NS + N * T * (C * CTC_CLASS_NS + (2 * labels + 1) * CTC_STATE_NS);
}

/** Random numbers, each of so many nanoseconds. */
export function randomCost(shape: Shape, ns: number): number {
  return ROWS_NS + ns * sizeOf(shape);
}

/** Augmentation of images, of so many elements of so many nanoseconds each. */
export function imagesCost(elements: number, ns: number): number {
  return Math.round(ROWS_NS + elements * ns);
}

/** Time of a slice that is looked up, which is a jump, and of each element that is copied. */
const SLICE_NS = 5;
const COPIED_NS = 0.8;

/** A gather of so many slices, of so many elements in all; most of the data is not touched. */
export function gatherCost(elements: number, slices: number): number {
  return Math.round(INSTRUCTION_NS + SLICE_NS * slices + COPIED_NS * elements);
}

/** Time of a label, and of an element that is set to 0. */
const LABEL_NS = 3;
const ZERO_NS = 0.1;

/** One element of each of N rows taken. */
export function takeCost(N: number): number {
  return INSTRUCTION_NS + N * LABEL_NS;
}

/** One element of each of N rows set, among zeros. */
export function scatterCost(N: number, classes: number): number {
  return INSTRUCTION_NS + N * (LABEL_NS + classes * ZERO_NS);
}

/** Updates of rows of so many elements, which are looked up in so many arrays. */
export function updatedRowsCost(rows: number, width: number, arrays: number): number {
  return Math.round(bytesCost(4 * rows * width * arrays) + SLICE_NS * rows * arrays);
}
