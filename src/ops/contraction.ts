import type { DType } from '../dtype.js';
import { ShapeError } from '../errors.js';
import type { Emitter, Value } from './emitter.js';
import { asMatrix, broadcastTo, isDense, isMatrix, permutedLayout, reshaped } from './layout.js';
import { record } from '../graph/recorder.js';
import { broadcastShapes, showShape, sizeOf, type Shape } from '../shape.js';
import type { Linear, LinearFits, MatMul, MatMulFits } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { checkOperands, checkSameDType, FLOAT } from './check.js';
import { codes } from './codes.js';
import { productCost } from './costs.js';
import { example } from './examples.js';
import type { Epilogue, Example, KernelRecord, Tolerance } from './record.js';
import { sumTo } from './broadcasting.js';
import { sum } from './reductions.js';
import { reshape, transpose, unsqueeze } from './views.js';

/** A chain of FMAs against a sum in double, of up to some hundred products of size about 1. */
const PRODUCTS: Tolerance = { absolute: 4e-6, relative: 1e-6 };

const batchOf = (shape: Shape): Shape => shape.slice(0, -2);

/** Columns from which on the rows of a chunk, more than 32, are too many results for their sums to be split (native/kernels/contraction/split.h): with fewer it would be another order. */
const CHUNKED_COLUMNS = 64;

export const matmulOp: KernelRecord = {
  name: 'matmul',
  kind: 'contraction',
  infer: (inputs) => {
    const [a, b] = inputs as [Tensor, Tensor];
    checkSameDType('matmul', inputs, FLOAT);
    checkProduct(a.shape, b.shape);
    const batch = broadcastShapes(batchOf(a.shape), batchOf(b.shape))!;
    return { shape: [...batch, a.shape[a.shape.length - 2]!, b.shape[b.shape.length - 1]!], dtype: a.dtype };
  },
  flops: ([a], { shape }) => 2 * sizeOf(shape) * a!.shape[a!.shape.length - 1]!,
  epilogue: () => ({ axis: -1, steps: ['bias'] }),
  emit: (e, _attrs, epilogue) => emitMatmul(e, epilogue),
  chunking: ([a, b], _attrs, { input, side }) => {
    if (input === 0 && side === 'first' && b!.shape.length === 2) return b!.shape[1]! >= CHUNKED_COLUMNS ? { cut: ['first', undefined], result: 'rows' } : undefined;
    const overRows = a!.shape.length === 2 && b!.shape.length === 2 && (input === 0) === (side === 'last');
    return overRows ? { cut: ['last', 'first'], result: 'chain' } : undefined;
  },
  gradient: ([dy], { inputs: [a, b] }) => {
    const da = sumTo(matmul(dy, transpose(b!, -2, -1)), a!.shape);
    if (b!.shape.length > 2 || a!.shape.length === 2) return [da, sumTo(matmul(transpose(a!, -2, -1), dy), b!.shape)];
    // One matrix for a whole batch: its gradient is one long product instead of a sum of short ones.
    return [da, matmul(transpose(rows(a!), 0, 1), rows(dy))];
  },
  saves: { inputs: [0, 1] },
  tolerance: PRODUCTS,
  examples: () => matmulExamples(),
};

/** All but the last dimension made one. */
function rows(x: Tensor): Tensor {
  const last = x.shape[x.shape.length - 1]!;
  return reshape(x, [sizeOf(x.shape.slice(0, -1)), last]);
}

function emitMatmul(e: Emitter, epilogue: Epilogue | undefined): void {
  const [a, b] = [e.shape(0), e.shape(1)];
  const [M, K, N] = [a[a.length - 2]!, a[a.length - 1]!, b[b.length - 1]!];
  const batch = broadcastShapes(batchOf(a), batchOf(b))!;
  const B = e.input(1, isMatrix);
  const cost = productCost(sizeOf(batch) * M, N, K);
  if (b.length === 2 && a.length > 2) {
    const A = reshaped(e.input(0, isDense), [sizeOf(batch) * M, K]);
    const out = e.output(0, [sizeOf(batch) * M, N]);
    emitGemm(e, out, A, { buffer: B.buffer, layout: asMatrix(B.layout) }, undefined, epilogue, cost);
    return;
  }
  const A = e.input(0, isMatrix);
  const left = broadcastTo({ buffer: A.buffer, layout: asMatrix(A.layout) }, [...batch, M, K]);
  const right = broadcastTo({ buffer: B.buffer, layout: asMatrix(B.layout) }, [...batch, K, N]);
  emitGemm(e, e.output(), left, right, undefined, epilogue, cost);
}

