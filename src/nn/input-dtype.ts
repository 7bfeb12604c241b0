import { Embedding } from './embedding.js';
import { EmbeddingBag } from './embedding-bag.js';
import type { Module } from './module.js';
import { Recompute } from './recompute.js';
import { Sequential } from './sequential.js';

/** Returns the dtype of a model's input: int32 where its first layer looks rows up, float32 where it is another of a chain; undefined where only the model knows. */
export function inputDType(model: Module): 'float32' | 'int32' | undefined {
  if (model instanceof Embedding || model instanceof EmbeddingBag) return 'int32';
  if (model instanceof Recompute) return inputDType(model.layer as Module);
  if (!(model instanceof Sequential)) return undefined;
  const [first] = model.layers;
  if (first === undefined) return 'float32';
  return inputDType(first) ?? (first.builtin ? 'float32' : undefined);
}
