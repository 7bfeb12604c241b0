import { engine } from '../graph/engine.js';
import { storageLeaf } from '../ops/leaf.js';
import type { Shape } from '../shape.js';
import { Tensor } from '../tensor.js';

/** Zero-filled float32 memory that outlives steps. */
export function zeroed(shape: Shape): Tensor {
  const tensor = new Tensor(storageLeaf, [], undefined, { shape, dtype: 'float32' }, false, 0);
  tensor.storage$ = engine().allocate(shape, 'float32');
  return tensor;
}