/** out = epilogue(A B + bias): one instruction. */
function emitGemm(e: Emitter, out: Value | undefined, A: Value, B: Value, bias: Value | undefined, epilogue: Epilogue | undefined, cost: number): void {
  const { bias: added, activation = codes.activations.none, mask, accumulate = false } = epilogue ?? {};
  const inputs = [A, B, bias ?? added];
  const flags = accumulate ? codes.gemm_flags.accumulate : 0;
  if (mask === undefined) e.instruction('gemm', [out], inputs, [activation, flags], cost);
  else e.instruction('gemm', [out], [...inputs, reshaped(mask, out!.layout.shape)], [activation, flags | codes.gemm_flags.mask], cost);
}

/** Throws unless a [.., M, K] and b [.., K, N] multiply. */
function checkProduct(a: Shape, b: Shape): void {
  const [K, L] = [a[a.length - 1]!, b[Math.max(b.length - 2, 0)]!];
  const shapes = [a, b];
  if (K !== L) {
    const turned = b.length === 2 && b[1] === K ? 'Transpose b: a.matmul(b.t())' : 'Check the sizes of the last dimension of a and the last but one of b.';
    throw new ShapeError(`[matmul] inner dimensions differ: a ${showShape(a)}, b ${showShape(b)}. ${turned}`, { op: 'matmul', shapes });
  }
  if (a.length > 2 && b.length > 2 && broadcastShapes(batchOf(a), batchOf(b)) === undefined) {
    throw new ShapeError(`[matmul] batch dimensions do not broadcast: got a ${showShape(a)}, b ${showShape(b)}, expected sizes that are equal or 1. Reshape one of them.`, {
      op: 'matmul',
      shapes,
    });
  }
}

function matmulExamples(): Example[] {
  const pairs: [Shape, Shape][] = [
    [[1, 1], [1, 1]],
    [[3, 5], [5, 7]],
    [[17, 31], [31, 9]],
    [[1, 40], [40, 16]],
    [[8, 16], [16, 1]],
    [[5, 0], [0, 3]],
    [[0, 4], [4, 3]],
    [[2, 3, 4], [2, 4, 5]],
    [[2, 3, 4], [4, 5]],
    [[3, 4], [2, 4, 5]],
    [[2, 1, 3, 4], [3, 4, 2]],
  ];
  const examples = pairs.map(([a, b]): Example => ({ inputs: [{ shape: a }, { shape: b }] }));
  return [
    ...examples,
    { inputs: [{ shape: [7, 9], as: 'view' }, { shape: [9, 17] }] },
    { inputs: [{ shape: [7, 9] }, { shape: [9, 17], as: 'view' }] },
    { inputs: [{ shape: [7, 9], as: 'view' }, { shape: [9, 17], as: 'view' }] },
  ];
}

/**
 * The product of matrices: a [.., M, K] times b [.., K, N] gives [.., M, N]; batch dimensions broadcast. A vector in front counts as
 * a row, one behind as a column, and that dimension is dropped from the result. float32. As torch.matmul.
 * Throws ShapeError where the inner dimensions differ.
 *
 *     const y = x.matmul(w.t());   // x [32,784], w [128,784]: y [32,128]
 */
export function matmul<A extends Shape, B extends Shape, D extends DType>(a: Tensor<A, D>, b: Tensor<B, D> & MatMulFits<A, B, D>): Tensor<MatMul<A, B>, D> {
  checkOperands('matmul', [a, b]);
  const [x, y] = [a as Tensor, b as Tensor];
  if (x.shape.length > 1 && y.shape.length > 1) return record(matmulOp, [x, y]);
  if (x.shape.length === 0 || y.shape.length === 0) {
    throw new ShapeError(`[matmul] an operand is a scalar: got a ${showShape(a.shape)}, b ${showShape(b.shape)}, expected at least one dimension. Use mul().`, {
      op: 'matmul',
      shapes: [a.shape, b.shape],
    });
  }
  checkProduct(a.shape, b.shape);
  const row = x.shape.length === 1;
  const column = y.shape.length === 1;
  const product: Tensor = record(matmulOp, [row ? unsqueeze(x, 0) : x, column ? unsqueeze(y, 1) : y]);
  const rank = product.shape.length;
  return reshape(product, product.shape.filter((_, d) => !(row && d === rank - 2) && !(column && d === rank - 1))) as unknown as Tensor<MatMul<A, B>, D>;
}

