import { engine, type Given, type Updater } from '../graph/engine.js';
import { loadInto, mismatch, elements, entriesOf, type Described, type State } from '../state.js';
import { update, updateRules } from '../ops/index.js';
import { slots, storageLeaf } from '../ops/leaf.js';
import { Tensor, type Parameter } from '../tensor.js';
import type { ParameterGroup } from './group.js';
import { checkRate, type Scheduled } from './numbers.js';

let optimizers = 0;

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
  /** Those with numbers of their own; a single one where none was asked for. */
  readonly groups: readonly ParameterGroup[];
  /** Steps done so far; what a schedule gets. */
  #count = 0;
  readonly #op: string;
  /** How often each parameter was updated; in a step, that update counts already. The slot is read when the step runs. */
  readonly #counts: Int32Array;
  readonly #countsSlot: Tensor;
  /** The parameters that were last updated, and where their counts are. */
  #last: { readonly updated: readonly Parameter[]; readonly places: readonly number[] } | undefined = undefined;
  readonly #states = new Map<Parameter, ParameterState>();

  /** Made by adam(), sgd() and the others. */
  constructor(op: string, groups: readonly ParameterGroup[]) {
    this.#op = op;
    this.groups = groups;
    this.parameters = groups.flatMap(({ parameters }) => parameters);
    this.#counts = new Int32Array(this.parameters.length);
    this.#countsSlot = slots(this.#counts, 'int32');
  }

  /** One instruction for each group. */
  update(given: readonly Given[]): readonly Tensor[] {
    return this.groups.flatMap((group) => {
      const own = given.filter(({ parameter }) => group.parameters.includes(parameter));
      if (own.length === 0) return [];
      const updated = own.map(({ parameter, gradient }) => {
        const { arrays, place } = this.#stateOf(parameter);
        return { parameter: parameter as Tensor, gradient, states: Object.values(arrays), place };
      });
      return [update(group.rule, group.flags, group.hyperSlot, this.#countsSlot, updated)];
    });
  }

  /** The rate of the next step. May be assigned a number or a schedule at any time: of all groups; each has an `lr` of its own. */
  get lr(): number {
    return this.groups[0]!.rateAt(this.#count);
  }

  set lr(lr: Scheduled) {
    checkRate(this.#op, lr);
    for (const group of this.groups) group.lr = lr;
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
      const names: readonly string[] = updateRules[this.groups.find(({ parameters }) => parameters.includes(parameter))!.rule].states;
      state = { arrays: Object.fromEntries(names.map((name) => [name, zeroed(parameter)])), place: this.#states.size };
      this.#states.set(parameter, state);
    }
    return state;
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
