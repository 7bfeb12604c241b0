import { describeValue } from '../describe-value.js';
import type { DType } from '../dtype.js';
import { ArgumentError, DTypeError, LimitError, ShapeError } from '../errors.js';
import { generator } from '../generator.js';
import { record } from '../graph/recorder.js';
import { checkFlags, checkOptions } from '../options.js';
import { broadcastShapes, sameShape, showShape, sizeOf, type Shape } from '../shape.js';
import type { Differ } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { mul } from './arithmetic.js';
import { attentionOp } from './attention.js';
import { expand } from './broadcasting.js';
import { checkDType, checkTensor, FLOAT, INT } from './check.js';
import { reshape } from './views.js';

const NAME = 'scaledDotProductAttention';

export interface AttentionOptions {
  /** Keys that each query may look at, broadcast to [.., H, T, S]: bool, true where it may, or float32, which is added to the scores. Default: all. */
  readonly mask?: Tensor | undefined;
  /** Query t looks at keys 0 to t only, beside what the mask says. Default false. */
  readonly isCausal?: boolean | undefined;
  /** Number of the keys that count, from the first, of each example: int32 [..], the dimensions in front of the heads. Default: all. */
  readonly keyLengths?: Tensor | undefined;
  /** Probability with which a weight is 0, the others being divided by 1 - dropout. Default 0. There is no training flag: pass 0 in evaluation. */
  readonly dropout?: number | undefined;
  /** Random key of the dropout, of random.key() or a module's randomKey(). Default: the next one of the stream 'attention'. */
  readonly dropoutKey?: Tensor | undefined;
  /** Factor of the scores. Default 1 / sqrt(D). */
  readonly scale?: number | undefined;
  /** Allows several heads of the query for each of key and value: H a multiple of theirs. Default false. */
  readonly enableGqa?: boolean | undefined;
}

type Last<S extends Shape> = S extends readonly [...Shape, infer L extends number] ? L : number;

/** `unknown` where key has the features of query, else the reason why not. */
type FeaturesFit<Q extends Shape, K extends Shape> = Differ<Last<Q>, Last<K>> extends true ? `[scaledDotProductAttention] query has ${Last<Q>} features, key ${Last<K>}` : unknown;

/** The shape of query with the features of value. */
type Attended<Q extends Shape, V extends Shape> = number extends Q['length'] | V['length'] ? Shape : Q extends readonly [...infer Rows extends number[], number] ? [...Rows, Last<V>] : Shape;

/**
 * Attention: y = softmax(scale q k^T + mask) v, with softmax over the keys. query [.., H, T, D], key [.., K, S, D] and value [.., K, S, E], float32, give [.., H, T, E]; H and dimensions in
 * front may be missing, and K is H but for grouped heads. One kernel, which never holds [T, S], and so is its gradient. A query that may look at nothing gives 0, as in PyTorch from 2.5 on.
 * Where T and S differ, isCausal counts both from 0; for queries behind cached keys pass a mask, or keyLengths. What isCausal and keyLengths exclude
 * adds nothing to y, NaN and infinities neither; keyLengths keep them out of gradients, too.
 * As torch.nn.functional.scaled_dot_product_attention, which has no key lengths, and refuses a mask beside isCausal. Source: Vaswani et al., arXiv:1706.03762; Dao, arXiv:2307.08691.
 * Throws ShapeError, DTypeError, ArgumentError and LimitError here; IndexError when the step runs and a length is not in [0, S].
 *
 *     const tokens = uniform([2, 4, 10, 8], random.key('tokens'));          // [B,H,T,D]
 *     const y = scaledDotProductAttention(tokens, tokens, tokens, { isCausal: true });
 */
