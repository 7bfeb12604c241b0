import type { DType } from '../dtype.js';
import type { Shape } from '../shape.js';
import type { HostTensor } from './tensor-data.js';

/** Anything with a shape, a dtype and elements: a HostTensor, or a Tensor, whose elements are computed now. */
export interface Savable {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: HostTensor['data'] | (() => Promise<HostTensor['data']>);
}

export type TensorsByName = ReadonlyMap<string, Savable> | { readonly [name: string]: Savable };

/** A module, or whatever else can say what it consists of. */
export interface Stateful {
  stateDict(): TensorsByName | Promise<TensorsByName>;
}
