import type { DType } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { checkOptions } from '../options.js';
import { sameShape, showShape, sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { PerAxis, SpatialRank } from '../window-types.js';
import { checkDType, checkTensor, FLOAT, INT } from './check.js';
import { scatterCost, takeCost } from './costs.js';
import { example } from './examples.js';
import { reshaped } from './layout.js';
import type { Example, KernelRecord } from './record.js';
import { EXACT } from './tolerance.js';
import { unsqueeze } from './views.js';
import { asBatch, checkImages, perAxis } from './windows.js';

type UnpoolAttrs = { readonly size: readonly number[] };

/** The way back of a max pooling by its indices, the places of values among all elements of a channel, and its gradient. */
function maxUnpooling(rank: SpatialRank) {
  const name = `maxUnpool${rank}d`;
  const op: KernelRecord<UnpoolAttrs> = {
    name,
    kind: 'kernel',
    indices: 'positions',
    infer: ([x, indices], { size }) => {
      checkDType(name, x!, FLOAT);
      checkDType(name, indices!, INT, 'indices');
      const shapes = [x!.shape, indices!.shape];
      checkImages(name, rank, x!.shape, shapes);
      if (!sameShape(...(shapes as [Shape, Shape]))) throw new ShapeError(`[${name}] the shapes differ: got x ${showShape(x!.shape)}, indices ${showShape(indices!.shape)}, expected one for each element. Take those of the pooling that made x.`, { op: name, shapes });
      return { shape: [...x!.shape.slice(0, 2), ...size], dtype: x!.dtype };
    },
    emit: (e, { size }) => {
      const [rows, own] = [sizeOf(e.shape(0).slice(0, 2)), sizeOf(e.shape(0).slice(2))];
      const each = [rows, own];
      e.instruction('scatter', [e.output(0, [rows, sizeOf(size)])], [reshaped(e.input(0), each), reshaped(e.input(1), each)], [], scatterCost(rows * own, sizeOf(size) / Math.max(own, 1)));
    },
    gradient: ([dy], { inputs: [, indices] }) => [record(gradOp, [dy, indices!]), undefined],
    saves: { inputs: [1] },
    tolerance: EXACT,
    examples: () => unpoolExamples(rank).map(({ pooled, size }) => example([{ shape: pooled }, places(pooled, size)], { size })),
  };
  const gradOp: KernelRecord = {
    name: `${name}Grad`,
    calledBy: name,
    kind: 'kernel',
    indices: 'positions',
    infer: ([dy, indices]) => ({ shape: indices!.shape, dtype: dy!.dtype }),
    emit: (e) => {
      const [rows, own] = [sizeOf(e.shape(1).slice(0, 2)), sizeOf(e.shape(1).slice(2))];
      const dy = reshaped(e.input(0), [rows, sizeOf(e.shape(0).slice(2))]);
      e.instruction('take_along_axis', [e.output(0, [rows, own])], [dy, reshaped(e.input(1), [rows, own])], [], takeCost(rows * own));
    },
    gradient: ([ddx], { inputs: [dy, indices] }) => [record(op, [ddx, indices!], { size: dy!.shape.slice(2) }), undefined],
    saves: { inputs: [1] },
    tolerance: EXACT,
    examples: () => unpoolExamples(rank).map(({ pooled, size }) => example([{ shape: [...pooled.slice(0, 2), ...size] }, places(pooled, size)])),
  };
  return { op, gradOp };
}

const places = (pooled: Shape, size: Shape): Example['inputs'][number] => ({ shape: pooled, dtype: 'int32', from: 0, to: sizeOf(size) });

/** One value in a channel, so that no place is named twice; many channels, and none. */
function unpoolExamples(rank: SpatialRank): readonly { readonly pooled: Shape; readonly size: Shape }[] {
  const cases: [N: number, C: number, size: Shape][] = [[1, 1, [1, 1, 1]], [2, 17, [2, 4, 3]], [7, 3, [3, 2, 2]], [0, 3, [2, 2, 2]]];
  return cases.map(([N, C, size]) => ({ pooled: [N, C, 1, 1, 1].slice(0, 2 + rank), size: size.slice(-rank) }));
}

const ofRank = { 1: maxUnpooling(1), 2: maxUnpooling(2), 3: maxUnpooling(3) };

export interface MaxUnpoolOptions<R extends SpatialRank = SpatialRank> {
  /** Distance of the windows that were pooled. Default: the size of the kernel. */
  readonly stride?: PerAxis<R> | undefined;
  /** Padding of the images that were pooled. Default 0. */
  readonly padding?: PerAxis<R> | undefined;
  /** Sizes of the images that were pooled, within a stride of (n - 1) stride - 2 padding + kernel, which is the default. */
  readonly outputSize?: PerAxis<R> | undefined;
}

/** Windows that were pooled, and the sizes of the images, where those are told. */
export interface Unpooling {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly outputSize: readonly number[] | undefined;
}

/** Checks arguments of an unpooling. */
export function unpooling<R extends SpatialRank>(rank: R, kernelSize: PerAxis<R>, options: MaxUnpoolOptions<R> | undefined): Unpooling {
  const op = `maxUnpool${rank}d`;
  checkOptions(op, options, ['stride', 'padding', 'outputSize']);
  const kernel = perAxis(op, 'kernelSize', kernelSize, rank, 1);
  const stride = options?.stride === undefined ? kernel : perAxis(op, 'stride', options.stride, rank, 1);
  const padding = perAxis(op, 'padding', options?.padding ?? 0, rank, 0);
  return { kernel, stride, padding, outputSize: options?.outputSize === undefined ? undefined : perAxis(op, 'outputSize', options.outputSize, rank, 1) };
}

/** Records an unpooling, whose arguments have been checked. */
export function recordUnpool(rank: SpatialRank, x: Tensor, indices: Tensor, { kernel, stride, padding, outputSize }: Unpooling): Tensor {
  const op = `maxUnpool${rank}d`;
  checkTensor(op, x, 'x');
  checkTensor(op, indices, 'indices');
  const usual = x.shape.slice(-rank).map((n, axis) => (n - 1) * stride[axis]! - 2 * padding[axis]! + kernel[axis]!);
  const size = outputSize ?? usual;
  if (size.some((n, axis) => n < 1 || Math.abs(n - usual[axis]!) >= stride[axis]!)) {
    throw new ArgumentError(`[${op}] outputSize: got ${showShape(size)} for x ${showShape(x.shape)}, expected less than a stride from ${showShape(usual)}. Give the sizes of the images that were pooled.`, { op, shapes: [x.shape] });
  }
  return asBatch(rank, x, (batch) => record(ofRank[rank].op, [batch, batch === x ? indices : unsqueeze(indices, 0)], { size }));
}

/** The way back of maxPool1dWithIndices(). See maxUnpool2d(). As torch.nn.functional.max_unpool1d. */
export function maxUnpool1d<D extends DType>(x: Tensor<Shape, D>, indices: Tensor, kernelSize: PerAxis<1>, options?: MaxUnpoolOptions<1>): Tensor<Shape, D> {
  return recordUnpool(1, x as Tensor, indices, unpooling(1, kernelSize, options)) as Tensor<Shape, D>;
}

/**
 * The way back of maxPool2dWithIndices(): zeros [N, C, H, W], but the elements of x [N, C, H', W'] float32 where `indices`, int32 of the same shape, say; of places that are named twice the
 * last one counts. kernelSize, `stride` and `padding` are those of the pooling, by which H = (H' - 1) stride - 2 padding + kernel; `outputSize` says which of the sizes that leave as much
 * it was. As torch.nn.functional.max_unpool2d. Throws ArgumentError for arguments that are wrong, ShapeError for shapes that differ, and IndexError when the step runs and an index is not
 * within a channel.
 *
 *     const { values, indices } = maxPool2dWithIndices(tensor([[[[1, 2], [4, 3]]]]), 2);
 *     const back = maxUnpool2d(values, indices, 2);                        // [[[[0, 0], [4, 0]]]]
 */
export function maxUnpool2d<D extends DType>(x: Tensor<Shape, D>, indices: Tensor, kernelSize: PerAxis<2>, options?: MaxUnpoolOptions<2>): Tensor<Shape, D> {
  return recordUnpool(2, x as Tensor, indices, unpooling(2, kernelSize, options)) as Tensor<Shape, D>;
}

/** The way back of maxPool3dWithIndices(). See maxUnpool2d(). As torch.nn.functional.max_unpool3d. */
export function maxUnpool3d<D extends DType>(x: Tensor<Shape, D>, indices: Tensor, kernelSize: PerAxis<3>, options?: MaxUnpoolOptions<3>): Tensor<Shape, D> {
  return recordUnpool(3, x as Tensor, indices, unpooling(3, kernelSize, options)) as Tensor<Shape, D>;
}

export const maxUnpoolingOps = {
  maxUnpool1d: ofRank[1].op,
  maxUnpool1dGrad: ofRank[1].gradOp,
  maxUnpool2d: ofRank[2].op,
  maxUnpool2dGrad: ofRank[2].gradOp,
  maxUnpool3d: ofRank[3].op,
  maxUnpool3dGrad: ofRank[3].gradOp,
};
