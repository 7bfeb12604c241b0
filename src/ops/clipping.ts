import { DTypeError } from '../errors.js';
import { outputOf, record } from '../graph/recorder.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { example } from './examples.js';
import type { Example, KernelRecord } from './record.js';
import { SUMS } from './tolerance.js';

type ClipAttrs = {
  /** A scale for each gradient, by its own norm, instead of one for all. */
  readonly each: boolean;
};

/** Factors of gradients by which their norm is at most a limit. Inputs: the limit, then gradients. The second output: the norm of all. */
export const clipScaleOp: KernelRecord<ClipAttrs> = {
  name: 'clipScale',
  kind: 'kernel',
  infer: (inputs, { each }) => {
    const odd = inputs.find(({ dtype }) => dtype !== 'float32');
    if (odd !== undefined) throw new DTypeError(`[clipScale] the operands are wrong: got ${odd.dtype}, expected float32. Clip gradients.`, { op: 'clipScale' });
    return { shape: [each ? inputs.length - 1 : 1], dtype: 'float32', more: [{ shape: [], dtype: 'float32' }] };
  },
  emit: (e, { each }) => {
    const inputs = Array.from({ length: e.inputs }, (_, i) => e.input(i));
    const scales = e.output() ?? e.temporary([each ? inputs.length - 1 : 1], 'float32');
    e.instruction('clip_scale', [scales, e.output(1) ?? e.temporary([], 'float32')], inputs, [each ? 1 : 0]);
  },
  gradient: { none: 'it is applied to gradients' },
  tolerance: SUMS,
  examples: () => clipExamples(),
};

/** One and several, below and above the limit. */
function clipExamples(): Example[] {
  const sets: (readonly Shape[])[] = [[[0]], [[1]], [[17]], [[101]], [[3, 5]], [[5], [0], [2, 2, 3]], [[4099], [], [9000]]];
  return [true, false].flatMap((each) =>
    sets.flatMap((shapes) =>
      [0.5, 1e6].map((limit) => example([{ shape: [], from: limit, to: limit }, ...shapes.map((shape) => ({ shape, from: -1, to: 1 }))], { each })),
    ),
  );
}

/**
 * The scales of gradients, [1] for all or of each its own, min(1, limit / (norm + 1e-6)), and the norm of all, []. `limit` is float32 [].
 * Matches torch.nn.utils.clip_grad_norm_; squares are summed in double.
 */
export function clipScale(limit: Tensor, gradients: readonly Tensor[], each: boolean): { readonly scales: Tensor; readonly norm: Tensor } {
  const scales = record(clipScaleOp, [limit, ...gradients], { each });
  return { scales, norm: outputOf(scales, 1) };
}

export const clippingOps = { clipScale: clipScaleOp };

