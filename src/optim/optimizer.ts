import { ArgumentError } from '../errors.js';
import { engine, type ParameterGradient, type Updater } from '../graph/engine.js';
import { below, differenceOf, elements, entriesOf, kindOf, loadInto, mismatch, PARTS, type Described, type Source, type State } from '../state.js';
import { zeros } from '../ops/index.js';
import { update } from '../ops/updates.js';
import { updateRows } from '../ops/update-rows.js';
import { slots } from '../ops/leaf.js';
import { store } from '../ops/store.js';
import { slice } from '../ops/slicing.js';
import { inspected, labelled, type Inspect } from '../inspect.js';
import { checkOptions } from '../options.js';
import { sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Parameter } from '../parameter.js';
import { describeAverage, sameAverage, type Average } from './averages.js';
import { Averaging } from './averaging.js';
import { Clipping, unmeasured, type Clip } from './clipping.js';
import type { Composition } from './composition.js';
import { groupsOf, type OptimizerOptions, type ParameterGroup, type ParametersOf, type Rule } from './group.js';
import { withinMaxNorm } from './max-norm.js';
import { checkRate, describeScheduled, type Scheduled } from './numbers.js';
import { named, ParameterStates } from './parameter-states.js';

let optimizers = 0;

/** The name in a state of the count of steps that averages have seen. */
const AVERAGE_STEPS = 'averageSteps';

/** The base of optimizers: who to update, by which rate, and what is remembered from step to step. */
export class Optimizer implements Updater {
  readonly id = ++optimizers;
  readonly parameters: readonly Parameter[];
  /** Groups of parameters with numbers of their own; a single one where none was asked for. */
  readonly groups: readonly ParameterGroup[];
  /** Steps done so far; what a schedule gets. */
  #count = 0;
  #version = 0;
  readonly #op: string;
  /** Tensors that steps overwrite besides parameters, and how many there were when they were gathered. */
  #overwritten: { readonly version: number; readonly states: number; readonly averages: number; readonly leaves: readonly Tensor[] } | undefined = undefined;
  readonly #states: ParameterStates;
  readonly #groupOf = new Map<Parameter, ParameterGroup>();
  #clipping: Clipping | undefined = undefined;
  #averaging: Averaging | undefined = undefined;

  /** Made by adam(), sgd() and the others. */
  constructor(op: string, groups: readonly ParameterGroup[], { clip, average }: { readonly clip?: Clip | undefined; readonly average?: Average | undefined } = {}) {
    this.#op = op;
    this.groups = groups;
    this.parameters = groups.flatMap(({ parameters }) => parameters);
    for (const group of groups) for (const parameter of group.parameters) this.#groupOf.set(parameter, group);
    this.#states = new ParameterStates(this.parameters.length, (parameter) => this.#groupOf.get(parameter)!.keeps(parameter));
    this.clip = clip;
    this.average = average;
  }

