import { ShapeError } from '../errors.js';
import { outputOf, record } from '../graph/recorder.js';
import { showShape, sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { add, div, mul, sub } from './arithmetic.js';
import { checkSameDType, FLOAT } from './check.js';
import { example } from './examples.js';
import type { CompositeRecord, Example } from './record.js';
import { sqrt } from './exponential.js';
import { mean, sum, variance } from './reductions.js';
import { expand } from './broadcasting.js';
import { COMPOSED } from './tolerance.js';
import { reshape } from './views.js';

type Floats = Tensor<Shape, 'float32'>;
type NormAttrs = { readonly eps: number };

/** All axes but that of the features. */
const overBatch = ({ shape }: Floats): number[] => [...shape.keys()].filter((axis) => axis !== 1);

/** A number for each feature, as it meets x [N, features, ..]. */
function perFeature(values: Floats, x: Floats): Floats {
  return x.shape.length === 2 ? values : (reshape(values, [x.shape[1]!, ...x.shape.slice(2).map(() => 1)]) as Floats);
}

/** (x - center) / sqrt(spread + eps) * weight + bias, each of these a number for each feature. */
export function normalized(x: Floats, center: Floats, spread: Floats, eps: number, weight: Floats | undefined, bias: Floats | undefined): Floats {
  const y = div(sub(x, perFeature(center, x)), sqrt(add(perFeature(spread, x), eps))) as Floats;
  return weight === undefined ? y : (add(mul(y, perFeature(weight, x)), perFeature(bias!, x)) as Floats);
}

/**
 * Normalisation by the statistics of a batch, and these: inputs x [N, features, ..], and weight and bias [features] or neither; outputs y, mean and biased variance.
 * The gradient has a form of its own, as that of the composition passes over the batch more often.
 */
export const batchNormOp: CompositeRecord<NormAttrs, readonly (Tensor | undefined)[]> = {
  name: 'batchNorm',
  kind: 'composite',
  infer: (inputs) => {
    const [x, ...affine] = inputs as [Tensor, ...Tensor[]];
    checkSameDType('batchNorm', inputs, FLOAT);
    const features = x.shape[1];
    if (features === undefined || affine.some(({ shape }) => shape.length !== 1 || shape[0] !== features)) {
      throw new ShapeError(`[batchNorm] the shapes do not fit: got ${inputs.map(({ shape }) => showShape(shape)).join(', ')}, expected x [N,C,..] and weight and bias [C].`, {
        op: 'batchNorm',
        shapes: inputs.map(({ shape }) => shape),
      });
    }
    const statistic = { shape: [features], dtype: 'float32' } as const;
    return { shape: x.shape, dtype: 'float32', more: [statistic, statistic] };
  },
  decompose: (inputs, { eps }) => {
    const [x, weight, bias] = inputs as [Floats, Floats?, Floats?];
    const axis = overBatch(x);
    const [center, spread] = [mean(x, { axis }) as Floats, variance(x, { axis, correction: 0 }) as Floats];
    return [normalized(x, center, spread, eps, weight, bias), center, spread] as readonly Tensor[];
  },
  gradient: (dys, node, { eps }) => {
    const [dy, dcenter, dspread] = dys as readonly (Floats | undefined)[];
    const [x, weight] = node.inputs as unknown as [Floats, Floats?];
    const axis = overBatch(x);
    const count = Math.max(sizeOf(x.shape) / Math.max(x.shape[1]!, 1), 1);
    const centered = sub(x, perFeature(outputOf<Floats>(node, 1), x)) as Floats;
    const terms: Floats[] = [];
    let ofAffine: Floats[] = [];
    if (dy !== undefined) {
      const inverse = div(1, sqrt(add(outputOf<Floats>(node, 2), eps))) as Floats;
      const [ofBias, along] = [sum(dy, { axis }) as Floats, sum(mul(dy, centered) as Floats, { axis }) as Floats];
      const scale = weight === undefined ? inverse : (mul(weight, inverse) as Floats);
      const slope = mul(mul(inverse, inverse), div(along, count)) as Floats;
      terms.push(mul(sub(sub(dy, perFeature(div(ofBias, count) as Floats, x)), mul(centered, perFeature(slope, x))), perFeature(scale, x)) as Floats);
      if (weight !== undefined) ofAffine = [mul(along, inverse) as Floats, ofBias];
    }
    if (dcenter !== undefined) terms.push(expand(perFeature(div(dcenter, count) as Floats, x), x.shape) as Floats);
    if (dspread !== undefined) terms.push(mul(centered, perFeature(mul(dspread, 2 / count) as Floats, x)) as Floats);
    return [terms.length === 0 ? undefined : terms.reduce((a, b) => add(a, b) as Floats), ...ofAffine] as readonly (Tensor | undefined)[];
  },
  saves: { inputs: [0, 1], outputs: [1, 2] },
  tolerance: COMPOSED,
  examples: normExamples(),
};

function normExamples(): Example[] {
  const shapes: readonly Shape[] = [[7, 3], [4, 3, 5], [2, 17, 3, 4], [2, 2, 2, 3, 2]];
  return shapes.flatMap((shape) => [true, false].map((affine) => example([{ shape }, ...(affine ? [{ shape: [shape[1]!] }, { shape: [shape[1]!] }] : [])], { eps: 0.1 })));
}

/** Normalises x [N, features, ..] by its own statistics; see batchNorm2d() in nn. */
export function batchNorm(x: Floats, eps: number, weight: Floats | undefined, bias: Floats | undefined): { readonly y: Floats; readonly mean: Floats; readonly variance: Floats } {
  const y = record<Floats>(batchNormOp, (weight === undefined ? [x] : [x, weight, bias!]) as readonly Tensor[], { eps });
  return { y, mean: outputOf(y, 1), variance: outputOf(y, 2) };
}

export const batchNormOps = { batchNorm: batchNormOp };
