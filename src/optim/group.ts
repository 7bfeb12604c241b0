import { AnnealError, ArgumentError } from '../errors.js';
import { slots } from '../ops/leaf.js';
import { engine } from '../graph/engine.js';
import type { UpdateRule } from '../ops/updates.js';
import { checkOptions, withoutUndefined } from '../options.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { Parameter } from '../parameter.js';
import type { Average } from './averages.js';
import type { Clip } from './clipping.js';
import type { Composition } from './composition.js';
import { checkRate, describeScheduled, type Scheduled } from './numbers.js';
import { describeValue } from '../describe-value.js';

/** The rule of an optimizer: its rate, and its other numbers by name. */
export type Rule = NativeRule | ComposedRule;

/** A rate, and where the rule is for some parameters only, the rule of the others. */
interface AnyRule {
  readonly lr: Scheduled;
  /** Names of the numbers that are decays of averages, which are below 1. Default: beta1 and beta2. */
  readonly decays?: readonly string[];
  /** Parameters that it is for, and the rule of others; else for all. */
  readonly suits?: (parameter: Parameter) => boolean;
  readonly otherwise?: Rule;
}

/** One pass over elements, with what of it is switched on. */
interface NativeRule extends AnyRule {
  /** Name of a row of native/kernels/update/rules.def, whose names the numbers and flags have. */
  readonly rule: string;
  /** A number may follow from the step and its rate. */
  readonly hyper: Readonly<Record<string, number | ((step: number, lr: number) => number)>>;
  readonly flags: Readonly<Record<string, boolean>>;
  /** Effect on rows of a table whose gradient is 0; undefined where it changes them. */
  readonly rows?: RowUpdates | undefined;
}

interface ComposedRule extends AnyRule {
  readonly composition: Composition;
  readonly hyper: Readonly<Record<string, Scheduled>>;
}

/** Rows whose gradient is 0 stay as they are, because the rule makes the same of them ('same'), or because it leaves them out ('lazy'). */
type RowUpdates = 'same' | 'lazy';

/** Parameters with options of their own, the others being the optimizer's. */
export type GroupOf<O> = O & { readonly params: Iterable<Parameter> };

/** Parameters of an optimizer whose name matches, with options of their own. */
export type MatchOf<O> = O & {
  /** Of parameter names, such as `0.weight`: a pattern, or a function that says yes. */
  readonly match: RegExp | ((name: string) => boolean);
};

/** Parameters of an optimizer, or groups of them. */
export type ParametersOf<O> = Iterable<Parameter> | readonly GroupOf<O>[];

/** Options of an optimizer: its rule's, and what goes with any rule. */
export type OptimizerOptions<O> = O & {
  /** Parameters with options of their own: the first match counts. */
  readonly groups?: readonly MatchOf<O>[] | undefined;
  /** Makes gradients smaller before each step, as in `{ globalNorm: 1 }`, `{ norm: 1 }` or `{ value: 0.5 }`. May be assigned later. */
  readonly clip?: Clip | undefined;
  /** Keeps an average of the weights, as in `optim.exponentialMovingAverage({ decay: 0.999 })`. */
  readonly average?: Average | undefined;
};

/** Parameters that are updated with the same numbers. */
export class ParameterGroup {
  readonly parameters: readonly Parameter[];
  /** The native rule: where the step is composed, that of gradient descent, by which it is taken. */
  readonly rule: string;
  readonly updateRule$: UpdateRule;
  readonly composition: Composition | undefined;
  readonly rows: RowUpdates | undefined;
  readonly flags: readonly string[];
  /** Numbers that the native rule reads when the step runs, in its order. */
  readonly hyperSlot: Tensor;
  /** Numbers of a composition by name. */
  readonly numbers: Readonly<Record<string, Tensor>>;
  readonly #op: string;
  readonly #hyper: Float64Array;
  /** Place of the rate among them. */
  readonly #rate: number;
  readonly #decays: readonly string[];
  /** Names of its numbers, in their order. */
  readonly #names: readonly string[];
  readonly #scheduled: readonly { readonly name: string; readonly place: number; readonly schedule: (step: number, lr: number) => number }[];
  #lr: Scheduled;

