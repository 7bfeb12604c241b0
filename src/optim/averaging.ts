import { ArgumentError, BusyError } from '../errors.js';
import { engine } from '../graph/engine.js';
import { slots } from '../ops/leaf.js';
import { describeValue } from '../describe-value.js';
import type { Tensor } from '../tensor.js';
import type { Parameter } from '../parameter.js';
import type { Average } from './averages.js';

/** The averages of an optimizer's parameters, and how many steps they have seen. */
export class Averaging {
  /** Rule by which they go on; undefined for those of a state that was loaded, until it is given: they stay as they are. */
  #average: Average | undefined = undefined;
  /** Progress of averages in a step: before it and after it. */
  readonly slot: Tensor;
  readonly #op: string;
  readonly #coefficients = new Float64Array(2);
  readonly #arrays = new Map<Parameter, Tensor>();
  #swapped = false;
  /** Steps that they have seen. */
  #steps = 0;

  constructor(op: string) {
    this.#op = op;
    this.slot = slots(this.#coefficients, 'float64');
  }

  get average(): Average | undefined {
    return this.#average;
  }

  /** Throws ArgumentError for what is no average. */
  goOnBy(average: Average): void {
    if (typeof average?.coefficients !== 'function' || typeof average.start !== 'number') {
      const got = typeof average === 'object' ? 'an object without coefficients and start' : describeValue(average);
      throw new ArgumentError(`[${this.#op}] average: got ${got}, expected an average of weights, as in optim.exponentialMovingAverage({ decay: 0.999 }).`, { op: this.#op });
    }
    this.#average = average;
  }

  get pulls(): boolean {
    return this.#average?.pulls === true;
  }

  get steps(): number {
    return this.#steps;
  }

  set steps(steps: number) {
    this.#steps = steps;
  }

  /** True if a step was averaged, so that they may be something else than the parameters. */
  get begun(): boolean {
    return this.#average !== undefined && this.#steps > this.#average.start;
  }

  /** Counts a step and sets its numbers. */
  advance(): void {
    this.checkInPlace('step');
    if (this.#average === undefined) return;
    const coefficients = this.#average.coefficients(this.#steps);
    const odd = coefficients.find((value) => !Number.isFinite(value));
    if (odd !== undefined) throw new ArgumentError(`[${this.#op}] the average goes by ${odd} at step ${this.#steps}, expected a finite number. Check its coefficients.`, { op: this.#op });
    this.#coefficients.set(coefficients);
    this.#steps++;
  }

  /** Throws BusyError while parameters and averages have changed places: `op` would take each for the other. */
  checkInPlace(op: string): void {
    if (this.#swapped) throw new BusyError(`[${op}] the parameters are their averages now, within withAverage(). Await that first; within fit() call it in onEpochEnd.`, { op });
  }

  /** Takes back the count of a step that has changed nothing. Those that were submitted before the average was assigned it has not counted. */
  rollback(): void {
    if (this.#average !== undefined && this.#steps > 0) this.#steps--;
  }

  /** The average of a parameter; at first, as long as that has not changed, a copy. */
  of(parameter: Parameter): Tensor {
    let array = this.#arrays.get(parameter);
    if (array === undefined) {
      array = engine().zeroed(parameter.shape);
      engine().assign(array, parameter);
      this.#arrays.set(parameter, array);
    }
    return array;
  }

  /** All averages that there are. */
  get arrays(): readonly Tensor[] {
    return [...this.#arrays.values()];
  }

  /** Runs `fn` while parameters and averages have changed places: the memory is theirs in turn, nothing is copied. */
  async exchanged<R>(parameters: readonly Parameter[], fn: () => R | Promise<R>): Promise<R> {
    if (this.#swapped) throw new BusyError('[withAverage] the parameters are their averages already. Await the other call first.', { op: 'withAverage' });
    this.#exchange(parameters);
    this.#swapped = true;
    try {
      return await fn();
    } finally {
      this.#swapped = false;
      this.#exchange(parameters);
    }
  }

  #exchange(parameters: readonly Parameter[]): void {
    engine().exchange(parameters.map((parameter) => [parameter, this.of(parameter)]));
  }
}
