// adapter_config.json of Hugging Face's PEFT (src/peft/tuners/lora/config.py): the additions that it describes, to a model here.
import { describeList, describeValue } from '../describe-value.js';
import { AnnealError } from '../errors.js';
import { checkModel, checkPlaces, Lora } from './lora.js';
import { placesOf, type LoraNumbers, type Place } from './lora-places.js';
import type { Module } from './module.js';

const OP = 'loadLora';

/** Throws a FileFormatError that says why a file describes no additions that can be made. */
export type Wrong = (what: string) => Error;

type Config = Readonly<Record<string, unknown>>;

/** First values that leave the weights below as they are; the others of PEFT change those, too. */
const PLAIN_STARTS = new Set<unknown>([undefined, null, true, false, 'gaussian', 'eva', 'orthogonal']);

/** Settings that make something else of an addition, and the values by which they do not. */
const PLAIN: Readonly<Record<string, readonly unknown[]>> = {
  bias: ['none'], lora_bias: [false], use_dora: [false], use_qalora: [false], use_bdlora: [], modules_to_save: [], rank_pattern: [], alpha_pattern: [], layers_to_transform: [], layer_replication: [],
  trainable_token_indices: [], target_parameters: [], alora_invocation_tokens: [], arrow_config: [], kasa_config: [], velora_config: [], monteclora_config: [], megatron_config: [],
};

/** Returns the additions that an adapter_config.json describes, which the model does not have yet. */
export function loraOf(model: Module, config: Config, wrong: Wrong): Lora {
  checkModel(OP, model);
  if (config['peft_type'] !== 'LORA') throw wrong(`its peft_type is ${shown(config['peft_type'])}, expected 'LORA'`);
  for (const [name, plain] of Object.entries(PLAIN)) {
    const value = config[name];
    if (!(isEmpty(value) || plain.includes(value))) throw wrong(`its ${name} is ${shown(value)}, which nn.lora does not know, expected ${shown(plain[0] ?? null)}`);
  }
  if (!PLAIN_STARTS.has(config['init_lora_weights'])) throw wrong(`its init_lora_weights is ${shown(config['init_lora_weights'])}, which changes the weights below. Save it as plain LoRA in PEFT: save_pretrained(folder, path_initial_model_for_weight_conversion=...)`);
  const all = placesOf(model);
  const excluded = pickedBy(config, 'exclude_modules', wrong);
  const targeted = pickedBy(config, 'target_modules', wrong);
  const picks = (path: string): boolean => targeted(path) && !excluded(path);
  // PEFT reaches the projection of an attention's outputs by the attention only.
  const places = all.filter(({ within, path }) => (within === undefined ? picks(path) : picks(all.find(({ module }) => module === within)?.path ?? path)));
  if (places.length === 0) {
    throw new AnnealError('ANNEAL_STATE_MISMATCH', `[${OP}] target_modules: got ${shown(config['target_modules'])}, which names none of ${describeList(all.map(({ path }) => path))}. Make the model that the additions were trained on.`, { op: OP });
  }
  checkPlaces(OP, model, places, `target_modules: got ${shown(config['target_modules'])}`);
  const numbers = numbersOf(config, wrong);
  const most = Math.floor((2 ** 31 - 1) / Math.max(...places.flatMap(({ weight }) => weight.shape)));
  if (numbers.rank > most) throw wrong(`its r is ${shown(numbers.rank)}, expected at most ${most} for weights of the model's sizes`);
  return new Lora(model, places, numbers);
}

function numbersOf(config: Config, wrong: Wrong): LoraNumbers {
  const { r: rank = 8, lora_alpha: alpha = 8, lora_dropout: dropout = 0, use_rslora: useRslora = false } = config;
  if (!(Number.isInteger(rank) && (rank as number) >= 1)) throw wrong(`its r is ${shown(rank)}, expected a whole number of at least 1`);
  if (!(typeof alpha === 'number' && Number.isFinite(alpha))) throw wrong(`its lora_alpha is ${shown(alpha)}, expected a number`);
  if (!(typeof dropout === 'number' && dropout >= 0 && dropout <= 1)) throw wrong(`its lora_dropout is ${shown(dropout)}, expected a probability in [0, 1]`);
  if (typeof useRslora !== 'boolean') throw wrong(`its use_rslora is ${shown(useRslora)}, expected true or false`);
  return { rank: rank as number, alpha, dropout, useRslora };
}

/** Modules that a setting picks by their path: as PEFT, a list by whole paths or their ends, a text as a regular expression for all of the path. */
function pickedBy(config: Config, name: string, wrong: Wrong): (path: Place['path']) => boolean {
  const given = config[name] ?? [];
  if (typeof given === 'string') {
    let pattern: RegExp;
    try {
      pattern = new RegExp(`^(?:${given})$`, 'u');
    } catch (cause) {
      throw wrong(`its ${name} is ${shown(given)}, which is no regular expression here: ${(cause as Error).message}`);
    }
    return (path) => pattern.test(path);
  }
  if (!Array.isArray(given) || !given.every((one) => typeof one === 'string')) throw wrong(`its ${name} is ${shown(given)}, expected a list of names, or a regular expression`);
  const names = (given as string[]).map(plainName);
  return (path) => names.some((one) => plainName(path) === one || plainName(path).endsWith(`.${one}`));
}

/** Names are the same where only underscores and case differ: `c_attn` and `cAttn`, `ln_1` and `ln1`. */
const plainName = (path: string): string => path.replaceAll('_', '').toLowerCase();

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 60)}...` : value}'`;
  const text = jsonOf(value) ?? 'missing';
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

/** JSON of a value; for one that is nested deeper than JSON.stringify can go, though JSON.parse can, its class. */
function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) return describeValue(value);
    throw error;
  }
}
