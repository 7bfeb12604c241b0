import { describeList, describeValue } from '../describe-value.js';
import { AnnealError, ArgumentError } from '../errors.js';
import { engine } from '../graph/engine.js';
import { withoutTracking } from '../graph/recorder.js';
import { add, matmul, mul } from '../ops/index.js';
import { checkCount } from '../ops/check.js';
import { checkRequired } from '../options.js';
import type { Parameter } from '../parameter.js';
import { loadInto, type State } from '../state.js';
import type { Tensor } from '../tensor.js';
import { checkProbability } from './dropout.js';
import { Linear } from './linear.js';
import { LoraAdapter } from './lora-adapter.js';
import { Module } from './module.js';
import { MultiheadAttention } from './multihead-attention.js';
import { sharedNames } from './registry.js';

const OP = 'lora';

export interface LoraOptions {
  /** Rows of A, and columns of B. */
  readonly rank: number;
  /** The addition is multiplied by alpha / rank. Default: the rank. */
  readonly alpha?: number | undefined;
  /** Weights that get an addition, by their names in namedParameters(): those that a RegExp finds or that begin with a text, as in freeze(). Default: all of nn.linear, and the projections of nn.multiheadAttention. */
  readonly match?: string | RegExp | undefined;
  /** Probability of dropout in front of A. Default 0. */
  readonly dropout?: number | undefined;
}

/** Module with a weight that can get an addition. */
type Adapted = Linear | MultiheadAttention;

interface Place {
  readonly module: Adapted;
  readonly weight: Parameter;
  readonly adapter: LoraAdapter;
  /** Path of the module, as PyTorch writes it. */
  readonly path: string;
}

/** The additions to a model. See lora(). */
export class Lora {
  readonly #places: readonly Place[];

  constructor(places: readonly Place[]) {
    this.#places = places;
  }

  /** Returns the parameters that train. */
  parameters(): Parameter[] {
    return this.#places.flatMap(({ adapter }) => [adapter.a, adapter.b]);
  }

  /** Returns the additions alone, by the names that Hugging Face's PEFT gives those of linear layers: save() writes them. */
  stateDict(): Map<string, Parameter> {
    return new Map(this.#places.flatMap(({ path, adapter }): [string, Parameter][] => [[`base_model.model.${path}.lora_A.weight`, adapter.a], [`base_model.model.${path}.lora_B.weight`, adapter.b]]));
  }

  /** Takes over what stateDict() gave, or PEFT has saved of linear layers. Throws AnnealError (ANNEAL_STATE_MISMATCH), and changes nothing, where it does not fit. */
  async loadStateDict(state: State): Promise<void> {
    await loadInto('loadStateDict', this.stateDict(), state);
  }

  /** Puts the additions into the weights, W + scale B A, and takes them off the model, whose weights stay frozen: unfreeze() lets them train. */
  async merge(): Promise<void> {
    const merged = this.#places.map(({ weight, adapter }) => withoutTracking(() => add(weight, mul(matmul(adapter.b, adapter.a as never), adapter.scale) as never) as Tensor));
    const values = await Promise.all(merged.map((one) => one.data()));
    for (const [i, { module, weight }] of this.#places.entries()) {
      await engine().write(weight, values[i]!);
      module.lora = undefined;
    }
  }
}

/** The weight of a module that can get an addition, by its name there. */
function weightOf(module: Module): readonly [name: string, weight: Parameter] | undefined {
  if (module instanceof Linear) return ['weight', module.weight as unknown as Parameter];
  if (module instanceof MultiheadAttention && module.inProjWeight !== undefined) return ['inProjWeight', module.inProjWeight];
  return undefined;
}

/** A path with underscores, as PyTorch writes it. */
const inSnakeCase = (path: string): string => path.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * Trains a model by small additions: a weight W [out, in] becomes W + alpha / rank B A, of which A [rank, in] and B [out, rank] train, and all else is frozen. At first B is 0, so that the model is what it was.
 * The additions are saved by themselves, by PEFT's names of linear layers, and merge() puts them into the weights. Source: Hu et al., arXiv:2106.09685.
 * Throws ArgumentError for options that are wrong, a pattern that picks no such weight, and a weight that is shared; AnnealError (ANNEAL_BUSY) for a model that has additions.
 *
 *     const model = nn.sequential([784], nn.linear(784, 32), nn.relu(), nn.linear(32, 10));
 *     const adapters = nn.lora(model, { rank: 4, alpha: 8 });
 *     const optimizer = optim.adam(model.parameters());                  // which passes over what is frozen
 *     await save(adapters, 'adapters.safetensors');
 */
export function lora(model: Module, options: LoraOptions): Lora {
  if (!((model as unknown) instanceof Module)) throw new ArgumentError(`[${OP}] model: got ${describeValue(model)}, expected a module.`, { op: OP });
  checkRequired(OP, options, ['rank', 'alpha', 'match', 'dropout']);
  const { rank, alpha = rank, match, dropout = 0 } = options;
  checkCount(OP, 'rank', rank);
  if (!(typeof alpha === 'number' && Number.isFinite(alpha))) throw new ArgumentError(`[${OP}] alpha: got ${describeValue(alpha)}, expected a number, such as 2 * rank.`, { op: OP });
  checkProbability(OP, 'dropout', dropout);
  const names = new Map([...model.namedParameters()].map(([name, parameter]) => [parameter, name]));
  const fits = matcher(match);
  const found = model.modules().flatMap((module) => {
    const [name, weight] = weightOf(module) ?? [];
    return weight !== undefined && fits(names.get(weight)!) ? [{ module: module as Adapted, weight, name: names.get(weight)!, own: name! }] : [];
  });
  if (found.length === 0) throw new ArgumentError(`[${OP}] match: got ${String(match)}, which picks no weight of nn.linear or nn.multiheadAttention among ${describeList([...names.values()])}.`, { op: OP });
  const shared = new Set(sharedNames(model).values());
  for (const { module, name } of found) {
    if (module.lora !== undefined) throw new AnnealError('ANNEAL_BUSY', `[${OP}] ${name} has an addition already. Call merge() of what lora() gave.`, { op: OP });
    if (shared.has(name)) throw new ArgumentError(`[${OP}] match: got ${String(match ?? 'all weights')}, which picks ${name}, that layers share: merged, the addition would change all of them. Leave it out of match.`, { op: OP });
  }
  model.freeze();
  const places = found.map(({ module, weight, name, own }): Place => {
    const [out, inputs] = weight.shape as readonly [number, number];
    const adapter = new LoraAdapter(out, inputs, { rank, scale: alpha / rank, dropout });
    module.lora = adapter.train(module.training);
    return { module, weight, adapter, path: inSnakeCase(name.slice(0, -own.length - 1)) };
  });
  return new Lora(places);
}

function matcher(match: unknown): (name: string) => boolean {
  if (match === undefined) return () => true;
  if (typeof match === 'string') return (name) => name === match || name.startsWith(`${match}.`);
  if (match instanceof RegExp) return (name) => name.search(match) >= 0;
  throw new ArgumentError(`[${OP}] match: got ${describeValue(match)}, expected the beginning of names, as in 'blocks.0', or a RegExp.`, { op: OP });
}
