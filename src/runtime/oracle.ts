import { compile } from '../compiler/compile.js';
import type { TypedArray } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { deferring } from '../graph/recorder.js';
import { sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { loadNative } from './binding.js';

/** The target that computes in double, and what is a composition by the composition. */
export const REFERENCE = 'reference';

export interface EvaluateOptions {
  /** A target's name, or 'reference'; the machine's best one by default. */
  readonly target?: string;
  /** float64 computes in double, which only the reference target can. */
  readonly dtype?: 'float32' | 'float64';
  readonly fuse?: boolean;
  /** Elements in place of an input's own. */
  readonly inputs?: ReadonlyMap<Tensor, ArrayLike<number>>;
}

/**
 * The elements of a tensor by another way than the engine's: on any target, unfused, or in double. For gradcheck() and tests; the graph
 * behind `tensor` must end in inputs and numbers.
 */
export function evaluate(tensor: Tensor, options: EvaluateOptions = {}): TypedArray | Float64Array {
  const native = loadNative();
  const double = options.dtype === 'float64';
  const { program } = deferring(() => compile([{ tensor, destination: { to: 'view', index: 0 } }], [], native, { fuse: options.fuse ?? false, whole: options.target !== REFERENCE, double }));
  if (program.storages.length > 0) {
    throw new ArgumentError('[gradcheck] the function reads a parameter, or other memory that outlives steps: expected inputs and numbers only. Make what it needs an input.', { op: 'gradcheck' });
  }
  const session = new native.addon.Session(options.target === undefined ? {} : { target: options.target });
  const arrayFor = (dtype: string, size: number | ArrayLike<number>): TypedArray | Float64Array => {
    const Kind = dtype === 'int32' ? Int32Array : dtype === 'float32' ? (double ? Float64Array : Float32Array) : Uint8Array;
    return typeof size === 'number' ? new Kind(size) : Kind.from(size);
  };
  const result = arrayFor(tensor.dtype, sizeOf(tensor.shape));
  const views = program.externals.map((binding) =>
    'leaf' in binding ? arrayFor(binding.leaf.dtype, options.inputs?.get(binding.leaf) ?? binding.leaf.data$!) : result,
  );
  const block = new DataView(new ArrayBuffer(program.slotBytes));
  for (const { offset, dtype, count, from } of program.slots) {
    for (let i = 0; i < count; i++) {
      const value = 'value' in from ? from.value : from.leaf.slots$![i]!;
      if (dtype === 'float64') block.setFloat64(offset + 8 * i, value, true);
      else if (dtype === 'int32') block.setInt32(offset + 4 * i, value, true);
      else block.setFloat32(offset + 4 * i, value, true);
    }
  }
  try {
    const id = session.load(program.words);
    void session.run(id, new Int32Array(0), new Uint8Array(block.buffer), 1, true, 0, ...views);
  } finally {
    session.dispose();
  }
  return result;
}
