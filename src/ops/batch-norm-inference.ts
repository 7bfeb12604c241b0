import { ShapeError } from '../errors.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { record } from '../graph/recorder.js';
import { add, div, mul, sub } from './arithmetic.js';
import { checkSameDType, FLOAT } from './check.js';
import { composite } from './composite.js';
import { example } from './examples.js';
import { sqrt } from './exponential.js';
import type { Example } from './record.js';
import { COMPOSED } from './tolerance.js';
import { reshape } from './views.js';

type InferenceAttrs = { readonly eps: number };

/**
 * Normalisation of x [N, C, ..] by statistics that are given: mean [C], variance [C], then weight [C] and bias [C], or neither. y = x scale + shift with scale = weight / sqrt(var + eps)
 * and shift = bias - mean scale: two operations an element, which a convolution in front does while its tile is hot.
 */
export const batchNormInferenceOp = composite<InferenceAttrs>({
  name: 'batchNormInference',
  infer: (inputs) => {
    checkSameDType('batchNormInference', inputs, FLOAT);
    const [{ shape }, ...perChannel] = inputs as [Tensor, ...Tensor[]];
    if (shape.length < 2 || perChannel.some((values) => values.shape.length !== 1 || values.shape[0] !== shape[1])) {
      const shapes = inputs.map((input) => input.shape);
      throw new ShapeError(`[batchNormInference] the shapes do not fit: got ${shapes.map(showShape).join(', ')}, expected x [N,C,..] and vectors of C.`, { op: 'batchNormInference', shapes });
    }
    return { shape, dtype: 'float32' };
  },
  decompose: ([x, mean, variance, weight, bias], { eps }) => {
    const scale = div(weight ?? 1, sqrt(add(variance!, eps) as Tensor) as never) as Tensor;
    const shift = sub(bias ?? 0, mul(mean!, scale as never) as never) as Tensor;
    const perChannel = (values: Tensor): Tensor => reshape(values, [values.shape[0]!, ...x!.shape.slice(2).map(() => 1)]) as Tensor;
    return add(mul(x!, perChannel(scale) as never) as Tensor, perChannel(shift) as never) as Tensor;
  },
  saves: { inputs: [0, 1, 2, 3] },
  tolerance: COMPOSED,
  examples: inferenceExamples,
});

function inferenceExamples(): Example[] {
  const shapes: readonly Shape[] = [[1, 1], [3, 5], [2, 17, 4], [2, 3, 5, 4], [0, 2, 3], [1, 2, 2, 3, 2]];
  return shapes.flatMap((shape) => {
    const perChannel = { shape: [shape[1]!] };
    return [[], [perChannel, perChannel]].map((affine) => example([{ shape }, perChannel, { ...perChannel, from: 0.5, to: 2 }, ...affine], { eps: 0.1 }));
  });
}

/** Normalises x [N, C, ..] by running statistics; weight and bias are there both, or neither. */
export function normalizeByStatistics(x: Tensor, statistics: { readonly mean: Tensor; readonly variance: Tensor }, affine: readonly Tensor[], eps: number): Tensor {
  return record(batchNormInferenceOp, [x, statistics.mean, statistics.variance, ...affine], { eps });
}

export const batchNormInferenceOps = { batchNormInference: batchNormInferenceOp };
