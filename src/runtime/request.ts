import type { Destination } from '../compiler/graph.js';
import type { ParameterGradient, StepOptions, Updater } from '../graph/engine.js';
import { rowGradient } from '../graph/row-gradient.js';
import { NO_RULES, type RecordedRules } from '../graph/recorded-rule.js';
import type { Assignment } from '../graph/assignments.js';
import { add, mul } from '../ops/index.js';
import type { CompositeRecord } from '../ops/record.js';
import { requireFinite } from '../ops/require-finite.js';
import { store } from '../ops/store.js';
import { sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Parameter } from '../parameter.js';

/** A result and where it has to go. */
export interface Output {
  readonly tensor: Tensor;
  readonly destination: Destination;
}

/** A gradient of a parameter and the memory that collects it when it is not consumed by the step that computes it. */
export interface Accumulation {
  readonly parameter: Parameter;
  readonly accumulator: Tensor;
  /** An earlier gradient, to which this one is added: the accumulator itself, or one that a user has seen, which stays as it is. */
  readonly earlier: Tensor | undefined;
}

/** A parameter that the step updates, and where its gradient comes from. */
export interface Update {
  readonly parameter: Parameter;
  /** Reached by the losses of this step. */
  readonly hasGradient: boolean;
  /** An earlier gradient waits here. */
  readonly accumulator: Tensor | undefined;
}

/** The effects that store the values of buffers. */
export function commitsOf({ commits = [] }: Request): readonly Tensor[] {
  return commits.map((assignment) => {
    const { buffer, value } = assignment;
    return isInPlace(assignment) ? (value.op as CompositeRecord<never>).inPlace!(value.inputs, value.attrs as never) : store(buffer, value);
  });
}

/** Returns whether a value is the buffer but for a part, which alone has to be written. */
export function isInPlace({ buffer, value }: Assignment): boolean {
  return value.storage$ === undefined && value.op.kind === 'composite' && value.op.inPlace !== undefined && value.inputs[0] === buffer;
}

/** The gradients that updates get: those that this step computes, on top of what an earlier backward() has left, times the scale. */
export function wholeGradients({ updater, updates, scale }: Request, computed: ReadonlyMap<Tensor | undefined, Tensor | undefined>): ParameterGradient[] {
  const given: ParameterGradient[] = [];
  for (const { parameter, accumulator } of updates) {
    const whole = sumOf(accumulator, computed.get(parameter));
    if (whole === undefined) continue;
    const table = parameter.sparse && updater!.takesRows(parameter) ? rowGradient(whole) : undefined;
    const gradient = table?.values ?? whole;
    given.push({ parameter, gradient: scale === undefined ? gradient : mul(gradient, scale), rows: table?.rows });
  }
  return given;
}

/** Sum of an earlier gradient and a new one, as far as there are. */
export function sumOf(earlier: Tensor | undefined, gradient: Tensor | undefined): Tensor | undefined {
  return earlier === undefined ? gradient : gradient === undefined ? earlier : add(earlier, gradient);
}

/** Gradients of so few elements cost next to nothing to look at. */
const SMALL = 4096;

/** The effects of an optimizer, after a look at what has to be finite. */
export function updatesOf({ losses, updater, finite }: Request, given: readonly ParameterGradient[]): readonly Tensor[] {
  const updates = updater!.update(given);
  if (finite === undefined) return updates;
  const looked = given.filter(({ gradient }) => finite === 'all' || sizeOf(gradient.shape) <= SMALL);
  const inputs = [...losses, ...looked.map(({ gradient }) => gradient)];
  const names = [...losses.map(() => ''), ...looked.map(({ parameter }) => parameter.name)];
  return inputs.length === 0 ? updates : [requireFinite(inputs, names), ...updates];
}

/** The look at losses whose gradients are only added up, for a step to come. */
export function lookAtLosses({ losses, updater, finite }: Request): readonly Tensor[] {
  const needed = finite !== undefined && updater === undefined && losses.length > 0;
  return needed ? [requireFinite(losses, losses.map(() => ''))] : [];
}

/** Everything that one program has to do. */
export interface Request {
  /** Assignments of buffers that come with what it computes, filled in when its nodes are known; undefined: they wait for another one. */
  readonly commits: Assignment[] | undefined;
  readonly losses: readonly Tensor[];
  /** Gradient rules of users' ops behind the losses. */
  readonly rules: RecordedRules;
  readonly outputs: Output[];
  readonly accumulations: readonly Accumulation[];
  readonly updater: Updater | undefined;
  readonly updates: readonly Update[];
  /** Effects that are nodes already: eager mode makes them one by one. */
  readonly effects: readonly Tensor[];
  /** Values that have to be finite before anything is updated. */
  readonly finite: StepOptions['finite'] | undefined;
  /** Factor of the gradients before they are used; undefined: none. */
  readonly scale: Tensor | undefined;
}

export const NOTHING: Request = {
  commits: undefined,
  outputs: [],
  losses: [],
  rules: NO_RULES,
  accumulations: [],
  updater: undefined,
  updates: [],
  effects: [],
  finite: undefined,
  scale: undefined,
};
