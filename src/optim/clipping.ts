import { ArgumentError } from '../errors.js';
import { engine } from '../graph/engine.js';
import { maximum, minimum, mul, neg, reshape, slice } from '../ops/index.js';
import { clipScale } from '../ops/clipping.js';
import { slots } from '../ops/leaf.js';
import { store } from '../ops/store.js';
import { suggestion } from '../options.js';
import { describeValue } from '../describe-value.js';
import type { Tensor } from '../tensor.js';
import type { Scheduled } from './numbers.js';

/**
 * Limit that makes gradients smaller before a step, by exactly one of three: a number, or a function of the number of steps done.
 *
 * - `globalNorm`: all gradients of the optimizer are multiplied by min(1, globalNorm / (norm + 1e-6)), where norm is the Euclidean one of
 *   all their elements. As torch.nn.utils.clip_grad_norm_. Source: Pascanu et al., arXiv:1211.5063.
 * - `norm`: the same for each parameter's gradient on its own.
 * - `value`: each element is held in [-value, value]. As torch.nn.utils.clip_grad_value_.
 *
 * Infinity changes nothing, but the norm is measured. A gradient that is not finite stays so, as in torch: by a norm that is infinite
 * all others become 0, by one that is NaN all become NaN.
 */
export type Clip = { readonly globalNorm: Scheduled } | { readonly norm: Scheduled } | { readonly value: Scheduled };

type Kind = 'globalNorm' | 'norm' | 'value';
const KINDS: readonly Kind[] = ['globalNorm', 'norm', 'value'];

/** The clipping of an optimizer: its limit is a slot, so that another one makes no new plan. */
export class Clipping {
  readonly kind: Kind;
  readonly #op: string;
  readonly #limit = new Float64Array(1);
  /** The limit as operands of ops and of updates. */
  readonly #number: Tensor;
  readonly #slot: Tensor;
  /** Holds the norm of the last step. */
  readonly #norm: Tensor | undefined;
  #given: Clip;
  #measured = false;

  constructor(op: string, clip: Clip) {
    this.#op = op;
    this.#given = clip;
    this.kind = checkClip(op, clip);
    this.#number = slots(this.#limit, 'float32', []);
    this.#slot = slots(this.#limit, 'float64');
    this.#norm = this.kind === 'value' ? undefined : engine().zeroed([]);
  }

  get clip(): Clip {
    return this.#given;
  }

  /** Takes over another limit of the same kind; says whether it is one. */
  change(clip: Clip): boolean {
    if (checkClip(this.#op, clip) !== this.kind) return false;
    this.#given = clip;
    return true;
  }

  /** Storage of the last step's norm. */
  get kept(): Tensor | undefined {
    return this.#norm;
  }

  /** Sets the limit of a step. */
  setNumbers$(step: number): void {
    const given = (this.#given as Readonly<Record<Kind, Scheduled>>)[this.kind];
    const limit = typeof given === 'number' ? given : given(step);
    if (!(limit >= 0)) throw new ArgumentError(`[${this.#op}] clip.${this.kind} of step ${step} is ${limit}, expected a number of at least 0. Check the schedule.`, { op: this.#op });
    this.#limit[0] = limit;
    this.#measured = true;
  }

  /** The limit on each element, float64 [1]. */
  get limit(): Tensor | undefined {
    return this.kind === 'value' ? this.#slot : undefined;
  }

  /** Returns the factor of these gradients, float32 [1] or of each its own, and the effect that keeps their norm. */
  scales(gradients: readonly Tensor[]): { readonly scales: Tensor | undefined; readonly effects: readonly Tensor[] } {
    if (this.#norm === undefined) return { scales: undefined, effects: [] };
    const { scales, norm } = clipScale(this.#number, gradients, this.kind === 'norm');
    return { scales, effects: [store(this.#norm, norm)] };
  }

  /** The i-th of some gradients, clipped, for those who do not clip as they read it. */
  clipped(gradient: Tensor, scales: Tensor | undefined, i: number): Tensor {
    if (scales === undefined) return minimum(maximum(gradient, neg(this.#number)), this.#number) as Tensor;
    const own = scales.shape[0] === 1 ? scales : slice(scales, i, i + 1);
    return mul(gradient, reshape(own, [])) as Tensor;
  }

  async norm(): Promise<number> {
    if (this.#norm !== undefined && this.#measured) return (await engine().read(this.#norm))[0]!;
    const why = this.#norm === undefined ? `clip: { value } does not measure it` : 'no step has run yet';
    throw unmeasured(why);
  }
}

export function unmeasured(why: string): ArgumentError {
  return new ArgumentError(
    `[gradientNorm] there is no norm: ${why}, expected a step of an optimizer with clip: { globalNorm } or { norm }. Take { globalNorm: Infinity } to measure it only.`,
    { op: 'gradientNorm' },
  );
}

/** Kind of clipping. */
function checkClip(op: string, clip: unknown): Kind {
  const expected = 'expected one of { globalNorm: 1 }, { norm: 1 }, { value: 0.5 }';
  const names = typeof clip === 'object' && clip !== null ? Object.keys(clip) : [];
  const [kind] = names as [Kind];
  if (names.length !== 1 || !KINDS.includes(kind)) {
    const got = typeof clip === 'object' && clip !== null ? `{ ${names.join(', ')} }` : describeValue(clip);
    throw new ArgumentError(`[${op}] clip: got ${got}, ${expected}.${names.length === 1 ? suggestion(kind, KINDS) : ''}`, { op });
  }
  const limit: unknown = (clip as Readonly<Record<Kind, unknown>>)[kind];
  if (typeof limit === 'function' || (typeof limit === 'number' && limit >= 0)) return kind;
  throw new ArgumentError(`[${op}] clip.${kind}: got ${describeValue(limit)}, expected a number of at least 0, or a function of the step.`, { op });
}
