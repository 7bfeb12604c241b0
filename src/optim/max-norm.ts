import type { ParameterGradient } from '../graph/engine.js';
import { any, cast, less, maximum, notEqual, scatterAdd, unsqueeze, where } from '../ops/index.js';
import { renormRows } from '../ops/renorm-rows.js';
import type { Tensor } from '../tensor.js';

/** A parameter as its step begins: rows of a table with maxNorm that were looked up, which are those that have a gradient, are no longer than that. */
export function withinMaxNorm(given: ParameterGradient): Tensor {
  const { parameter } = given;
  return parameter.maxNorm === undefined ? (parameter as Tensor) : (where(unsqueeze(lookedUp(given), 1), renormRows(parameter as Tensor, parameter.maxNorm), parameter as Tensor) as Tensor);
}

/** Truth of the rows of a table that have a gradient: [V]. */
function lookedUp({ parameter, gradient, rows }: ParameterGradient): Tensor {
  const moved = any(notEqual(gradient, 0) as Tensor, { axis: 1 }) as Tensor;
  if (rows === undefined) return moved;
  const counts = where(less(rows, 0), 0, cast(moved, 'float32')) as Tensor;
  return notEqual(scatterAdd(counts, maximum(rows, 0) as Tensor, parameter.shape[0]!), 0) as Tensor;
}
