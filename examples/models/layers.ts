import type { nn, Tensor } from 'anneal';

/** Layers one after the other, in lists that may be nested: their names are the places in the lists, as PyTorch's nn.Sequential has them. */
export type Layers = readonly (nn.Module | Layers)[];

export function through(layers: Layers, x: Tensor): Tensor {
  return layers.reduce<Tensor>((y, layer) => ('forward' in layer ? layer.forward(y) : through(layer, y)), x);
}
