import { ArgumentError, ShapeError } from '../errors.js';
import { noGrad } from '../graph/recorder.js';
import { decodeWithin, type DecodingPass } from '../nn/decoding.js';
import { forwardOf, type Module } from '../nn/module.js';
import { concat, gather } from '../ops/index.js';
import { fromArray } from '../ops/leaf.js';
import { showShape } from '../shape.js';
import { Tensor } from '../tensor.js';
import { inEvaluation } from '../train/evaluation.js';
import { describeValue } from '../describe-value.js';
import type { TokenDecoder } from './encoder-decoder.js';
import { KeyValueCache } from './key-value-cache.js';
import { TrialPasses } from './trial-passes.js';

/** The fewest tokens that a prompt is padded to. */
const LEAST = 16;

/** Length to which prompts of up to so many tokens are padded: a power of two, so that there are few plans. */
function bucketOf(length: number, context: number): number {
  let bucket = LEAST;
  while (bucket < length) bucket *= 2;
  return Math.min(bucket, context);
}

/** Models of which a test has shown that their logits are the same with keys and values kept. */
const checked = new WeakSet<Module>();

export interface NextLogitsOptions {
  /** Function in whose name errors speak. */
  readonly op: string;
  readonly context: number;
  /** The model takes texts of the length of the context only. */
  readonly isFixed: boolean;
  readonly cache: boolean;
  /** Left out: the model's forward(). */
  readonly decoder?: TokenDecoder | undefined;
}

/** Source of the logits that follow some texts, which grow by one token each at a time. */
export class NextLogits {
  readonly #op: string;
  readonly #model: Module;
  readonly #decode: (tokens: Tensor) => unknown;
  readonly #modules: readonly Module[];
  readonly #context: number;
  readonly #isFixed: boolean;
  readonly #cache: KeyValueCache | undefined;
  /** Tokens of each text that the model sees. */
  #windows: number[][];
  /** True where the cache has all tokens of the windows but the last. */
  #isFilled = false;

  constructor(model: Module, prompts: readonly (readonly number[])[], { op, context, isFixed, cache, decoder }: NextLogitsOptions) {
    this.#op = op;
    this.#model = model;
    this.#decode = decoder?.forward ?? ((tokens) => forwardOf(model, tokens));
    this.#modules = model.modules();
    this.#context = context;
    this.#isFixed = isFixed;
    this.#cache = cache ? new KeyValueCache(prompts.length, context, decoder?.memory) : undefined;
    this.#windows = prompts.map((prompt) => [...prompt]);
  }