  /** Returns a description: rule, options and progress; its state is in stateDict(). */
  toJSON(): object {
    const { lr, steps, parameters, clip } = this;
    const groups = this.groups.length === 1 ? undefined : this.groups.map((group) => ({ lr: group.rateAt(steps), parameters: group.parameters.length }));
    return { rule: this.#op, lr, steps, parameters: parameters.length, ...(groups && { groups }), ...(clip && { clip }), averaged: this.average !== undefined };
  }

  /** Everything that it was asked for, as JSON: rule, groups, clipping and averages. */
  options$(average = this.average): object {
    const { clip } = this;
    const limits = clip && Object.fromEntries(Object.entries(clip).map(([kind, limit]) => [kind, describeScheduled(limit as Scheduled)]));
    return { rule: this.#op, groups: this.groups.map((group) => group.options$()), clip: limits ?? null, average: average === undefined ? null : describeAverage(average) };
  }

  [inspected](depth: number, options: object, inspect: Inspect): string {
    return labelled('Optimizer', this.toJSON(), depth, options, inspect);
  }

  /** Changes when the update that it makes does. */
  get version(): number {
    return this.#version;
  }

  /** One instruction for each group, after one that measures the gradients where they are clipped by a norm, and those that shorten rows of tables with maxNorm. */
  update(given: readonly ParameterGradient[]): readonly Tensor[] {
    const grouped = this.groups.map((group) => ({ group, own: rowsLast(group, given.filter(({ parameter }) => this.#groupOf.get(parameter) === group)) }));
    const ordered = grouped.flatMap(({ own }) => own.map(({ gradient }) => gradient));
    const { scales, effects = [] } = this.#clipping?.scales(ordered) ?? {};
    let at = 0;
    const updates = grouped.flatMap(({ group, own }) => {
      if (own.length === 0) return [];
      const part = scales === undefined || scales.shape[0] === 1 ? scales : slice(scales, at, at + own.length);
      at += own.length;
      return group.composition === undefined ? this.#updatesOf(group, own, part) : this.#composed(group, group.composition, own, part);
    });
    const shortened = given.filter(({ parameter }) => parameter.maxNorm !== undefined).map((each) => store(each.parameter as Tensor, withinMaxNorm(each)));
    return [...effects, ...shortened, ...updates, ...this.#rest(given)];
  }

  /** The averages that steps move. */
  get #moving(): Averaging | undefined {
    return this.#averaging?.average === undefined ? undefined : this.#averaging;
  }

  takesRows(parameter: Parameter): boolean {
    // An average goes on in every row.
    return parameter.sparse && this.#groupOf.get(parameter)!.rows !== undefined && this.#moving === undefined;
  }

  /** One pass over all dense gradients, then one over the rows of each table. */
  #updatesOf(group: ParameterGroup, own: readonly ParameterGradient[], scales: Tensor | undefined): Tensor[] {
    const averaging = this.#moving;
    const { countsSlot } = this.#states;
    const limit = this.#clipping?.limit;
    const scaleAt = (from: number, to: number): Tensor | undefined => (scales === undefined || scales.shape[0] === 1 ? scales : slice(scales, from, to));
    const updated = own.map(({ parameter, gradient, rows }) => {
      const { arrays, place } = this.#states.of(parameter);
      return { parameter: parameter as Tensor, gradient, rows, states: Object.values(arrays), average: averaging?.of(parameter), place };
    });
    const dense = own.filter((each) => !isOfRows(group, each)).length;
    const tables = updated.slice(dense).map((table, i) => updateRows(group.updateRule$, group.flags, group.hyperSlot, countsSlot, { ...table, scale: scaleAt(dense + i, dense + i + 1), limit }));
    if (dense === 0) return tables;
    const extras = { scales: scaleAt(0, dense), limit, average: averaging?.slot, pulls: averaging?.pulls ?? false };
    return [update(group.updateRule$, group.flags, group.hyperSlot, countsSlot, updated.slice(0, dense), extras), ...tables];
  }

  /** Stores what the composition keeps, then takes its steps. */
  #composed(group: ParameterGroup, composition: Composition, own: readonly ParameterGradient[], scales: Tensor | undefined): Tensor[] {
    const averaging = this.#moving;
    const stores: Tensor[] = [];
    const updated = own.map((each, i) => {
      const { parameter, gradient: whole } = each;
      const { arrays, place } = this.#states.of(parameter);
      const gradient = this.#clipping?.clipped(whole, scales, i) ?? whole;
      const { step, kept } = composition.compose({ parameter: withinMaxNorm(each), gradient, kept: arrays, numbers: group.numbers });
      for (const [name, value] of Object.entries(kept)) stores.push(store(arrays[name]!, value));
      return { parameter: parameter as Tensor, gradient: step, states: [], average: averaging?.of(parameter), place };
    });
    const extras = { average: averaging?.slot, pulls: averaging?.pulls ?? false };
    return [...stores, update(group.updateRule$, group.flags, group.hyperSlot, this.#states.countsSlot, updated, extras)];
  }

  /** Averages go on where no gradient reaches: a step of length 0. */
  #rest(given: readonly ParameterGradient[]): Tensor[] {
    const averaging = this.#moving;
    const reached = new Set(given.map(({ parameter }) => parameter));
    const rest = averaging === undefined ? [] : this.parameters.filter((parameter) => !reached.has(parameter));
    if (averaging === undefined || rest.length === 0) return [];
    const updated = rest.map((parameter) => {
      const average = averaging.of(parameter);
      return { parameter: parameter as Tensor, gradient: zeros(parameter.shape), states: [], average, place: this.#states.of(parameter).place };
    });
    return [update(engine().updateRule('sgd'), [], slots([0, 0], 'float64'), this.#states.countsSlot, updated, { average: averaging.slot, pulls: averaging.pulls })];
  }

  /** The rate of the next step. May be assigned a number or a schedule at any time: of all groups; each has an `lr` of its own. */
  get lr(): number {
    return this.groups[0]!.rateAt(this.#count);
  }

  set lr(lr: Scheduled) {
    checkRate(this.#op, lr);
    for (const group of this.groups) group.lr = lr;
  }

  /**
   * Limit that makes gradients smaller before each step; undefined: not at all. May be assigned at any time: another limit makes no new
   * plan. Throws ArgumentError for what is no clipping.
   *
   *     optimizer.clip = { globalNorm: 1 };
   */
  get clip(): Clip | undefined {
    return this.#clipping?.clip;
  }

  set clip(clip: Clip | undefined) {
    if (clip !== undefined && this.#clipping?.change(clip) === true) return;
    if (clip === undefined && this.#clipping === undefined) return;
    this.#clipping = clip === undefined ? undefined : new Clipping(this.#op, clip);
    this.#version++;
  }

  /**
   * The Euclidean norm of all gradients of the last step, before they were clipped; of several steps in one call, of the last of them.
   * Rejects with ArgumentError where it was not measured, by clip: { globalNorm } or { norm }.
   */
  async gradientNorm(): Promise<number> {
    if (this.#clipping === undefined) throw unmeasured('the optimizer does not clip');
    return this.#clipping.norm();
  }

  /**
   * The average of weights that is kept, where one is. Assigned later, it counts steps from there, and begins as it would with a new optimizer; or,
   * where loadStateDict() has brought averages and none was assigned yet, it goes on with those.
   */
  get average(): Average | undefined {
    return this.#averaging?.average;
  }

  set average(average: Average | undefined) {
    if (average !== undefined && average === this.average) return;
    if (average === undefined && this.#averaging === undefined) return;
    if (average !== undefined) checkAveraged(this.#op, this.groups);
    this.#averaging?.checkInPlace('average');
    const loaded = this.#averaging !== undefined && this.#averaging.average === undefined ? this.#averaging : undefined;
    const averaging = average === undefined ? undefined : (loaded ?? new Averaging(this.#op));
    averaging?.goOnBy(average!);
    this.#averaging = averaging;
    this.#version++;
  }

  /** Assigns an average, unless one that does the same is kept already: that goes on. */
  goOnAveraging$(average: Average): void {
    if (!sameAverage(average, this.average)) this.average = average;
  }

  /**
   * Runs `fn` while the parameters have their averages' values, and gives back what it gives. Memory is exchanged, not copied: the weights
   * are exactly what they were afterwards. Where nothing was averaged yet, fn sees the weights themselves. Buffers, such as the
   * statistics of a batch norm, stay those of training. A step in the meantime rejects with BusyError, and so does the optimizer's state;
   * model.stateDict() gives the averaged weights.
   *
   *     const { accuracy } = await optimizer.withAverage(() => trainer.evaluate(test));
   */
  async withAverage<R>(fn: () => R | Promise<R>): Promise<R> {
    return this.#kept('withAverage').exchanged(this.#averaged(), fn);
  }

  /** Gives the parameters their averages' values for good; the averages stay. Throws ArgumentError where none is kept. */
  applyAverage(): void {
    const averaging = this.#kept('applyAverage');
    averaging.checkInPlace('applyAverage');
    for (const parameter of this.#averaged()) engine().assign(parameter, averaging.of(parameter));
  }

  #kept(op: string): Averaging {
    if (this.#moving !== undefined) return this.#moving;
    if (this.#averaging !== undefined) {
      throw new ArgumentError(`[${op}] the averages of this optimizer come from a state that was loaded, and nothing says how they go on. Assign optimizer.average what they were kept by.`, { op });
    }
    throw new ArgumentError(`[${op}] this optimizer keeps no average, expected one. Make it with average: optim.exponentialMovingAverage({ decay: 0.999 }).`, { op });
  }

  /** The parameters whose averages are something else than they themselves. */
  #averaged(): readonly Parameter[] {
    return this.#averaging?.begun === true ? this.parameters : [];
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
    for (const group of this.groups) group.setNumbers$(this.#count);
    this.#clipping?.setNumbers$(this.#count);
    this.#averaging?.advance();
    this.#count++;
    this.#states.count(updated, 1);
  }

  overwrites(): readonly Tensor[] {
    const averages = this.#averaging?.arrays ?? [];
    const known = this.#overwritten;
    if (known !== undefined && known.version === this.#version && known.states === this.#states.size && known.averages === averages.length) return known.leaves;
    const leaves = [...this.#states.arrays];
    leaves.push(...averages, ...(this.#averaging?.pulls === true ? this.parameters : []));
    if (this.#clipping?.kept !== undefined) leaves.push(this.#clipping.kept);
    this.#overwritten = { version: this.#version, states: this.#states.size, averages: averages.length, leaves };
    return leaves;
  }

  rollback(updated: readonly Parameter[] = this.parameters): void {
    this.#count--;
    this.#averaging?.rollback();
    this.#states.count(updated, -1);
  }

  /**
   * State of the optimizer, keyed by parameter name, as in `0.weight.expAvg`, and its own `steps`. Arrays are the
   * optimizer's own: read them with data(), or write them to a file with save(). Options, the rate among them, are no state: unlike in
   * torch, an optimizer that takes it over keeps its own. Averages go along with the count of steps that they have seen, `averageSteps`. A parameter that
   * was frozen all along has its count, 0, alone.
   */
  stateDict(): Map<string, Tensor | Described> {
    this.#averaging?.checkInPlace('stateDict');
    const state = new Map<string, Tensor | Described>([['steps', integer(this.#count)]]);
    if (this.#averaging !== undefined) state.set(AVERAGE_STEPS, integer(this.#averaging.steps));
    for (const [name, parameter] of named(this.parameters)) {
      // One that was frozen all along has zeros, for which there is no memory.
      const own = parameter.requiresGrad || this.#states.has(parameter) ? this.#states.of(parameter) : undefined;
      for (const [array, tensor] of Object.entries(own?.arrays ?? {})) state.set(`${name}.${array}`, tensor);
      if (this.#averaging !== undefined) state.set(`${name}.average`, this.#averaging.of(parameter));
      state.set(`${name}.step`, integer(own === undefined ? 0 : this.#states.countAt(own.place)));
    }
    return state;
  }

  /**
   * Takes over what stateDict() gave. Averages in it wait for the one that `average`, or that of fit(), is assigned, where there is none yet.
   * Throws AnnealError (ANNEAL_STATE_MISMATCH), and changes nothing, where it does not fit.
   */
  async loadStateDict(state: State): Promise<void> {
    this.#averaging?.checkInPlace('loadStateDict');
    const all = entriesOf(state);
    const given = kindOf(all) === 'trainer' ? below(all, PARTS.optimizer) : all;
    const targets = new Map<string, Tensor>();
    const counts: [name: string, set: (value: number) => void][] = [['steps', (value) => (this.#count = value)]];
    const averaged = [...given.keys()].some((name) => name === AVERAGE_STEPS || name.endsWith('.average'));
    const averaging = this.#averaging ?? (averaged ? new Averaging(this.#op) : undefined);
    if (averaging !== undefined) {
      // Before averages counted for themselves, they went by the optimizer's steps.
      if (!given.has(AVERAGE_STEPS) && given.has('steps')) given.set(AVERAGE_STEPS, given.get('steps')!);
      counts.push([AVERAGE_STEPS, (value) => (averaging.steps = value)]);
    }
    for (const [name, parameter] of named(this.parameters)) {
      const kept = Object.entries(this.#groupOf.get(parameter)!.keeps(parameter));
      if (await isLeftOut(given, name, kept.map(([array]) => array))) {
        if (!this.#states.has(parameter) && averaging === undefined) {
          given.delete(`${name}.step`);
          continue;
        }
        for (const [array, shape] of kept) given.set(`${name}.${array}`, new Float32Array(sizeOf(shape)));
      }
      const { arrays, place } = this.#states.of(parameter);
      for (const [array, tensor] of Object.entries(arrays)) targets.set(`${name}.${array}`, tensor);
      if (averaging !== undefined) targets.set(`${name}.average`, averaging.of(parameter));
      counts.push([`${name}.step`, (value) => this.#states.setCount(place, value)]);
    }
    const apply: (() => void)[] = [];
    for (const [name, set] of counts) {
      const source = given.get(name);
      const value = source === undefined ? undefined : (await elements(source))[0];
      if (value === undefined) throw mismatch('loadStateDict', `the optimizer's state lacks '${name}'. Pass what stateDict() of an optimizer of the same parameters gave.`);
      if (!Number.isInteger(value) || value < 0) throw mismatch('loadStateDict', `'${name}' is no count of steps: got ${value}, expected a whole number of at least 0. Pass what stateDict() gave.`);
      given.delete(name);
      apply.push(() => set(value));
    }
    const difference = differenceOf(targets, given);
    if (difference !== undefined) {
      throw mismatch('loadStateDict', `the state is of another optimizer: ${difference}. Make it by the same function, for the same parameters, with the same options.`);
    }
    await loadInto('loadStateDict', targets, given);
    for (const set of apply) set();
    this.#averaging = averaging;
  }

  /** Bytes of what it remembers once it has updated all of its parameters that are not frozen: its rule's arrays, and an average. */
  get stateBytes(): number {
    const kept = (parameter: Parameter): Shape[] => [...Object.values(this.#groupOf.get(parameter)!.keeps(parameter)), ...(this.#averaging === undefined ? [] : [parameter.shape])];
    return this.parameters.filter(({ requiresGrad }) => requiresGrad).flatMap(kept).reduce((bytes, shape) => bytes + 4 * sizeOf(shape), 0);
  }
}

/** Returns whether a state leaves the arrays of a parameter out, which are zeros, as it was never updated. */
async function isLeftOut(given: ReadonlyMap<string, Source>, name: string, arrays: readonly string[]): Promise<boolean> {
  const step = given.get(`${name}.step`);
  if (step === undefined || arrays.length === 0 || arrays.some((array) => given.has(`${name}.${array}`))) return false;
  return (await elements(step))[0] === 0;
}

/** The optimizer of what adam(), sgd() and the others are given; `describe` makes a rule of complete options. */
export function optimizerOf<O extends object>(
  op: string,
  parameters: ParametersOf<O>,
  options: OptimizerOptions<O>,
  known: readonly string[],
  describe: (options: O) => Rule,
): Optimizer {
  checkOptions(op, options, [...known, 'groups', 'clip', 'average']);
  const { clip, average, ...rest } = options;
  return new Optimizer(op, groupsOf<O>(op, parameters, rest as unknown as O, known, describe), { clip, average });
}

/** Returns whether an update goes by rows of a table: where these are known, and where the rule has to find those that have a gradient. */
function isOfRows({ rows: kind }: ParameterGroup, { parameter, rows }: ParameterGradient): boolean {
  return rows !== undefined || (parameter.sparse && kind === 'lazy');
}

/** Dense gradients, then those of tables. */
function rowsLast(group: ParameterGroup, own: readonly ParameterGradient[]): readonly ParameterGradient[] {
  return [...own.filter((each) => !isOfRows(group, each)), ...own.filter((each) => isOfRows(group, each))];
}

/** Throws where the average of a table would pass over all rows of which a lazy rule leaves most out. */
function checkAveraged(op: string, groups: readonly ParameterGroup[]): void {
  const table = groups.filter(({ rows }) => rows === 'lazy').flatMap(({ parameters }) => parameters)[0];
  if (table === undefined) return;
  throw new ArgumentError(`[${op}] average: got one beside ${String(table)}, which is sparse, expected none: it would move all rows of the table in every step. Take optim.adam, and make the embedding without sparse.`, { op });
}

function integer(value: number): Described {
  return { shape: [], dtype: 'int32', data: Int32Array.of(value) };
}