export function scaledDotProductAttention<Q extends Shape, K extends Shape, V extends Shape, D extends DType>(
  query: Tensor<Q, D>,
  key: Tensor<K, D> & FeaturesFit<Q, K>,
  value: Tensor<V, D>,
  options?: AttentionOptions,
): Tensor<Attended<Q, V>, D> {
  checkOptions(NAME, options, ['mask', 'isCausal', 'keyLengths', 'dropout', 'dropoutKey', 'scale', 'enableGqa']);
  const { mask, isCausal = false, keyLengths, dropout = 0, dropoutKey, scale, enableGqa = false } = options ?? {};
  checkFlags(NAME, { isCausal, enableGqa }, ['isCausal', 'enableGqa']);
  const operands = { query: query as Tensor, key: key as Tensor, value: value as Tensor };
  checkShapes(operands, enableGqa);
  checkNumbers(dropout, scale);
  const { shape } = operands.query;
  const asBatch = batching(shape);
  const inputs = [operands.query, operands.key, operands.value].map(asBatch.of);
  if (mask !== undefined) inputs.push(asBatch.ofMask(checkMask(mask, operands)));
  if (keyLengths !== undefined) inputs.push(reshape(checkLengths(keyLengths, asBatch.front), [inputs[0]!.shape[0]!]));
  // All weights are 0, whatever is drawn.
  const draws = dropout > 0 && dropout < 1;
  if (draws) {
    checkDraws(operands);
    inputs.push(checkKey(dropoutKey ?? generator().key('attention')));
  }
  const attrs = { scale: scale ?? 1 / Math.sqrt(Math.max(shape[shape.length - 1]!, 1)), causal: isCausal, dropout: draws ? dropout : 0, masked: mask !== undefined, bounded: keyLengths !== undefined };
  const y = record(attentionOp, inputs, attrs);
  return reshape(dropout === 1 ? (mul(y, 0) as Tensor) : y, [...shape.slice(0, -1), y.shape[3]!]) as unknown as Tensor<Attended<Q, V>, D>;
}

/** Views of operands [.., H, T, D] as [B, H, T, D]: two dimensions are one head of one example, three have one head. */
function batching(shape: Shape) {
  const rank = shape.length;
  const front = rank === 3 ? shape.slice(0, 1) : shape.slice(0, Math.max(rank - 3, 0));
  const B = sizeOf(front);
  const heads = (x: Shape): number => (rank > 3 ? x[rank - 3]! : 1);
  return {
    /** Dimensions in front of the heads. */
    front,
    of: (x: Tensor): Tensor => (rank === 4 ? x : reshape(x, [B, heads(x.shape), ...x.shape.slice(-2)])),
    ofMask: (mask: Tensor): Tensor => {
      if (rank === 4 || mask.shape.length <= 2) return mask;
      if (rank < 4) return reshape(mask, [mask.shape[0]!, 1, ...mask.shape.slice(1)]);
      // Several dimensions become one, of which each has to be there.
      return mask.shape.length === 3 ? mask : reshape(expand(mask, [...front, ...mask.shape.slice(-3)]) as Tensor, [B, ...mask.shape.slice(-3)]);
    },
  };
}

interface Sequences {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
}

function checkShapes({ query, key, value }: Sequences, grouped: boolean): void {
  for (const [name, x] of Object.entries({ query, key, value })) checkDType(NAME, x, FLOAT, name);
  const [q, k, v] = [query.shape, key.shape, value.shape];
  const rank = q.length;
  const advice = adviceOn(q, k, v, grouped);
  if (rank >= 2 && advice === undefined) return;
  throw new ShapeError(
    `[${NAME}] the shapes do not fit: got query ${showShape(q)}, key ${showShape(k)}, value ${showShape(v)}, expected query [..,H,T,D], key [..,H,S,D] and value [..,H,S,E]. ${advice ?? 'Give them a dimension of positions.'}`,
    { op: NAME, shapes: [q, k, v] },
  );
}

