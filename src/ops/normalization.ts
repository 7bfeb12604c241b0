import { throughComposition } from '../graph/autodiff.js';
import { outputOf, record } from '../graph/recorder.js';
import { ShapeError } from '../errors.js';
import { sameShape, showShape, sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { add, div, mul, sub } from './arithmetic.js';
import { expand } from './broadcasting.js';
import { checkSameDType, FLOAT } from './check.js';
import { bytesCost } from './costs.js';
import { bitsOf, type Emitter, type Value } from './emitter.js';
import { example } from './examples.js';
import { sqrt } from './exponential.js';
import { channelsLast, reshaped, type Layout, type Order } from './layout.js';
import type { Example, KernelRecord, Meta } from './record.js';
import { mean, sum, variance } from './reductions.js';
import { SUMS } from './tolerance.js';
import { reshape } from './views.js';

type Floats = Tensor<Shape, 'float32'>;

/** Difference of one normalisation from another, but for its axes, which are attributes. */
interface Norm {
  readonly name: string;
  /** The examples of a batch share their statistics. */
  readonly acrossBatch: boolean;
  /** The mean is subtracted, and the spread is the variance; else the spread is the mean square. */
  readonly centered: boolean;
  /** Features are the channels of x [N, C, ..], which lie side by side; else all dimensions from some on. */
  readonly ofChannels: boolean;
}

/** Features begin at dimension `from` of x, and each has a weight and a bias. Those of one of the groups, and all positions behind, share statistics. */
export type NormAttrs = { readonly eps: number; readonly groups: number; readonly from: number };

/** Numbers of examples, groups, features of a group, and positions behind: x as [A, G, P, S]. */
type Split = readonly [A: number, G: number, P: number, S: number];

/** Dimension behind the features. */
const endOf = ({ ofChannels }: Norm, shape: Shape, { from }: NormAttrs): number => (ofChannels ? from + 1 : shape.length);
const featuresOf = (norm: Norm, shape: Shape, attrs: NormAttrs): Shape => shape.slice(attrs.from, endOf(norm, shape, attrs));

function splitOf(norm: Norm, shape: Shape, attrs: NormAttrs): Split {
  return [sizeOf(shape.slice(0, attrs.from)), attrs.groups, sizeOf(featuresOf(norm, shape, attrs)) / attrs.groups, sizeOf(shape.slice(endOf(norm, shape, attrs)))];
}

/** Returns whether the elements that share statistics always lie side by side: the kernel adds a residual as it reads them. */
const isOfRows = ({ acrossBatch, ofChannels }: Norm): boolean => !acrossBatch && !ofChannels;

/** A normalisation, seen on x as [A, G, P, S]. */
function views(norm: Norm, shape: Shape, attrs: NormAttrs) {
  const { acrossBatch } = norm;
  const split = splitOf(norm, shape, attrs);
  const [A, G, P, S] = split;
  return {
    /** Axes of the elements that share statistics, and their number. */
    shared: acrossBatch ? [0, 2, 3] : [2, 3],
    count: (acrossBatch ? A : 1) * P * S,
    split: (x: Floats) => reshape(x, split) as Floats,
    whole: (x: Floats) => reshape(x, shape) as Floats,
    /** Statistics beside the elements that share them. */
    spread: (statistic: Floats) => reshape(statistic, acrossBatch ? [G, 1, 1] : [A, G, 1, 1]) as Floats,
    /** Numbers for each feature beside its elements. */
    features: (values: Floats) => reshape(values, [G, P, 1]) as Floats,
  };
}

const inverseOf = (spread: Floats, eps: number): Floats => div(1, sqrt(add(spread, eps))) as Floats;

/** The statistics of x by themselves: the spread, and the mean where it is subtracted. */
function statistics({ centered }: Norm, parts: Floats, axis: readonly number[]): readonly Floats[] {
  if (!centered) return [mean(mul(parts, parts), { axis }) as Floats];
  return [variance(parts, { axis, correction: 0 }) as Floats, mean(parts, { axis }) as Floats];
}

type GradAttrs = NormAttrs & { readonly affine: number };

/**
 * Gradients of a normalisation, of dy, x, its statistics and its weight. With g = weight dy and z = (x - mean) / sqrt(spread + eps):
 * dx = (g - mean g - z mean (g z)) / sqrt(spread + eps), dweight = sum dy z, dbias = sum dy. Without a mean to subtract, nor is that of g.
 */
function gradientOf(norm: Norm): KernelRecord<GradAttrs, readonly (Tensor | undefined)[]> {
  const decompose = (inputs: readonly Tensor[], attrs: GradAttrs): readonly Tensor[] => {
    const [dy, x, spread, ...rest] = inputs as unknown as [Floats, Floats, Floats, ...Floats[]];
    const view = views(norm, x.shape, attrs);
    const inverse = view.spread(inverseOf(spread, attrs.eps));
    const slopes = view.split(dy);
    const weight = attrs.affine > 0 ? rest.at(-1)! : undefined;
    const distance = norm.centered ? (sub(view.split(x), view.spread(rest[0]!)) as Floats) : view.split(x);
    const z = mul(distance, inverse) as Floats;
    const g = weight === undefined ? slopes : (mul(slopes, view.features(weight)) as Floats);
    const shared = { axis: view.shared, keepdim: true } as const;
    const along = sub(g, mul(z, mean(mul(g, z), shared))) as Floats;
    const dx = view.whole(mul(norm.centered ? sub(along, mean(g, shared)) : along, inverse) as Floats);
    const overFeature = { axis: [0, 3] } as const;
    const shape = featuresOf(norm, x.shape, attrs);
    return [dx, reshape(sum(mul(slopes, z), overFeature), shape), reshape(sum(slopes, overFeature), shape)].slice(0, 1 + attrs.affine) as readonly Tensor[];
  };
  return {
    name: `${norm.name}Grad`,
    calledBy: norm.name,
    kind: 'kernel',
    infer: ([, x], attrs) => {
      const { shape } = x!;
      return { shape, dtype: 'float32', more: Array.from({ length: attrs.affine }, (): Meta => ({ shape: featuresOf(norm, shape, attrs), dtype: 'float32' })) };
    },
    order: (shape, inputs) => orderOfNorm(norm, shape, inputs[1]!),
    ...(isOfRows(norm) ? { epilogue: () => ({ axis: -1, steps: ['residual'], activates: false }) } : {}),
    emit: (e, attrs, epilogue) => {
      const rows = rowsOf(norm, e.shape(1), attrs);
      const weight = attrs.affine > 0 ? reshaped(e.input(e.inputs - 1), rows.features) : undefined;
      const outputs = [rows.seen(e.output(0)), ...[1, 2].map((i) => (attrs.affine < i ? undefined : reshaped(e.output(i), rows.features)))];
      const mean = norm.centered ? reshaped(e.input(3), rows.statistic) : undefined;
      e.instruction('norm_grad', outputs, [rows.input(e, 0), rows.input(e, 1), reshaped(e.input(2), rows.statistic), mean, weight, rows.seen(epilogue?.residual)], [bitsOf(attrs.eps)], bytesCost(4 * 5 * sizeOf(e.shape(1))));
    },
    decompose,
    gradient: throughComposition(decompose),
    saves: { inputs: [0, 1, 2, 3, 4] },
    tolerance: SUMS,
    examples: () => normExamples(norm).map(({ inputs: [x, ...affine], attrs }) => {
      const { groups, from } = attrs as NormAttrs;
      const statistic = { shape: norm.acrossBatch ? [groups] : [sizeOf(x!.shape.slice(0, from)), groups] };
      return example([x!, x!, { ...statistic, from: 0.5, to: 1.5 }, ...(norm.centered ? [statistic] : []), ...affine.slice(0, 1)], { ...attrs, affine: affine.length });
    }),
  };
}

/** Operations on an element, without the few for a statistic: its mean and variance, the distance from one, divided by the other, times weight, plus bias. */
const FLOPS = 8;

/** x, and what is like it, leaves channels side by side; statistics and features are row-major. */
function orderOfNorm({ ofChannels }: Norm, shape: Shape, x: Layout): Order | undefined {
  return ofChannels && sameShape(shape, x.shape) ? channelsLast(shape) : undefined;
}

/** x as the rows of the family see it, [A, R, G, P], and statistics and features beside it. */
function rowsOf(norm: Norm, shape: Shape, attrs: NormAttrs) {
  const [A, G, P, S] = splitOf(norm, shape, attrs);
  const x = norm.acrossBatch ? [1, A * S, G, P] : [A, S, G, P];
  const seen = (value: Value | undefined): Value | undefined => reshaped(value, x);
  return {
    x,
    statistic: [x[0]!, G],
    features: [G, P],
    seen,
    input: (e: Emitter, i: number): Value => seen(e.input(i, undefined, norm.ofChannels ? channelsLast(shape) : undefined))!,
  };
}

/** Normalisation of x, with a weight, a weight and a bias, or neither: outputs y, the spread (biased), and the mean where it is subtracted. */
function normalization(norm: Norm) {
  const { name, acrossBatch, centered } = norm;
  const gradOp = gradientOf(norm);
  const op: KernelRecord<NormAttrs, readonly (Tensor | undefined)[]> = {
    name,
    kind: 'kernel',
    infer: (inputs, attrs) => {
      checkShapes(norm, inputs, attrs);
      const { shape } = inputs[0]!;
      const [A, G] = splitOf(norm, shape, attrs);
      const statistic: Meta = { shape: acrossBatch ? [G] : [A, G], dtype: 'float32' };
      return { shape, dtype: 'float32', more: centered ? [statistic, statistic] : [statistic] };
    },
    order: (shape, inputs) => orderOfNorm(norm, shape, inputs[0]!),
    flops: ([x]) => FLOPS * sizeOf(x!.shape),
    ...(isOfRows(norm) ? { prologue: 0 } : {}),
    emit: (e, attrs, _epilogue, prologue) => {
      const shape = e.shape(0);
      const rows = rowsOf(norm, shape, attrs);
      const affine = [1, 2].map((i) => (i < e.inputs ? reshaped(e.input(i), rows.features) : undefined));
      // Where only statistics are read, y is for nobody.
      const y = rows.seen(e.output(0)) ?? e.temporary(rows.x, 'float32');
      const kept = [1, 2].map((i) => (i === 2 && !centered ? undefined : reshaped(e.output(i), rows.statistic)));
      const [x, residual] = prologue === undefined ? [rows.input(e, 0)] : prologue.terms.map(rows.seen);
      e.instruction('norm', [y, ...kept, rows.seen(prologue?.sum)], [x, ...affine, residual], [Number(centered), bitsOf(attrs.eps)], bytesCost(4 * 3 * sizeOf(shape)));
    },
    decompose: (inputs, attrs) => {
      const [x, weight, bias] = inputs as readonly (Floats | undefined)[];
      const view = views(norm, x!.shape, attrs);
      const parts = view.split(x!);
      const [spread, center] = statistics(norm, parts, view.shared);
      const distance = center === undefined ? parts : (sub(parts, view.spread(center)) as Floats);
      const z = mul(distance, view.spread(inverseOf(spread!, attrs.eps))) as Floats;
      const scaled = weight === undefined ? z : (mul(z, view.features(weight)) as Floats);
      const y = view.whole(bias === undefined ? scaled : (add(scaled, view.features(bias)) as Floats));
      return (center === undefined ? [y, spread!] : [y, spread!, center]) as readonly Tensor[];
    },
    gradient: ([dy, dspread, dcenter], node, attrs) => {
      const [x, weight] = node.inputs as unknown as readonly [Floats, Floats?];
      const affine = node.inputs.length - 1;
      const view = views(norm, x.shape, attrs);
      const kept = centered ? [outputOf(node, 1), outputOf(node, 2)] : [outputOf(node, 1)];
      const terms: Tensor[] = [];
      let ofAffine: Tensor[] = [];
      if (dy !== undefined) {
        const dx = record(gradOp, [dy, x as Tensor, ...kept, ...(weight === undefined ? [] : [weight as Tensor])], { ...attrs, affine });
        terms.push(dx);
        ofAffine = Array.from({ length: affine }, (_, i) => outputOf(dx, 1 + i));
      }
      const share = (statistic: Tensor, factor: number): Floats => view.spread(mul(statistic, factor / Math.max(view.count, 1)) as Floats);
      if (dspread !== undefined) {
        const distance = centered ? sub(view.split(x), view.spread(outputOf<Floats>(node, 2))) : view.split(x);
        terms.push(view.whole(mul(distance, share(dspread, 2)) as Floats) as Tensor);
      }
      if (dcenter !== undefined) terms.push(view.whole(expand(share(dcenter, 1), splitOf(norm, x.shape, attrs)) as Floats) as Tensor);
      return [terms.length === 0 ? undefined : terms.reduce((a, b) => add(a, b) as Tensor), ...ofAffine];
    },
    saves: { inputs: [0, 1], outputs: centered ? [1, 2] : [1] },
    tolerance: SUMS,
    examples: () => normExamples(norm),
  };
  return { op, gradOp };
}

function checkShapes(norm: Norm, inputs: readonly Tensor[], attrs: NormAttrs): void {
  const { name: op } = norm;
  const { groups } = attrs;
  checkSameDType(op, inputs, FLOAT);
  const [{ shape }, ...affine] = inputs as [Tensor, ...Tensor[]];
  const shapes = inputs.map((input) => input.shape);
  if (shape.length < endOf(norm, shape, attrs)) throw new ShapeError(`[${op}] the shape does not fit: got x ${showShape(shape)}, expected [N,C] or [N,C,..].`, { op, shapes });
  const features = featuresOf(norm, shape, attrs);
  if (sizeOf(features) % groups !== 0) {
    throw new ShapeError(`[${op}] the channels do not divide into groups: got x ${showShape(shape)} and ${groups} groups, expected a multiple of ${groups} channels.`, { op, shapes });
  }
  const other = affine.findIndex((values) => !sameShape(values.shape, features));
  if (other >= 0) throw new ShapeError(`[${op}] ${other === 0 ? 'weight' : 'bias'} does not fit: got ${showShape(affine[other]!.shape)}, expected ${showShape(features)}, for x ${showShape(shape)}.`, { op, shapes });
}

/** Features in one dimension and in two, as many groups as features and one, a view, no example, and with weight and bias and without. */
function normExamples(norm: Norm): Example[] {
  const { name, acrossBatch, centered } = norm;
  const eachChannel = (shape: Shape, groups = shape[1]!): readonly [Shape, Omit<NormAttrs, 'eps'>] => [shape, { groups, from: 1 }];
  const tail = (shape: Shape, features: number): readonly [Shape, Omit<NormAttrs, 'eps'>] => [shape, { groups: 1, from: shape.length - features }];
  const cases = {
    batchNorm: [eachChannel([7, 3]), eachChannel([4, 3, 5]), eachChannel([2, 17, 3, 4]), eachChannel([2, 2, 2, 3, 2])],
    instanceNorm: [eachChannel([2, 3, 5]), eachChannel([2, 17, 3, 4]), eachChannel([1, 1, 2, 3, 2])],
    groupNorm: [eachChannel([4, 6], 2), eachChannel([2, 4, 5], 4), eachChannel([2, 18, 3, 3], 3), eachChannel([0, 4, 3], 2)],
    layerNorm: [tail([7], 1), tail([3, 8], 1), tail([2, 3, 17], 2), tail([5, 1], 1), tail([0, 3], 1), tail([2, 2, 3, 2], 1)],
    rmsNorm: [tail([7], 1), tail([3, 8], 1), tail([2, 3, 17], 2), tail([5, 1], 1), tail([0, 3], 1)],
  }[name]!;
  // Of nothing across a batch there are no statistics.
  return cases.filter(([shape]) => !acrossBatch || !shape.includes(0)).flatMap(([shape, attrs]) => {
    const features = { shape: featuresOf(norm, shape, { eps: 0, ...attrs }) };
    const affine = centered ? [[], [features, features]] : [[], [features]];
    return affine.map((more) => example([{ shape }, ...more], { eps: 0.1, ...attrs }));
  });
}

const norms = {
  batchNorm: normalization({ name: 'batchNorm', acrossBatch: true, centered: true, ofChannels: true }),
  instanceNorm: normalization({ name: 'instanceNorm', acrossBatch: false, centered: true, ofChannels: true }),
  groupNorm: normalization({ name: 'groupNorm', acrossBatch: false, centered: true, ofChannels: true }),
  layerNorm: normalization({ name: 'layerNorm', acrossBatch: false, centered: true, ofChannels: false }),
  rmsNorm: normalization({ name: 'rmsNorm', acrossBatch: false, centered: false, ofChannels: false }),
};

export const normalizationOps = {
  batchNorm: norms.batchNorm.op,
  batchNormGrad: norms.batchNorm.gradOp,
  instanceNorm: norms.instanceNorm.op,
  instanceNormGrad: norms.instanceNorm.gradOp,
  groupNorm: norms.groupNorm.op,
  groupNormGrad: norms.groupNorm.gradOp,
  layerNorm: norms.layerNorm.op,
  layerNormGrad: norms.layerNorm.gradOp,
  rmsNorm: norms.rmsNorm.op,
  rmsNormGrad: norms.rmsNorm.gradOp,
};
