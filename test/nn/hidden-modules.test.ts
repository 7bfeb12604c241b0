import { describe, expect, it } from 'vitest';
import { fromArrays } from '../../src/data/index.js';
import { meanSquaredError } from '../../src/losses/index.js';
import { dropout, init, linear, Module, Parameter, relu, sequential } from '../../src/nn/index.js';
import { ones } from '../../src/ops/index.js';
import { sgd } from '../../src/optim/index.js';
import type { Tensor } from '../../src/tensor.js';
import { Trainer } from '../../src/train/index.js';
import '../../src/runtime/index.js';

/** A linear layer, and what subclasses do with it. */
abstract class Net extends Module<[4], [4]> {
  readonly first = linear(4, 4);
}

class Private extends Net {
  readonly #drop = dropout(0.5);
  override forward(x: Tensor): Tensor {
    return this.#drop.forward(this.first.forward(x));
  }
}

class InSet extends Net {
  readonly drops = new Set([dropout(0.5)]);
  override forward(x: Tensor): Tensor {
    return [...this.drops].reduce((y: Tensor, drop) => drop.forward(y), this.first.forward(x));
  }
}

const outside = dropout(0.5);
class Closure extends Net {
  override forward(x: Tensor): Tensor {
    return outside.forward(this.first.forward(x));
  }
}

/** A module with a mode of its own. */
class Noisy extends Module {
  override forward(x: Tensor): Tensor {
    return this.training ? x.add(1) : x;
  }
}

class PrivateNoisy extends Net {
  readonly #noisy = new Noisy();
  override forward(x: Tensor): Tensor {
    return this.#noisy.forward(this.first.forward(x));
  }
}

class Below extends Net {
  readonly inner = sequential([4], linear(4, 4), new Private());
  override forward(x: Tensor): Tensor {
    return this.inner.forward(x);
  }
}

describe('a module that eval() does not reach is an error, not half of the outputs 0', () => {
  it.each([
    [Private, 'dropout(0.5) is used by Private'],
    [InSet, 'dropout(0.5) is used by InSet'],
    [Closure, 'dropout(0.5) is used by Closure'],
    [PrivateNoisy, 'Noisy is used by PrivateNoisy'],
    [Below, 'dropout(0.5) is used by Below'],
  ])('%s', async (Kind, text) => {
    const error = expect.objectContaining({ code: 'ANNEAL_UNREGISTERED_MODULE', message: expect.stringContaining(`[forward] ${text}, but is in none of its fields`) as string }) as Error;
    expect(() => new Kind().eval().forward(ones([2, 4]))).toThrow(error);
    expect(() => new Kind().forward(ones([2, 4]))).toThrow(error);
    const model = new Kind();
    const trainer = new Trainer(model, { loss: meanSquaredError, optimizer: sgd(model.parameters(), { lr: 0.1 }) });
    const set = fromArrays({ x: new Float32Array(8), y: new Float32Array(8), shape: [4], targetShape: [4] });
    await expect(trainer.fit(set, {})).rejects.toThrow(text);
    await expect(trainer.predict(ones([2, 4]))).rejects.toThrow(text);
    await expect(trainer.evaluate(set)).rejects.toThrow(text);
  });

  it('may keep a mode of its own, alone or where it is in evaluation', async () => {
    outside.eval();
    try {
      const model = new Closure();
      const x = ones([2, 4]);
      expect(await model.forward(x).data()).toEqual(await model.first.forward(x).data());
    } finally {
      outside.train();
    }
    expect(() => outside.forward(ones([2, 4]))).not.toThrow();
    expect(() => new Noisy().forward(ones([2, 4]))).not.toThrow();
  });

  it('does not depend on a mode: as it is', () => {
    class Plain extends Net {
      readonly #activation = relu();
      override forward(x: Tensor): Tensor {
        return this.#activation.forward(this.first.forward(x));
      }
    }
    expect(() => new Plain().eval().forward(ones([2, 4]))).not.toThrow();
  });

  it('throws once, and nothing is left running', () => {
    expect(() => new Private().forward(ones([2, 4]))).toThrow('is used by Private');
    expect(() => outside.forward(ones([2, 4]))).not.toThrow();
  });
});

class Everywhere extends Module<[4], [4]> {
  readonly map = new Map<unknown, Module>([['a', linear(4, 4)], [7, dropout(0.5)], [Symbol('s'), relu()]]);
  readonly parts: { readonly [name: string]: unknown } = { head: linear(4, 4), drops: [dropout(0.5)], nested: { scale: new Parameter([4], init.zeros()) } };
  readonly lists = [[linear(4, 4)], { last: linear(4, 4) }];
  readonly options: { self?: unknown } = {};

  constructor() {
    super();
    this.options.self = this.options;
  }

  override forward(x: Tensor): Tensor {
    return x;
  }
}

describe('modules are found', () => {
  it('in arrays, plain objects and Maps, by their path', () => {
    const model = new Everywhere();
    expect([...model.namedParameters().keys()]).toEqual([
      'map.a.weight', 'map.a.bias', 'parts.head.weight', 'parts.head.bias', 'parts.nested.scale', 'lists.0.0.weight', 'lists.0.0.bias', 'lists.1.last.weight', 'lists.1.last.bias',
    ]);
    expect(model.children().map(String)).toEqual(['linear(4, 4)', 'dropout(0.5)', 'linear(4, 4)', 'dropout(0.5)', 'linear(4, 4)', 'linear(4, 4)']);
    model.eval();
    expect(model.modules().every(({ training }) => !training)).toBe(true);
  });

  it('not in private fields, which the optimizer says', () => {
    class Hidden extends Module {
      readonly #layer = linear(4, 4);
      override forward(x: Tensor): Tensor {
        return this.#layer.forward(x);
      }
    }
    expect(() => sgd(new Hidden().parameters(), { lr: 0.1 })).toThrow('layers are found in fields, and in arrays, plain objects and Maps there, but not in private fields (#name)');
  });
});