/** Advice on shapes that do not fit; undefined where they do. */
function adviceOn(q: Shape, k: Shape, v: Shape, grouped: boolean): string | undefined {
  const rank = q.length;
  if (k.length !== rank || v.length !== rank) return 'Give all of them the same dimensions.';
  if (rank < 2) return undefined;
  if (q[rank - 1] !== k[rank - 1]) return `Give query and key the same features: ${q[rank - 1]} are not ${k[rank - 1]}.`;
  if (k[rank - 2] !== v[rank - 2]) return 'Give each key a value.';
  const [heads, shared] = rank > 3 ? [q[rank - 3]!, k[rank - 3]!] : [1, 1];
  if (rank > 3 && v[rank - 3] !== shared) return 'Give key and value the same heads.';
  const front = (shape: Shape): Shape => shape.slice(0, rank > 3 ? -3 : -2);
  if (!sameShape(front(q), front(k)) || !sameShape(front(q), front(v))) return 'Give all of them the same batch.';
  if (heads === shared) return undefined;
  if (!grouped) return 'Heads that share keys are asked for: { enableGqa: true }.';
  return shared > 0 && heads % shared === 0 ? undefined : `Make the heads of query a multiple of those of key: ${heads} is none of ${shared}.`;
}

function checkMask(mask: Tensor, { query, key }: Sequences): Tensor {
  checkTensor(NAME, mask, 'mask');
  if (mask.dtype !== 'bool' && mask.dtype !== 'float32') {
    throw new DTypeError(`[${NAME}] mask has the wrong dtype: got ${mask.dtype} ${showShape(mask.shape)}, expected bool (true: look) or float32 (added). Compare it: mask.notEqual(0).`, { op: NAME, shapes: [mask.shape] });
  }
  const full = [...query.shape.slice(0, -1), key.shape[key.shape.length - 2]!];
  const common = broadcastShapes(mask.shape, full);
  if (common !== undefined && sameShape(common, full)) return mask;
  const [N, S] = [full[0]!, full[full.length - 1]!];
  const ofKeys = full.length === 4 && sameShape(mask.shape, [N, S]) ? `A mask of keys is mask.reshape([${N},1,1,${S}]).` : 'Reshape it.';
  throw new ShapeError(`[${NAME}] mask does not fit: got ${showShape(mask.shape)}, expected a shape that broadcasts to ${showShape(full)}. ${ofKeys}`, { op: NAME, shapes: [mask.shape, full] });
}

function checkLengths(lengths: Tensor, front: Shape): Tensor {
  checkDType(NAME, lengths, INT, 'keyLengths');
  if (sameShape(lengths.shape, front)) return lengths;
  throw new ShapeError(`[${NAME}] keyLengths do not fit: got ${showShape(lengths.shape)}, expected ${showShape(front)}, one for each example.`, { op: NAME, shapes: [lengths.shape] });
}

function checkKey(key: Tensor): Tensor {
  checkDType(NAME, key, INT, 'dropoutKey');
  if (sizeOf(key.shape) === 5) return reshape(key, [5]);
  throw new ShapeError(`[${NAME}] dropoutKey does not fit: got ${showShape(key.shape)}, expected [5]. Take random.key('dropout').`, { op: NAME, shapes: [key.shape] });
}

/** Numbers that one key can draw, of which each row of weights takes whole blocks of four. */
const DRAWS = 2 ** 34;

function checkDraws({ query, key }: Sequences): void {
  const rows = sizeOf(query.shape.slice(0, -1));
  const draws = rows * Math.ceil(key.shape[key.shape.length - 2]! / 4) * 4;
  if (draws <= DRAWS) return;
  const shapes = [query.shape, key.shape];
  throw new LimitError(`[${NAME}] too many weights for dropout: got ${draws} of query ${showShape(query.shape)} and key ${showShape(key.shape)}, expected at most ${DRAWS}. Work in parts of the batch.`, { op: NAME, shapes });
}

function checkNumbers(dropout: unknown, scale: unknown): void {
  if (!(typeof dropout === 'number' && dropout >= 0 && dropout <= 1)) {
    throw new ArgumentError(`[${NAME}] dropout: got ${describeValue(dropout)}, expected a probability in [0, 1]. Write 20 % as 0.2.`, { op: NAME });
  }
  if (scale !== undefined && !(typeof scale === 'number' && Number.isFinite(scale))) {
    throw new ArgumentError(`[${NAME}] scale: got ${describeValue(scale)}, expected a finite number. Leave it out for 1 / sqrt(D).`, { op: NAME });
  }
}
