import { describeValue } from '../describe-value.js';
import type { ExampleShape } from '../records.js';
import type { Shape } from '../shape.js';
import { Module, type Inputs, type Outputs } from './module.js';
import type { ShapeFunction } from './shape-mismatch.js';

/** A call of a function of `nn` that makes a layer: `nn[name](...args, options)`. Arguments are numbers, lists of them and layers. */
export interface LayerCall<N extends string = string> {
  readonly name: N;
  readonly args: readonly unknown[];
  readonly options?: object | undefined;
}

/** The base of the layers of this library: each is made by one function of `nn`, and knows the call that makes another one like it. */
export abstract class Layer<I extends ExampleShape = Shape, O extends ExampleShape = Shape, F extends ShapeFunction = ShapeFunction, X = Inputs<I>, Y = Outputs<O>> extends Module<I, O, F, X, Y> {
  /** The call that makes such a layer. Has to stand in the class itself, by which plain$ knows it from classes that extend it. */
  abstract get call$(): LayerCall;

  /** Returns whether it is what call$ makes: of this very class, with the class's own forward(). */
  get plain$(): boolean {
    return Object.hasOwn(Object.getPrototypeOf(this) as object, 'call$') && !Object.hasOwn(this, 'forward');
  }

  override get builtin(): boolean {
    return this.plain$;
  }

  /** The call, without options. */
  override toString(): string {
    const { name, args } = this.call$;
    return `${name}(${args.map(argumentText).join(', ')})`;
  }
}

function argumentText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(argumentText).join(',')}]`;
  return value instanceof Module ? String(value) : describeValue(value);
}
