import { describeList, describeValue } from '../describe-value.js';
import { AnnealError, ArgumentError } from '../errors.js';
import { engine } from '../graph/engine.js';
import { withoutTracking } from '../graph/recorder.js';
import { inspected, labelled, type Inspect } from '../inspect.js';
import { add } from '../ops/index.js';
import { checkCount } from '../ops/check.js';
import { checkFlags, checkRequired } from '../options.js';
import type { Parameter } from '../parameter.js';
import { differenceOf, entriesOf, loadInto, mismatch, type Source, type State } from '../state.js';
import { sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { checkProbability } from './dropout.js';
import { Embedding } from './embedding.js';
import type { LoraAdapter } from './lora-adapter.js';
import { adapterOf, placesOf, type LoraNumbers, type Place } from './lora-places.js';
import { Module } from './module.js';
import { MultiheadAttention } from './multihead-attention.js';
import { register, sharedNames } from './registry.js';

const OP = 'lora';
/** Beginning of all names in PEFT's files. */
const PREFIX = 'base_model.model.';

export interface LoraOptions {
  /** Rows of A, and columns of B. */
  readonly rank: number;
  /** The addition is multiplied by alpha / rank. Default: the rank. */
  readonly alpha?: number | undefined;
  /** True: it is multiplied by alpha / sqrt(rank), which keeps its size where ranks are large. Default false. Source: Kalajdzievski, arXiv:2312.03732. */
  readonly useRslora?: boolean | undefined;
  /**
   * Weights that get an addition, by their names in namedParameters(): those that a RegExp finds or that begin with a text, as in freeze(). Default: all of nn.linear, and the projections of
   * nn.multiheadAttention, but for weights that layers share; those of nn.embedding have to be picked.
   */
  readonly match?: string | RegExp | undefined;
  /** Probability of dropout in front of A; embeddings have none. Default 0. */
  readonly dropout?: number | undefined;
}

/** adapter_config.json of PEFT, as far as it is written here. */
export interface LoraJson {
  readonly peft_type: 'LORA';
  readonly r: number;
  readonly lora_alpha: number;
  readonly lora_dropout: number;
  readonly use_rslora: boolean;
  readonly target_modules: readonly string[];
  readonly bias: 'none';
  readonly fan_in_fan_out: boolean;
  readonly inference_mode: boolean;
  readonly base_model_name_or_path: string | null;
  readonly task_type: string | null;
}

interface Adapting extends Place {
  readonly adapter: LoraAdapter;
}

/** The additions to a model. See lora(). */
export class Lora {
  readonly #model: Module;
  readonly #places: readonly Adapting[];
  readonly #numbers: LoraNumbers;
  #merged = false;

  constructor(model: Module, places: readonly Place[], numbers: LoraNumbers) {
    this.#model = model;
    this.#numbers = numbers;
    this.#places = places.map((place) => ({ ...place, adapter: adapterOf(place, numbers) }));
  }

  /** Freezes the model and gives it the additions. */
  attach$(): this {
    this.#model.freeze();
    for (const { module, adapter } of this.#places) module.lora = adapter.train(module.training);
    // For an optimizer that was made before, whose step then says what is wrong.
    register(this.#model);
    return this;
  }

  /** Returns the parameters that train. */
  parameters(): Parameter[] {
    return this.#places.flatMap(({ adapter }) => [adapter.a, adapter.b]);
  }

  /** Returns the additions alone, by the names that Hugging Face's PEFT gives them: save() writes them, and saveLora() together with their configuration. */
  stateDict(): Map<string, Parameter> {
    return new Map(this.#places.flatMap(({ filePath, adapter }) => adapter.names$.map((name, i): [string, Parameter] => [nameInFile(filePath, name), i === 0 ? adapter.a : adapter.b])));
  }

  /**
   * Takes over what stateDict() gave, or PEFT has saved. A file of tensors does not say what they are multiplied by, which lora() has to be told as it was in training; loadLora() reads it beside them.
   * Throws AnnealError (ANNEAL_STATE_MISMATCH), and changes nothing, where it does not fit; ANNEAL_BUSY after merge(), when the model has no additions any more.
   */
  async loadStateDict(state: State): Promise<void> {
    await this.load$('loadStateDict', state);
  }

  /** loadStateDict() as part of `op`. */
  async load$(op: string, state: State): Promise<void> {
    if (this.#merged) throw new AnnealError('ANNEAL_BUSY', `[${op}] the additions are in the weights already: got others after merge(), expected them before. Make additions anew: nn.lora(model, options).`, { op });
    const targets: Map<string, Tensor> = this.stateDict();
    // PEFT keeps the table below the additions to it, too, in case that it was resized.
    const tables = this.#places.flatMap(({ module, filePath, weight }): [string, Parameter][] => (module instanceof Embedding ? [[nameInFile(filePath, 'base_layer.weight'), weight]] : []));
    const given = asNamedHere(entriesOf(state), [...targets.keys(), ...tables.map(([name]) => name)]);
    for (const [name, weight] of tables) if (given.has(name)) targets.set(name, weight);
    const difference = differenceOf(targets, given);
    if (difference !== undefined) throw mismatch(op, `the additions are to other layers: ${difference}. Pick the same weights of the same model.`);
    this.#checkRanks(op, given);
    await loadInto(op, targets, given);
  }

  /**
   * Returns what PEFT keeps as adapter_config.json. Throws ArgumentError where PEFT has no such additions: to one of the two weights of an nn.multiheadAttention, of which it adapts both or none.
   *
   *     const adapters = nn.lora(nn.sequential([8], nn.linear(8, 2)), { rank: 4, alpha: 8 });
   *     console.log(JSON.stringify(adapters));      // {"peft_type":"LORA","r":4,"lora_alpha":8,...,"target_modules":["0"],...}
   */
  toJSON(): LoraJson {
    const places = this.#places;
    const has = (module: Module): boolean => places.some((place) => place.module === module);
    const half = places.find(({ module, within }) => (within === undefined ? module instanceof MultiheadAttention && !has(module.outProj as Module) : !has(within)));
    if (half !== undefined) throw new ArgumentError(`[${OP}] PEFT adapts both weights of an attention, or none: got an addition to ${half.name} alone, expected one to inProjWeight and to outProj.weight. Pick both by match, or save the tensors alone: save(adapters, path).`, { op: OP });
    const { rank, alpha, dropout, useRslora } = this.#numbers;
    return {
      peft_type: 'LORA',
      r: rank,
      lora_alpha: alpha,
      lora_dropout: dropout,
      use_rslora: useRslora,
      target_modules: places.filter(({ within }) => within === undefined).map(({ path }) => path),
      bias: 'none',
      fan_in_fan_out: false,
      inference_mode: true,
      base_model_name_or_path: null,
      task_type: null,
    };
  }

  [inspected](depth: number, options: object, inspect: Inspect): string {
    const { rank, alpha } = this.#numbers;
    const parameters = this.parameters().reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    return labelled('Lora', { rank, alpha, parameters, weights: this.#places.map(({ name }) => name), merged: this.#merged }, depth, options, inspect);
  }

  /** Puts the additions into the weights, W + scale B A, and takes them off the model, whose weights stay frozen: unfreeze() lets them train. Once: throws AnnealError (ANNEAL_BUSY) when they are there already. */
  async merge(): Promise<void> {
    if (this.#merged) throw new AnnealError('ANNEAL_BUSY', `[${OP}] the additions are in the weights already: got merge() again, expected one call.`, { op: OP });
    this.#merged = true;
    const merged = this.#places.map(({ weight, adapter }) => withoutTracking(() => add(weight, adapter.delta$() as never) as Tensor));
    const values = await Promise.all(merged.map((one) => one.data()));
    // Nothing is awaited in between: what is recorded meanwhile, as by a server, has the additions once.
    const written = this.#places.map(({ module, weight }, i) => {
      module.lora = undefined;
      return engine().write(weight, values[i]!) ?? Promise.resolve();
    });
    await Promise.all(written);
  }

  #checkRanks(op: string, given: ReadonlyMap<string, Source>): void {
    const { rank } = this.#numbers;
    for (const [i, [name, { shape }]] of [...this.stateDict()].entries()) {
      const source = given.get(name);
      if (source === undefined || ArrayBuffer.isView(source) || source.shape?.length !== 2) continue;
      // A [rank, in] and B [out, rank] take turns.
      const [axis, along] = i % 2 === 0 ? [0, 1] : [1, 0];
      const other = source.shape[axis]!;
      if (source.shape[along] === shape[along] && other !== rank) {
        throw mismatch(op, `'${name}' does not fit: got additions of rank ${other}, expected ${rank}. Make them so: nn.lora(model, { rank: ${other}, alpha }), or read what they are from PEFT's folder: loadLora(model, folder).`);
      }
    }
  }
}

const nameInFile = (path: string, name: string): string => `${PREFIX}${path === '' ? '' : `${path}.`}${name}`;

/** Entries under the names that they have here, where they differ in underscores and case alone, or in the base_layer that PEFT puts around an attention. */
function asNamedHere(given: ReadonlyMap<string, Source>, names: readonly string[]): Map<string, Source> {
  const plain = (name: string): string => name.replace('.base_layer.out_proj.', '.out_proj.').replaceAll('_', '').toLowerCase();
  const here = new Map(names.map((name) => [plain(name), name]));
  const found = new Map<string, Source>();
  for (const [name, source] of given) {
    const own = here.get(plain(name)) ?? name;
    found.set(own !== name && (given.has(own) || found.has(own)) ? name : own, source);
  }
  return found;
}

/**
 * Trains a model by small additions: a weight W [out, in] becomes W + alpha / rank B A, of which A [rank, in] and B [out, rank] train, and all else is frozen. At first B is 0, so that the model is what it was.
 * A table of nn.embedding [V, D] becomes W + alpha / rank (B A)^T, with A [rank, V], which is 0 at first, and B [D, rank].
 * The additions are saved by themselves, by PEFT's names, with save() or saveLora(), and merge() puts them into the weights. As peft.LoraConfig. Source: Hu et al., arXiv:2106.09685.
 * Throws ArgumentError for options that are wrong, a pattern that picks no such weight, or one that layers share; AnnealError (ANNEAL_BUSY) for a model that has additions.
 *
 *     const model = nn.sequential([784], nn.linear(784, 32), nn.relu(), nn.linear(32, 10));
 *     const adapters = nn.lora(model, { rank: 4, alpha: 8 });
 *     const optimizer = optim.adam(model.parameters());                  // which passes over what is frozen
 *     await save(adapters, 'adapters.safetensors');
 */
export function lora(model: Module, options: LoraOptions): Lora {
  checkModel(OP, model);
  checkRequired(OP, options, ['rank', 'alpha', 'useRslora', 'match', 'dropout']);
  checkFlags(OP, options, ['useRslora']);
  const { rank, alpha = rank, useRslora = false, match, dropout = 0 } = options;
  checkCount(OP, 'rank', rank);
  if (!(typeof alpha === 'number' && Number.isFinite(alpha))) throw new ArgumentError(`[${OP}] alpha: got ${describeValue(alpha)}, expected a number, such as 2 * rank.`, { op: OP });
  checkProbability(OP, 'dropout', dropout);
  const fits = matcher(match);
  const shared = fits === undefined ? sharedWeights(model) : undefined;
  const places = placesOf(model).filter(({ name, module }) => (fits === undefined ? !(module instanceof Embedding || shared!.has(name)) : fits(name)));
  if (places.length === 0) {
    throw new ArgumentError(`[${OP}] match: got ${match === undefined ? 'none' : shownPattern(match)}, which picks no weight of ${match === undefined ? 'nn.linear or nn.multiheadAttention that no other layer shares' : 'nn.linear, nn.multiheadAttention or nn.embedding'} among ${describeList([...model.namedParameters().keys()])}.`, { op: OP });
  }
  checkPlaces(OP, model, places, `match: got ${shownPattern(match)}`);
  return new Lora(model, places, { rank, alpha, useRslora, dropout }).attach$();
}

export function checkModel(op: string, model: unknown): void {
  if (!(model instanceof Module)) throw new ArgumentError(`[${op}] model: got ${describeValue(model)}, expected a module.`, { op });
}

/** Throws for weights that cannot get an addition; `picked` says what has picked them. */
export function checkPlaces(op: string, model: Module, places: readonly Place[], picked: string): void {
  const shared = sharedWeights(model);
  for (const { module, weight, name } of places) {
    if (module.lora !== undefined) throw new AnnealError('ANNEAL_BUSY', `[${op}] ${name} has an addition already. Call merge() of what lora() gave.`, { op });
    if (weight.maxNorm !== undefined) throw new ArgumentError(`[${op}] ${picked}, which picks ${name}, whose rows have a maxNorm: merged, they would be shortened with the addition. Leave it out${op === OP ? ' of match' : ''}.`, { op });
    if (shared.has(name)) throw new ArgumentError(`[${op}] ${picked}, which picks ${name}, that layers share: merged, the addition would change all of them. Leave it out${op === OP ? ' of match' : ''}.`, { op });
  }
}

/** Names of weights that several layers have. */
const sharedWeights = (model: Module): ReadonlySet<string> => new Set(sharedNames(model).values());

const shownPattern = (match: string | RegExp | undefined): string => (typeof match === 'string' ? `'${match}'` : String(match));

function matcher(match: unknown): ((name: string) => boolean) | undefined {
  if (match === undefined) return undefined;
  if (typeof match === 'string') return (name) => name === match || name.startsWith(`${match}.`);
  if (match instanceof RegExp) return (name) => name.search(match) >= 0;
  throw new ArgumentError(`[${OP}] match: got ${describeValue(match)}, expected the beginning of names, as in 'blocks.0', or a RegExp, as in /qProj|vProj/.`, { op: OP });
}
