import { ArgumentError } from '../errors.js';
import { engine, type Given, type Updater } from '../graph/engine.js';
import { loadInto, mismatch, elements, entriesOf, type Described, type State } from '../state.js';
import { update, updateRules } from '../ops/index.js';
import { slots, storageLeaf } from '../ops/leaf.js';
import { Parameter, Tensor } from '../tensor.js';
import type { Schedule } from './schedules/index.js';

/** A hyper-parameter: a number, or a pure function of the number of steps done so far. */
export type Scheduled = number | Schedule;

let optimizers = 0;

/** The rule of an optimizer, its numbers other than the rate by name, and what of it is switched on. */
export interface Rule {
  readonly rule: keyof typeof updateRules;
  readonly hyper: Readonly<Record<string, Scheduled>>;
  readonly flags: Readonly<Record<string, boolean>>;
}

/** What an optimizer keeps for one parameter: the rule's arrays, of the parameter's shape, and the place of its count. */
interface ParameterState {
  readonly arrays: Readonly<Record<string, Tensor>>;
  readonly place: number;
}

/** The base of optimizers: who to update, by which rate, and what is remembered from step to step. */
export class Optimizer implements Updater {
  readonly id = ++optimizers;
  readonly version = 0;
  readonly parameters: readonly Parameter[];
  /** Steps done so far; what a schedule gets. */
  #count = 0;
  #lr: Scheduled;
  readonly #op: string;
  readonly #rule: Rule['rule'];
  readonly #flags: readonly string[];
  /** lr, then the rule's other numbers. */
  readonly #hyper: Float64Array;
  readonly #hyperSlot: Tensor;
  /** Of the other numbers, those that change, and their place in #hyper. */
  readonly #scheduled: readonly { readonly name: string; readonly place: number; readonly schedule: Schedule }[];
  /** How often each parameter was updated; in a step, that update counts already. The slot is read when the step runs. */
  readonly #counts: Int32Array;
  readonly #countsSlot: Tensor;
  /** The parameters that were last updated, and where their counts are. */
  #last: { readonly updated: readonly Parameter[]; readonly places: readonly number[] } | undefined = undefined;
  readonly #states = new Map<Parameter, ParameterState>();

  /** Made by adam(), sgd() and the others. */
  constructor(op: string, parameters: Iterable<Parameter>, lr: Scheduled, { rule, hyper, flags }: Rule) {
    this.#op = op;
    this.parameters = checkParameters(op, parameters);
    this.#lr = checkRate(op, lr);
    this.#rule = rule;
    this.#flags = Object.keys(flags).filter((flag) => flags[flag]);
    const { hypers } = updateRules[rule];
    this.#hyper = Float64Array.from(hypers, (name) => Number(hyper[name]));
    this.#scheduled = hypers.flatMap((name, place) => (typeof hyper[name] === 'function' ? [{ name, place, schedule: hyper[name] }] : []));
    this.#hyperSlot = slots(this.#hyper, 'float64');
    this.#counts = new Int32Array(this.parameters.length);
    this.#countsSlot = slots(this.#counts, 'int32');
  }

