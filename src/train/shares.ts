import { withoutTracking } from '../graph/recorder.js';
import type { Divisor } from '../losses/reduction.js';
import { add, div, equal, where } from '../ops/index.js';
import { scalar } from '../ops/leaf.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';

type Floats = Tensor<Shape, 'float32'>;

/**
 * Returns the shares of the mean losses of the batches of a step in that of all their examples: each counts as much as it was divided by. That is known of
 * a batch when it is recorded, and of all when the last one is, while the gradients of the first are added up already. So they are taken
 * as shares of what the first batch lets expect, and the update is scaled where it comes otherwise.
 */
export class Shares {
  readonly #sizes: readonly number[];
  readonly #divisors: Divisor[] = [];
  #expected = 0;

  /** `sizes`: the examples of each batch. */
  constructor(sizes: readonly number[]) {
    this.#sizes = sizes;
  }

  /** Returns the factor of the next batch's mean. */
  next(divisor: Divisor): Tensor | number {
    const own = typeof divisor === 'number' ? divisor : withoutTracking(() => divisor.detach().keep());
    if (this.#divisors.length === 0) {
      const examples = this.#sizes.reduce((total, size) => total + size, 0);
      this.#expected = typeof own === 'number' ? (own / this.#sizes[0]!) * examples : examples;
    }
    this.#divisors.push(own);
    return typeof own === 'number' ? own / this.#expected : withoutTracking(() => div(own as Floats, this.#expected));
  }

  /** Returns the factor of the gradients of all of them together: 0 where nothing counts; undefined where all came as expected. */
  scale(): Tensor | undefined {
    const known = this.#divisors.reduce<number>((sum, one) => (typeof one === 'number' ? sum + one : sum), 0);
    const computed = this.#divisors.filter((one) => typeof one !== 'number') as Floats[];
    if (computed.length === 0) return known === this.#expected ? undefined : scalar(this.#expected / known, 'float32');
    return withoutTracking(() => {
      const total = computed.reduce<Floats | number>((sum, one) => add(one, sum) as Floats, known) as Floats;
      return where(equal(total, 0), 0, div(this.#expected, total)) as Tensor;
    });
  }

  /** Called when the step was submitted. */
  dispose(): void {
    for (const divisor of this.#divisors) if (typeof divisor !== 'number') divisor.dispose();
  }
}