  /** Puts a token behind each text, in place of which another one of them may go on. None may outgrow the context. */
  reorder(order: Int32Array, tokens: readonly number[]): void {
    this.#windows = Array.from(order, (from, i) => [...this.#windows[from]!, tokens[i]!]);
    if (this.#cache !== undefined) this.#cache.order = order;
  }

  /** Puts a token behind each text but those that have ended, for which there is none. Of a text that has outgrown the context, the model goes on with the last half; the others stay as they are alone. */
  append(tokens: readonly (number | undefined)[]): void {
    if (this.#cache !== undefined) this.#cache.order = undefined;
    for (const [i, token] of tokens.entries()) if (token !== undefined) this.#windows[i]!.push(token);
    if (this.#windows.every((window) => window.length <= this.#context)) return;
    const kept = Math.max(this.#context >> 1, 1);
    this.#windows = this.#windows.map((window) => (window.length > this.#context ? window.slice(-kept) : window));
    this.#isFilled = false;
  }

  /** The logits [B, V] of what comes next. */
  async next(): Promise<{ readonly data: Float32Array; readonly vocabulary: number }> {
    const cache = this.#cache;
    if (cache === undefined) return this.#read(this.#whole(undefined));
    if (!this.#isFilled) {
      cache.offsets = new Int32Array(this.#windows.length);
      const logits = await this.#read(this.#whole(cache));
      if (!cache.isUsed) throw new ArgumentError(`[${this.#op}] cache: got a model without nn.multiheadAttention or nn.dotProductAttention, expected one whose attention keeps keys and values. Pass { cache: false }.`, { op: this.#op });
      this.#isFilled = true;
      return logits;
    }
    if (!checked.has(this.#model)) await this.#check(cache.memory);
    cache.offsets = this.#offsetsOfLast();
    return this.#read(() => this.#last(cache));
  }

  dispose(): void {
    this.#cache?.dispose();
  }

  /** Logits behind the last token of each window, of a pass over all of them. */
  #whole(pass: DecodingPass | undefined): () => Tensor {
    const windows = this.#windows;
    const ends = Int32Array.from(windows, (window, b) => b * this.#width + window.length - 1);
    return () => gather(this.#forward(this.#padded(windows), this.#width, pass).flatten(0, 1) as Tensor, fromArray(ends, [ends.length], 'int32'), 0) as Tensor;
  }

  /** The same of a pass over the last tokens alone. */
  #last(pass: DecodingPass): Tensor {
    return this.#forward(Int32Array.from(this.#windows, (window) => window.at(-1)!), 1, pass).flatten(0, 1) as Tensor;
  }

  #offsetsOfLast(): Int32Array {
    return Int32Array.from(this.#windows, (window) => window.length - 1);
  }

  /** Positions of a pass over whole windows. */
  get #width(): number {
    return this.#isFixed ? this.#context : bucketOf(Math.max(...this.#windows.map(({ length }) => length)), this.#context);
  }

  #padded(windows: readonly (readonly number[])[]): Int32Array {
    const tokens = new Int32Array(windows.length * this.#width);
    windows.forEach((window, b) => tokens.set(window, b * this.#width));
    return tokens;
  }

  #forward(tokens: Int32Array, T: number, pass: DecodingPass | undefined): Tensor {
    const B = tokens.length / T;
    const logits: unknown = decodeWithin(pass, () => this.#decode(fromArray(tokens, [B, T], 'int32') as Tensor));
    if (!(logits instanceof Tensor)) throw new ArgumentError(`[${this.#op}] the model gives ${describeValue(logits)}, expected logits [B,T,V].`, { op: this.#op });
    const { shape } = logits;
    if (shape.length === 3 && shape[0] === B && shape[1] === T && shape[2]! > 0) return logits;
    throw new ShapeError(`[${this.#op}] the model gives ${showShape(shape)}, expected logits [${B},${T},V]: one for each token of the vocabulary, behind each token of the text.`, { op: this.#op, shapes: [shape] });
  }

  async #read(record: () => Tensor): Promise<{ readonly data: Float32Array; readonly vocabulary: number }> {
    const logits = inEvaluation(this.#model, () => noGrad(record), this.#modules);
    this.#cache?.commit(logits);
    const data = (await logits.data()) as Float32Array;
    this.#cache?.release();
    return { data, vocabulary: logits.shape[1]! };
  }

  /**
   * Throws ArgumentError where logits of one token at a time differ from those of a pass over all tokens: then a layer mixes positions, and keeps nothing. All is computed at once, as the
   * weights may change from one reading to the next.
   */
  async #check(memory: ReadonlySet<Tensor>): Promise<void> {
    const { data } = await this.#read(() => {
      const trial = new TrialPasses(this.#windows.length, memory);
      this.#forward(this.#padded(this.#windows.map((window) => window.slice(0, -1))), this.#width, trial);
      return concat([this.#last(trial.goOnAt(this.#offsetsOfLast())), this.#whole(undefined)()]) as Tensor;
    });
    const [kept, whole] = [data.subarray(0, data.length / 2), data.subarray(data.length / 2)];
    const size = whole.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    if (whole.some((value, i) => Math.abs(value - kept[i]!) > 1e-3 * (1 + size))) {
      throw new ArgumentError(`[${this.#op}] cache: got a model whose logits are others when it sees one token at a time, expected the same: a layer besides nn.multiheadAttention looks at other positions. Pass { cache: false }.`, { op: this.#op });
    }
    checked.add(this.#model);
  }
}
