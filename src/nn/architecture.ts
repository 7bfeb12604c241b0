// The layers that a model is made of as JSON, and a model made of it again.
import { FileFormatError } from '../errors.js';
import { Layer } from './layer.js';
import * as layers from './layers.js';
import { LoraAdapter } from './lora-adapter.js';
import { Module } from './module.js';
import { ownParameters } from './registry.js';

/** A module as JSON: a call of `nn`, a layer that has a number already (layers are counted as they are complete), or a class of somebody's own. */
export type Architecture =
  | { readonly layer: string; readonly arguments: readonly unknown[]; readonly options?: object }
  | { readonly again: number }
  | { readonly class: string };

/** Layers within layers, at most. */
const DEEPEST = 100;
/** Layers, those that are used again counted again, at most. */
const MOST = 100_000;

/** Returns what a model is made of. A module that is no layer of this library is known by its class alone, and so is a model whose layers share parameters, or have additions by lora(). */
export function architectureOf(model: Module): Architecture {
  const modules = model.modules();
  const parameters = modules.flatMap((module) => ownParameters(module));
  // The calls of layers tell neither of weights that they share, nor of additions to them.
  if (new Set(parameters).size < parameters.length || modules.some((module) => module instanceof LoraAdapter)) return ownClass(model);
  return describe(model, new Map());
}

const ownClass = (module: Module): Architecture => ({ class: module.constructor.name === '' ? 'without a name' : module.constructor.name });

function describe(module: Module, numbers: Map<Module, number>): Architecture {
  const known = numbers.get(module);
  if (known !== undefined) return { again: known };
  if (!(module instanceof Layer && module.plain$)) return ownClass(module);
  const { name, args, options } = module.call$;
  const encoded = args.map((value) => (value instanceof Module ? describe(value, numbers) : encode(value)));
  numbers.set(module, numbers.size);
  return { layer: name, arguments: encoded, ...(options === undefined ? {} : { options: encode(options) as object }) };
}

/** Returns the classes of somebody's own in a model: all by their path, '' for the model itself. What is no architecture has none. */
export function ownClasses(described: unknown, path = '', depth = 0): { readonly path: string; readonly name: string }[] {
  if (!isArchitecture(described) || depth > DEEPEST) return [];
  if ('class' in described) return [{ path, name: typeof described.class === 'string' ? described.class : shown(described.class) }];
  if ('again' in described || !Array.isArray(described.arguments)) return [];
  const inner = described.arguments.filter(isArchitecture);
  return inner.flatMap((one, i) => ownClasses(one, path === '' ? `${i}` : `${path}.${i}`, depth + 1));
}

function isArchitecture(value: unknown): value is Architecture {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && ('layer' in value || 'again' in value || 'class' in value);
}

/** Values as JSON has them: numbers that it has not as { number: '-Infinity' }. */
function encode(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0) ? value : { number: Object.is(value, -0) ? '-0' : String(value) };
  if (Array.isArray(value)) return value.map(encode);
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, encode(one)]));
  return value;
}

/** Throws FileFormatError that says why something is no model. */
type Fail = (what: string, cause?: unknown) => FileFormatError;

/** Makes the model that `described` says, with values of its own. Throws FileFormatError for what is none. */
export function moduleOf(described: unknown, op: string, file: string): Module {
  const fail: Fail = (what, cause) => new FileFormatError(`[${op}] ${file} has no model that can be made: ${what}. Check the path, or copy the file again.`, { op, cause });
  return make(described, [], 0, fail).module;
}

/** A module, and the number of layers in it. */
interface Made {
  readonly module: Module;
  readonly size: number;
}

function make(described: unknown, made: Made[], depth: number, fail: Fail): Made {
  if (!isArchitecture(described)) throw fail(`got ${shown(described)}, expected a layer`);
  if (depth > DEEPEST) throw fail(`its layers are in more than ${DEEPEST} others`);
  if ('class' in described) throw fail(`it has the class ${shown(described.class)}`);
  if ('again' in described) {
    const known = Number.isInteger(described.again) ? made[described.again] : undefined;
    if (known === undefined) throw fail(`layer ${shown(described.again)} is named before it is there`);
    return known;
  }
  const { layer, arguments: args, options } = described;
  if (typeof layer !== 'string' || !Object.hasOwn(layers, layer)) throw fail(`it has the layer ${shown(layer)}, which there is not in this version`);
  if (!Array.isArray(args)) throw fail(`${layer} has the arguments ${shown(args)}, expected a list`);
  const inner: Made[] = [];
  const values = args.map((value: unknown) => {
    if (!isArchitecture(value)) return decode(value);
    const one = make(value, made, depth + 1, fail);
    inner.push(one);
    return one.module;
  });
  const size = inner.reduce((sum, one) => sum + one.size, 1);
  if (size > MOST) throw fail(`it has more than ${MOST} layers`);
  const one = { module: called(layer as keyof typeof layers, options === undefined ? values : [...values, decode(options)], fail), size };
  made.push(one);
  return one;
}

function called(layer: keyof typeof layers, values: readonly unknown[], fail: Fail): Module {
  try {
    return (layers[layer] as (...all: readonly unknown[]) => Module)(...values);
  } catch (error) {
    throw fail((error as Error).message.replace(/\.$/, ''), error);
  }
}

function decode(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value !== 'object' || value === null) return value;
  if ('number' in value) return Number(value.number);
  return Object.fromEntries(Object.entries(value).map(([name, one]: [string, unknown]) => [name, decode(one)]));
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
