import type { Destination } from '../compiler/graph.js';
import type { Given, Updater } from '../graph/engine.js';
import { add } from '../ops/index.js';
import type { Parameter, Tensor } from '../tensor.js';

/** A result and where it has to go. */
export interface Output {
  readonly tensor: Tensor;
  readonly destination: Destination;
}

/** Where the gradient of a parameter is collected when it is not consumed by the step that computes it. */
export interface Accumulation {
  readonly parameter: Parameter;
  readonly accumulator: Tensor;
  /** The accumulator holds an earlier gradient, to which this one is added. */
  readonly holds: boolean;
}

/** A parameter that the step updates, and where its gradient comes from. */
export interface Update {
  readonly parameter: Parameter;
  /** Reached by the losses of this step. */
  readonly reached: boolean;
  /** An earlier gradient waits here. */
  readonly accumulator: Tensor | undefined;
}

/** What each update gets: the gradient that this step computes, on top of what an earlier backward() has left. */
export function wholeGradients(updates: readonly Update[], computed: ReadonlyMap<Tensor | undefined, Tensor | undefined>): Given[] {
  const given: Given[] = [];
  for (const { parameter, accumulator } of updates) {
    const gradient = computed.get(parameter);
    const whole = gradient === undefined ? accumulator : accumulator === undefined ? gradient : add(accumulator, gradient);
    if (whole !== undefined) given.push({ parameter, gradient: whole });
  }
  return given;
}

/** Everything that one program has to do. */
export interface Request {
  readonly losses: readonly Tensor[];
  readonly outputs: readonly Output[];
  readonly accumulations: readonly Accumulation[];
  readonly updater: Updater | undefined;
  readonly updates: readonly Update[];
  /** Effects that are nodes already: eager mode makes them one by one. */
  readonly effects: readonly Tensor[];
}

export const NOTHING: Request = { losses: [], outputs: [], accumulations: [], updater: undefined, updates: [], effects: [] };
