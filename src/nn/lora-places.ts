import type { Parameter } from '../parameter.js';
import { Embedding } from './embedding.js';
import { Linear } from './linear.js';
import { EmbeddingLoraAdapter, LoraAdapter } from './lora-adapter.js';
import type { Module } from './module.js';
import { MultiheadAttention } from './multihead-attention.js';

/** Module with a weight that can get an addition. */
type Adapted = Linear | MultiheadAttention | Embedding;

/** Weight that can get an addition. */
export interface Place {
  readonly module: Adapted;
  readonly weight: Parameter;
  /** Name of the weight in namedParameters(). */
  readonly name: string;
  /** Path of the module in PyTorch, by which PEFT's target_modules pick it. */
  readonly path: string;
  /** Path in front of the names of A and B in PEFT's files. */
  readonly filePath: string;
  /** The attention whose outProj it is: PEFT adapts both or none. */
  readonly within: MultiheadAttention | undefined;
}

/** Numbers of all additions to a model. */
export interface LoraNumbers {
  readonly rank: number;
  readonly alpha: number;
  readonly useRslora: boolean;
  readonly dropout: number;
}

/** Returns all weights of a model that can get an addition. */
export function placesOf(model: Module): Place[] {
  const names = new Map([...model.namedParameters()].map(([name, parameter]) => [parameter, name]));
  const modules = model.modules();
  const outer = new Map<Module, MultiheadAttention>(modules.flatMap((module) => (module instanceof MultiheadAttention ? [[module.outProj, module]] : [])));
  return modules.flatMap((module) => {
    const [own, weight] = weightOf(module) ?? [];
    const name = weight === undefined ? undefined : names.get(weight);
    if (own === undefined || weight === undefined || name === undefined) return [];
    const path = inSnakeCase(name.slice(0, -own.length - 1));
    const within = outer.get(module);
    // In PEFT what wraps an attention has the attention itself as its base_layer.
    const filePath = within === undefined ? path : path.replace(/(^|\.)out_proj$/, '$1base_layer.out_proj');
    return [{ module: module as Adapted, weight, name, path, filePath, within }];
  });
}

/** The weight of a module that can get an addition, by its name there. */
function weightOf(module: Module): readonly [name: string, weight: Parameter] | undefined {
  if (module instanceof Linear || module instanceof Embedding) return ['weight', module.weight as unknown as Parameter];
  if (module instanceof MultiheadAttention && module.inProjWeight !== undefined) return ['inProjWeight', module.inProjWeight];
  return undefined;
}

/** A path with underscores, as PyTorch writes it. */
const inSnakeCase = (path: string): string => path.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Makes the addition to a weight; the module does not have it yet. */
export function adapterOf({ module, weight }: Place, { rank, alpha, useRslora, dropout }: LoraNumbers): LoraAdapter {
  const [rows, columns] = weight.shape as readonly [number, number];
  const sizes = { rank, scale: alpha / (useRslora ? Math.sqrt(rank) : rank), dropout };
  return module instanceof Embedding ? new EmbeddingLoraAdapter(columns, rows, sizes, module.paddingIdx) : new LoraAdapter(rows, columns, sizes);
}