export const linearOp: KernelRecord<{ readonly bias: boolean }> = {
  name: 'linear',
  kind: 'contraction',
  infer: (inputs) => {
    checkSameDType('linear', inputs, FLOAT);
    const x = inputs[0]!.shape;
    const weight = inputs[1]!.shape;
    checkLinear(x, weight, inputs[2]?.shape);
    return { shape: x.length === 2 ? [x[0]!, weight[0]!] : [...x.slice(0, -1), weight[0]!], dtype: 'float32' };
  },
  flops: ([x, , bias], { shape }) => sizeOf(shape) * (2 * x!.shape[x!.shape.length - 1]! + (bias === undefined ? 0 : 1)),
  epilogue: ({ bias }) => ({ axis: -1, steps: bias ? [] : ['bias'] }),
  emit: (e, { bias }, epilogue) => {
    const x = e.shape(0);
    const [N, K] = e.shape(1) as [number, number];
    const M = sizeOf(x.slice(0, -1));
    const X = e.input(0, x.length === 2 ? isMatrix : isDense);
    const W = e.input(1, isMatrix);
    const A = x.length === 2 ? { buffer: X.buffer, layout: asMatrix(X.layout) } : reshaped(X, [M, K]);
    const B = { buffer: W.buffer, layout: permutedLayout(asMatrix(W.layout), [1, 0]) };
    emitGemm(e, e.output(0, [M, N]), A, B, bias ? e.input(2) : undefined, epilogue, productCost(M, N, K));
  },
  chunking: (_inputs, _attrs, { input }) => (input === 0 ? { cut: ['first'], result: 'rows' } : undefined),
  gradient: ([dy], { inputs: [x, weight, bias] }) => {
    const flat = rows(dy);
    const dx = reshape(matmul(flat, weight!), x!.shape);
    const dweight = matmul(transpose(flat, 0, 1), rows(x!));
    return bias === undefined ? [dx, dweight] : [dx, dweight, sum(flat, { axis: 0 })];
  },
  saves: { inputs: [0, 1] },
  tolerance: PRODUCTS,
  examples: () => linearExamples(),
};

function checkLinear(x: Shape, weight: Shape, bias: Shape | undefined): void {
  const fits = weight.length === 2 && x.length > 0 && x[x.length - 1] === weight[1];
  if (fits && (bias === undefined || (bias.length === 1 && bias[0] === weight[0]))) return;
  throw new ShapeError(`[linear] ${shapeMismatch(x, weight, bias)}`, { op: 'linear', shapes: bias === undefined ? [x, weight] : [x, weight, bias] });
}

function shapeMismatch(x: Shape, weight: Shape, bias: Shape | undefined): string {
  if (weight.length !== 2) return `weight is no matrix: got ${showShape(weight)}, expected [out,in]. Reshape it.`;
  if (x.length === 0) return `x is a scalar: got [], expected [..,${weight[1]}]. Give it a dimension of features.`;
  const features = x[x.length - 1];
  if (features !== weight[1]) {
    const turned = features === weight[0] ? 'Transpose weight: weight.t().' : `Give x ${weight[1]} features, or weight ${features} columns.`;
    return `the numbers of features differ: x ${showShape(x)}, weight ${showShape(weight)} ([out,in]). ${turned}`;
  }
  return `bias does not fit: got ${showShape(bias ?? [])}, expected [${weight[0]}] for the weight ${showShape(weight)}. Reshape it.`;
}

function linearExamples(): Example[] {
  const cases: [Shape, number][] = [[[7], 5], [[1, 17], 9], [[16, 31], 8], [[2, 3, 5], 7], [[0, 4], 3], [[3, 0], 4]];
  const examples = cases.map(([x, out]) => example([{ shape: x }, { shape: [out, x[x.length - 1]!] }, { shape: [out] }], { bias: true }));
  return [
    ...examples,
    example([{ shape: [9, 15] }, { shape: [4, 15] }], { bias: false }),
    example([{ shape: [9, 15], as: 'view' }, { shape: [4, 15], as: 'view' }, { shape: [4] }], { bias: true }),
  ];
}

/** x W^T + b: x [.., in], weight [out, in], bias [out] give [.., out]; float32. As torch.nn.functional.linear. */
export function linear<S extends Shape, W extends Shape, D extends DType>(x: Tensor<S, D>, weight: Tensor<W, D> & LinearFits<S, W>, bias?: Tensor<Shape, D>): Tensor<Linear<S, W>, D> {
  return record(linearOp, bias === undefined ? [x, weight] : [x, weight, bias], { bias: bias !== undefined });
}

export const contractionOps = { matmul: matmulOp, linear: linearOp };