  constructor(op: string, parameters: readonly Parameter[], rule: Rule) {
    const composition = 'composition' in rule ? rule.composition : undefined;
    const flags: Readonly<Record<string, boolean>> = 'flags' in rule ? rule.flags : {};
    this.#op = op;
    this.parameters = parameters;
    this.rule = 'rule' in rule ? rule.rule : 'sgd';
    this.updateRule$ = engine().updateRule(this.rule);
    this.composition = composition;
    this.rows = 'rows' in rule ? rule.rows : undefined;
    if (this.rows === undefined) checkDense(op, parameters);
    this.flags = Object.keys(flags).filter((flag) => flags[flag]);
    this.#lr = checkRate(op, rule.lr);
    const { hyper, decays = ['beta1', 'beta2'] } = rule;
    this.#decays = decays;
    const names: readonly string[] = composition === undefined ? this.updateRule$.hypers : ['lr', ...Object.keys(hyper)];
    checkNames(op, this.updateRule$, composition === undefined ? names.filter((name) => name !== 'lr' && !(name in hyper)) : [], Object.keys(flags));
    this.#names = names;
    this.#hyper = Float64Array.from(names, (name) => Number(hyper[name]));
    this.#rate = names.indexOf('lr');
    this.#scheduled = names.flatMap((name, place) => (typeof hyper[name] === 'function' ? [{ name, place, schedule: hyper[name] }] : []));
    this.hyperSlot = composition === undefined ? slots(this.#hyper, 'float64') : slots([1, 0], 'float64');
    const number = (place: number): Tensor => slots(this.#hyper.subarray(place, place + 1), 'float32', []);
    this.numbers = composition === undefined ? {} : Object.fromEntries(names.map((name, place) => [name, number(place)]));
  }

  /** The arrays that are kept beside a parameter, by name. */
  keeps(parameter: Parameter): Readonly<Record<string, Shape>> {
    if (this.composition !== undefined) return this.composition.keeps(parameter);
    return Object.fromEntries(this.updateRule$.states.map((name) => [name, parameter.shape]));
  }

  set lr(lr: Scheduled) {
    this.#lr = checkRate(this.#op, lr);
  }

  /** The rate, a number or a schedule. */
  get lr(): Scheduled {
    return this.#lr;
  }

  /** Options by name: numbers, and functions of the step as text. */
  options$(): { readonly [name: string]: unknown } {
    const scheduled = new Map(this.#scheduled.map(({ name, schedule }) => [name, describeScheduled(schedule as Scheduled)]));
    const numbers = this.#names.map((name, place) => [name, name === 'lr' ? describeScheduled(this.#lr) : (scheduled.get(name) ?? this.#hyper[place])]);
    return { parameters: this.parameters.length, flags: this.flags, ...(Object.fromEntries(numbers) as object) };
  }

  /** The rate of a step. */
  rateAt(step: number): number {
    return typeof this.#lr === 'number' ? this.#lr : this.#inRange('lr', this.#lr(step), step);
  }

  /** Sets the numbers of a step. */
  setNumbers$(step: number): void {
    const lr = (this.#hyper[this.#rate] = this.rateAt(step));
    for (const { name, place, schedule } of this.#scheduled) this.#hyper[place] = this.#inRange(name, schedule(step, lr), step);
  }

  #inRange(name: string, value: number, step: number): number {
    const decay = this.#decays.includes(name);
    if (Number.isFinite(value) && value >= 0 && !(decay && value >= 1)) return value;
    const range = decay ? 'number in [0, 1)' : 'finite number of at least 0';
    throw new ArgumentError(`[${this.#op}] ${name} of step ${step} is ${String(value)}, expected a ${range}. Check the schedule.`, { op: this.#op });
  }
}

/** Throws for tables that are marked as sparse, for a rule that changes all of their rows in each step. */
export function checkDense(op: string, parameters: readonly Parameter[]): void {
  const table = parameters.find(({ sparse, requiresGrad }) => sparse && requiresGrad);
  if (table === undefined) return;
  const what = `[${op}] with these options every step changes all rows of a table, those without a gradient, too: got ${String(table)}, which is sparse, expected parameters that are not.`;
  throw new ArgumentError(`${what} Take optim.sparseAdam, optim.adagrad without weightDecay, or optim.sgd without momentum and weightDecay; or make the embedding without sparse.`, { op, shapes: [table.shape] });
}

/** Throws where an optimizer does not give what its rule takes, by the names of the rule's row. */
function checkNames(op: string, rule: UpdateRule, missing: readonly string[], flags: readonly string[]): void {
  const unknown = flags.filter((flag) => !rule.flags.includes(flag));
  if (missing.length === 0 && unknown.length === 0) return;
  const wrong = missing.length > 0 ? `lacks the number ${missing[0]!}` : `has no flag ${unknown[0]!}`;
  throw new AnnealError('ANNEAL_INTERNAL', `[${op}] the optimizer and the row '${rule.name}' of native/kernels/update/rules.def differ: got one that ${wrong}, expected the names of the row.`, { op });
}

/** The groups of what an optimizer was given, each with its rule; `describe` makes a rule of complete options. */
export function groupsOf<O extends object>(
  op: string,
  given: ParametersOf<O>,
  options: O & { readonly groups?: readonly MatchOf<O>[] },
  known: readonly string[],
  describe: (options: O) => Rule,
): ParameterGroup[] {
  const { groups: matches = [], ...common } = options;
  if (!Array.isArray(matches)) throw noList(op, 'groups', matches, 'a list, as in [{ match: /bias$/, weightDecay: 0 }].');
  const groups: ParameterGroup[] = [];
  const used = new Set<MatchOf<O>>();
  const add = (parameters: readonly Parameter[], own: object): void => {
    const rest = new Set(parameters);
    for (const group of matches) {
      const { match, ...special } = group;
      const matched = [...rest].filter(({ name }) => (typeof match === 'function' ? match(name) : name.search(match) >= 0));
      matched.forEach((parameter) => rest.delete(parameter));
      if (matched.length > 0) used.add(group);
      groups.push(...divided(op, matched, describe({ ...common, ...withoutUndefined(own), ...withoutUndefined(special) } as unknown as O)));
    }
    groups.push(...divided(op, [...rest], describe({ ...common, ...withoutUndefined(own) } as unknown as O)));
  };
  for (const match of matches) checkMatch(op, match, known);
  if (!isList(given)) throw noList(op, 'parameters', given, 'a list of parameters. Pass model.parameters(), or a part of them.');
  const listed = [...given] as readonly (Parameter | GroupOf<O>)[];
  if (listed.length > 0 && listed.every(isGroup)) {
    for (const group of listed as readonly GroupOf<O>[]) {
      checkOptions(op, group, ['params', ...known]);
      const { params, ...own } = group;
      if (!isList(params)) throw noList(op, 'params', params, 'a list of parameters. Pass model.parameters(), or a part of them.');
      add(checkParameters(op, [...params]), own);
    }
  } else add(checkParameters(op, listed as readonly Parameter[]), {});
  const all = checkParameters(op, groups.flatMap(({ parameters }) => parameters));
  const idle = matches.find((group) => !used.has(group));
  if (idle === undefined) return groups;
  throw new ArgumentError(`[${op}] groups: got ${String(idle.match)}, which no parameter is left for, expected a pattern of some of ${all.map(({ name }) => name).join(', ')}.`, { op });
}

/** The group of a rule, or that of the parameters which it suits and that of the others. */
function divided(op: string, parameters: readonly Parameter[], rule: Rule): ParameterGroup[] {
  const { suits, otherwise } = rule;
  if (suits === undefined || otherwise === undefined) return parameters.length === 0 ? [] : [new ParameterGroup(op, parameters, rule)];
  const suited = parameters.filter(suits);
  const others = parameters.filter((parameter) => !suits(parameter));
  return [...(suited.length === 0 ? [] : [new ParameterGroup(op, suited, rule)]), ...divided(op, others, otherwise)];
}

function noList(op: string, name: string, given: unknown, expected: string): ArgumentError {
  return new ArgumentError(`[${op}] ${name}: got ${describeValue(given)}, expected ${expected}`, { op });
}

export const isList = (given: unknown): boolean => typeof given === 'object' && given !== null && Symbol.iterator in given && !ArrayBuffer.isView(given);

const isGroup = (entry: unknown): boolean => typeof entry === 'object' && entry !== null && !(entry instanceof Parameter) && 'params' in entry;

function checkMatch(op: string, group: MatchOf<object>, known: readonly string[]): void {
  checkOptions(op, group ?? null, ['match', ...known]);
  if (group.match instanceof RegExp || typeof group.match === 'function') return;
  throw new ArgumentError(`[${op}] groups: got match ${describeValue(group.match)}, expected a pattern of parameter names, as in { match: /bias$/, weightDecay: 0 }.`, { op });
}

function checkParameters(op: string, parameters: readonly Parameter[]): readonly Parameter[] {
  if (parameters.length === 0) throw new ArgumentError(`[${op}] got no parameters to train, expected at least one. Pass model.parameters(); layers are found in fields, and in arrays, plain objects and Maps there, but not in private fields (#name).`, { op });
  for (const parameter of parameters) {
    if (parameter instanceof Parameter && !parameter.isBuffer) continue;
    throw new ArgumentError(`[${op}] got ${describeValue(parameter)}, expected parameters that require gradients, and no buffers. Pass model.parameters().`, { op });
  }
  if (new Set(parameters).size === parameters.length) return parameters;
  throw new ArgumentError(`[${op}] got a parameter twice, expected each once. Take them from one model that contains all others.`, { op });
}
