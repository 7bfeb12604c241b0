import { engine } from '../graph/engine.js';
import { slots } from '../ops/leaf.js';
import type { Parameter } from '../parameter.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';

/** State of an optimizer for one parameter: the rule's arrays, and the place of its count. */
interface ParameterState {
  readonly arrays: Readonly<Record<string, Tensor>>;
  readonly place: number;
}

/** Memory of an optimizer, parameter by parameter: arrays of its rule, and numbers of updates. */
export class ParameterStates {
  /** Number of updates of each parameter, by place; in a step, that update counts already. The slot is read when the step runs. */
  readonly countsSlot: Tensor;
  readonly #counts: Int32Array;
  readonly #keeps: (parameter: Parameter) => Readonly<Record<string, Shape>>;
  readonly #states = new Map<Parameter, ParameterState>();
  /** The parameters that were last updated, and where their counts are. */
  #last: { readonly updated: readonly Parameter[]; readonly places: readonly number[] } | undefined = undefined;

  /** `keeps` names the arrays beside a parameter. */
  constructor(parameters: number, keeps: (parameter: Parameter) => Readonly<Record<string, Shape>>) {
    this.#counts = new Int32Array(parameters);
    this.countsSlot = slots(this.#counts, 'int32');
    this.#keeps = keeps;
  }

  /** The state of a parameter, which is made when it is first updated, or asked for. */
  of(parameter: Parameter): ParameterState {
    let state = this.#states.get(parameter);
    if (state === undefined) {
      const keeps = Object.entries(this.#keeps(parameter));
      state = { arrays: Object.fromEntries(keeps.map(([name, shape]) => [name, engine().zeroed(shape)])), place: this.#states.size };
      this.#states.set(parameter, state);
    }
    return state;
  }

  has(parameter: Parameter): boolean {
    return this.#states.has(parameter);
  }

  /** Number of parameters that have a state. */
  get size(): number {
    return this.#states.size;
  }

  /** All arrays that were made. */
  get arrays(): readonly Tensor[] {
    return [...this.#states.values()].flatMap(({ arrays }) => Object.values(arrays));
  }

  countAt(place: number): number {
    return this.#counts[place]!;
  }

  setCount(place: number, count: number): void {
    this.#counts[place] = count;
  }

  /** Adds to the counts of these parameters. */
  count(updated: readonly Parameter[], by: 1 | -1): void {
    for (const place of this.#placesOf(updated)) this.#counts[place]! += by;
  }

  /** Returns the positions of these parameters' counts. Steps ask for the same ones again and again. */
  #placesOf(updated: readonly Parameter[]): readonly number[] {
    if (this.#last === undefined || !sameParameters(this.#last.updated, updated)) {
      this.#last = { updated, places: updated.map((parameter) => this.of(parameter).place) };
    }
    return this.#last.places;
  }
}

/** Parameters by name; where two models have one of a name, by name and position. */
export function named(parameters: readonly Parameter[]): Map<string, Parameter> {
  const all = new Map<string, Parameter>();
  for (const [i, parameter] of parameters.entries()) {
    const name = parameter.name === '' ? `${i}` : parameter.name;
    all.set(all.has(name) ? `${name}#${i}` : name, parameter);
  }
  return all;
}

function sameParameters(a: readonly Parameter[], b: readonly Parameter[]): boolean {
  return a === b || (a.length === b.length && a.every((parameter, i) => parameter === b[i]));
}