  update(given: readonly Given[]): readonly Tensor[] {
    const updated = given.map(({ parameter, gradient }) => {
      const { arrays, place } = this.#stateOf(parameter);
      return { parameter: parameter as Tensor, gradient, states: Object.values(arrays), place };
    });
    return [update(this.#rule, this.#flags, this.#hyperSlot, this.#countsSlot, updated)];
  }

  /** The rate of the next step. May be assigned a number or a schedule at any time. */
  get lr(): number {
    return this.#rate();
  }

  set lr(lr: Scheduled) {
    this.#lr = checkRate(this.#op, lr);
  }

  /** Steps done so far. */
  get steps(): number {
    return this.#count;
  }

  /** Forgets the gradients that wait for this optimizer's parameters. */
  zeroGrad(): void {
    engine().zeroGrad(this.parameters);
  }

  /**
   * Runs the step: losses of which backward() was called, their gradients, and the update of all parameters that these reach.
   * Resolves when it is done. Throws AnnealError (ANNEAL_GRADIENT) where nothing waits to be applied; a failure while
   * running, such as IndexError for a label out of range, leaves the parameters as they were.
   */
  step(): Promise<void> {
    return engine().step(this);
  }

  advance(updated: readonly Parameter[] = this.parameters): void {
    this.#hyper[0] = this.#rate();
    for (const { name, place, schedule } of this.#scheduled) this.#hyper[place] = this.#finite(name, schedule(this.#count));
    this.#count++;
    for (const place of this.#placesOf(updated)) this.#counts[place]!++;
  }

  retreat(updated: readonly Parameter[] = this.parameters): void {
    this.#count--;
    for (const place of this.#placesOf(updated)) this.#counts[place]!--;
  }

  /** Where the counts of these parameters are. Steps that run together ask for the same ones again and again. */
  #placesOf(updated: readonly Parameter[]): readonly number[] {
    if (this.#last?.updated !== updated) this.#last = { updated, places: updated.map((parameter) => this.#stateOf(parameter).place) };
    return this.#last.places;
  }

  /**
   * What the optimizer remembers, keyed by parameter name, as in `0.weight.expAvg`, and its own `steps`. Arrays are the
   * optimizer's own: read them with data(), or write them to a file with save().
   */
  stateDict(): Map<string, Tensor | Described> {
    const state = new Map<string, Tensor | Described>([['steps', integer(this.#count)]]);
    for (const [name, parameter] of this.#named()) {
      const { arrays, place } = this.#stateOf(parameter);
      for (const [array, tensor] of Object.entries(arrays)) state.set(`${name}.${array}`, tensor);
      state.set(`${name}.step`, integer(this.#counts[place]!));
    }
    return state;
  }

  /** Takes over what stateDict() gave. Throws AnnealError (ANNEAL_STATE_MISMATCH), and changes nothing, where it does not fit. */
  async loadStateDict(state: State): Promise<void> {
    const given = entriesOf(state);
    const targets = new Map<string, Tensor>();
    const counts: [name: string, set: (value: number) => void][] = [['steps', (value) => (this.#count = value)]];
    for (const [name, parameter] of this.#named()) {
      const { arrays, place } = this.#stateOf(parameter);
      for (const [array, tensor] of Object.entries(arrays)) targets.set(`${name}.${array}`, tensor);
      counts.push([`${name}.step`, (value) => (this.#counts[place] = value)]);
    }
    const apply: (() => void)[] = [];
    for (const [name, set] of counts) {
      const source = given.get(name);
      const value = source === undefined ? undefined : (await elements(source))[0];
      if (value === undefined) throw mismatch('loadStateDict', `the optimizer's state lacks '${name}'. Pass what stateDict() of an optimizer of the same parameters gave.`);
      given.delete(name);
      apply.push(() => set(value));
    }
    await loadInto('loadStateDict', targets, given);
    for (const set of apply) set();
  }

  /** Made when the parameter is first updated, or its state is asked for. */
  #stateOf(parameter: Parameter): ParameterState {
    let state = this.#states.get(parameter);
    if (state === undefined) {
      const names: readonly string[] = updateRules[this.#rule].states;
      state = { arrays: Object.fromEntries(names.map((name) => [name, zeroed(parameter)])), place: this.#states.size };
      this.#states.set(parameter, state);
    }
    return state;
  }

  #rate(): number {
    return typeof this.#lr === 'number' ? this.#lr : this.#finite('lr', this.#lr(this.#count));
  }

  #finite(name: string, value: number): number {
    if (Number.isFinite(value)) return value;
    throw new ArgumentError(`[${this.#op}] ${name} of step ${this.#count} is ${String(value)}, expected a finite number. Check the schedule.`, { op: this.#op });
  }

  /** By name; where two models have a parameter of one name, by name and position. */
  #named(): Map<string, Parameter> {
    const named = new Map<string, Parameter>();
    for (const [i, parameter] of this.parameters.entries()) {
      const name = parameter.name === '' ? `${i}` : parameter.name;
      named.set(named.has(name) ? `${name}#${i}` : name, parameter);
    }
    return named;
  }
}

/** Zero-filled memory like a parameter's, which outlives steps. */
function zeroed(parameter: Parameter): Tensor {
  const tensor = new Tensor(storageLeaf, [], undefined, { shape: parameter.shape, dtype: 'float32' }, false, 0);
  tensor.storage$ = engine().allocate(parameter.shape, 'float32');
  return tensor;
}

function integer(value: number): Described {
  return { shape: [], dtype: 'int32', data: Int32Array.of(value) };
}

function checkParameters(op: string, given: Iterable<Parameter>): readonly Parameter[] {
  const parameters = typeof given === 'object' && given !== null && Symbol.iterator in given ? [...given] : [];
  if (parameters.length === 0) throw new ArgumentError(`[${op}] got no parameters to train, expected at least one. Pass model.parameters().`, { op });
  for (const parameter of parameters) {
    if (parameter instanceof Parameter && parameter.requiresGrad) continue;
    throw new ArgumentError(`[${op}] got ${String(parameter)}, expected parameters that require gradients. Pass model.parameters().`, { op });
  }
  if (new Set(parameters).size === parameters.length) return parameters;
  throw new ArgumentError(`[${op}] got a parameter twice, expected each once. Take them from one model that contains all others.`, { op });
}

function checkRate(op: string, lr: unknown): Scheduled {
  if (typeof lr === 'number' || typeof lr === 'function') return checkScheduled(op, 'lr', lr as Scheduled);
  throw new ArgumentError(`[${op}] lr: got ${String(lr)}, expected a number or a function of the step. Give it, as in { lr: 1e-3 }.`, { op });
}

/** A hyper-parameter in [low, high), or a schedule, whose values are checked when their step comes. */
export function checkScheduled(op: string, name: string, value: Scheduled, low = 0, high = Infinity): Scheduled {
  return typeof value === 'function' ? value : checkNumber(op, name, value, low, high);
}

/** Two decays of averages, each in [0, 1). */
export function checkBetas(op: string, betas: readonly [Scheduled, Scheduled]): readonly [Scheduled, Scheduled] {
  if (!Array.isArray(betas) || betas.length !== 2) throw new ArgumentError(`[${op}] betas: got ${String(betas)}, expected two numbers, as in [0.9, 0.999].`, { op });
  betas.forEach((beta, i) => checkScheduled(op, `betas[${i}]`, beta as Scheduled, 0, 1));
  return betas as unknown as readonly [Scheduled, Scheduled];
}

/** A hyper-parameter in [low, high) that stays. */
export function checkNumber(op: string, name: string, value: number, low = 0, high = Infinity): number {
  if (typeof value === 'number' && value >= low && value < high) return value;
  const range = high === Infinity ? `of at least ${low}` : `in [${low}, ${high})`;
  throw new ArgumentError(`[${op}] ${name}: got ${String(value)}, expected a number ${range}.`, { op });
}
