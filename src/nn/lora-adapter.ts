import { linear, mul, slice } from '../ops/index.js';
import { Parameter } from '../parameter.js';
import type { Tensor } from '../tensor.js';
import { Dropout } from './dropout.js';
import { kaimingUniform, zeros } from './initializers.js';
import { Module } from './module.js';

/** Addition to a weight [out, in] that is the product of two small ones: y + scale (x A^T) B^T. See lora(). */
export class LoraAdapter extends Module {
  /** [rank, in]. */
  readonly a: Parameter;
  /** [out, rank]; 0 at first, so that nothing changes. */
  readonly b: Parameter;
  readonly scale: number;
  readonly dropout: Dropout<0>;

  constructor(out: number, inputs: number, { rank, scale, dropout }: { readonly rank: number; readonly scale: number; readonly dropout: number }) {
    super();
    this.a = new Parameter([rank, inputs], kaimingUniform(Math.sqrt(5)));
    this.b = new Parameter([out, rank], zeros());
    this.scale = scale;
    this.dropout = new Dropout(dropout, 0);
  }

  /** Returns what is to be added to what the weight makes of x. */
  override forward(x: Tensor): Tensor {
    return this.rows(x, 0, this.b.shape[0]!);
  }

  /** Returns what is to be added to rows `from` to `to` of what the weight makes of x. */
  rows(x: Tensor, from: number, to: number): Tensor {
    const b = to - from === this.b.shape[0] ? (this.b as Tensor) : (slice(this.b, from, to) as Tensor);
    return mul(linear(linear(this.dropout.forward(x), this.a as never) as Tensor, b as never), this.scale) as Tensor;
  }

  override get builtin(): boolean {
    return this.constructor === LoraAdapter && !Object.hasOwn(this, 'forward');
  }

  override toString(): string {
    return `lora(rank ${this.a.shape[0]})`;
  }
}
