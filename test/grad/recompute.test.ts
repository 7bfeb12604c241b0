// Activations that are computed again for the backward pass: other memory, and the same bits.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { engine } from '../../src/graph/engine.js';
import { postOrder } from '../../src/graph/walk.js';
import { recomputeOperandOp } from '../../src/ops/recompute-operand.js';
import type { RuntimeEngine } from '../../src/runtime/engine.js';
import { fails, refuses } from '../nn/fails.js';
import { add, assign, concat, defineOp, grad, gradcheck, info, losses, lstmCell, mean, mul, nn, noGrad, optim, Parameter, random, recompute, seed, setThreads, sum, tensor, type Tensor } from './imports.js';

const planned = process.env['ANNEAL_DEBUG'] !== '1';

type Layer = (x: Tensor) => Tensor;
/** A function, or the same computed again. */
type Wrap = (fn: Layer) => Layer;
const kept: Wrap = (fn) => fn;
const again: Wrap = (fn) => (x) => recompute(fn, x);

const waves = (shape: readonly number[], start = 0): Tensor => tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(start + 1.7 * i)), { shape }) as Tensor;
/** A hash of the bits: a difference of long arrays takes a minute to print. */
const bitsOf = (values: ArrayLike<number>): string => createHash('sha256').update(new Uint8Array(Float32Array.from(values).buffer)).digest('hex');

interface Trained {
  readonly losses: string;
  readonly state: string[];
  /** Bytes of the temporaries of a step. */
  readonly bytes: number;
}

/** Trains a model for some steps. */
async function train(model: nn.Module, lossOf: (step: number) => Tensor, steps = 20, look: (loss: Tensor) => Promise<unknown> = async () => undefined): Promise<Trained> {
  const optimizer = optim.adamw(model.parameters(), { lr: 0.01 });
  const values: number[] = [];
  let bytes = 0;
  for (let step = 0; step < steps; step++) {
    const loss = lossOf(step);
    await look(loss);
    optimizer.zeroGrad();
    loss.backward();
    const run = engine().steps(optimizer, {});
    await run.done;
    bytes = run.temporaryBytes;
    values.push(await loss.item());
  }
  const state = await Promise.all([...model.stateDict().values()].map(async (one) => bitsOf(await one.data())));
  return { losses: bitsOf(values), state, bytes };
}

/** Examples, positions and features: enough for several threads, where there are any. */
const [N, T, E] = planned ? [4, 16, 64] : [4, 5, 16];

/** Blocks of attention, norms and dropout behind each other, each by itself or all in one. */
class Stack extends nn.Module {
  readonly blocks = Array.from({ length: 3 }, () => nn.transformerEncoderLayer(E, 2, { dimFeedforward: 2 * E, activation: 'gelu', isCausal: true, dropout: 0.2 }));
  readonly norm = nn.batchNorm1d(E);
  readonly head = nn.linear(E, 3);
  constructor(readonly each: Wrap, readonly all: Wrap) {
    super();
  }
  override forward(x: Tensor): Tensor {
    const blocks = this.all((input) => this.blocks.reduce((h, block) => this.each((one) => block.forward(one))(h), input));
    const normed = this.each((h) => this.norm.forward(h.transpose(1, 2) as never) as Tensor);
    return this.head.forward(normed(blocks(x)).mean({ axis: 2 }) as Tensor) as Tensor;
  }
}

async function stack(each: Wrap, all: Wrap = kept, look?: (loss: Tensor) => Promise<unknown>): Promise<Trained> {
  seed(3);
  const model = new Stack(each, all);
  const labels = tensor(Int32Array.from({ length: N }, (_, i) => i % 3));
  return train(model, (step) => losses.crossEntropy(model.forward(waves([N, T, E], step)) as never, labels as never), planned ? 20 : 2, look);
}

describe('the same bits as without recomputation', () => {
  test.each(planned ? [1, 2, 3, 4] : [1])('losses, weights and running statistics, dropout on, %i threads', async (threads) => {
    const expected = await stack(kept);
    const before = info().threads;
    setThreads(threads);
    try {
      for (const one of [await stack(again), await stack(kept, again), await stack(again, again)]) {
        expect(one.losses).toEqual(expected.losses);
        expect(one.state).toEqual(expected.state);
      }
    } finally {
      setThreads(before);
    }
  });

  test('where a read in the middle of a step keeps values', async () => {
    const read = async (loss: Tensor): Promise<unknown> => loss.item();
    expect((await stack(again, kept, read)).state).toEqual((await stack(kept)).state);
  });

  test('gradients of what has readers inside and outside add up in the same order', async () => {
    const gradient = async (wrap: Wrap): Promise<string> => {
      const w = waves([5], 1).requireGrad();
      const x = mul(w, 0.37) as Tensor;
      const inner = wrap((h) => add(add(mul(h, 0.11), h.tanh() as never), mul(h, w as never)) as Tensor);
      const whole = [inner(x), x.exp(), inner(x.sigmoid()), mul(x, 1.3)].reduce((a, b) => add(a, b as never) as Tensor);
      return bitsOf(await grad(sum(whole) as Tensor, [w])[0]!.data());
    };
    expect(await gradient(again)).toEqual(await gradient(kept));
  });

  test('several inputs and outputs, one of them a loss beside', async () => {
    const run = async (use: boolean): Promise<string> => {
      const [a, b] = [waves([3, 4]).requireGrad(), waves([4], 2).requireGrad()];
      const pair = (x: Tensor, y: Tensor): readonly [Tensor, { readonly loss: Tensor }] => {
        const h = mul(x, y as never).tanh() as Tensor;
        return [add(h, x as never) as Tensor, { loss: mean(mul(h, h as never)) as Tensor }];
      };
      const [h, { loss }] = use ? recompute(pair, a, b) : pair(a, b);
      const [last, second] = use ? recompute(pair, h, b) : pair(h, b);
      const total = [sum(last), loss, second.loss].reduce((x, y) => add(x as Tensor, y as never) as Tensor) as Tensor;
      const gradients = grad(total, [a, b]);
      return bitsOf([...(await gradients[0].data()), ...(await gradients[1].data())]);
    };
    expect(await run(true)).toEqual(await run(false));
  });

  test('an op with several outputs', async () => {
    const lstm = (h: Tensor, weight: Tensor): { h: Tensor; c: Tensor } => lstmCell(h, { h: h.tanh() as Tensor, c: h.mul(0.5) as Tensor }, { weightIh: weight, weightHh: weight }) as never;
    const run = async (wrap: Wrap): Promise<string> => {
      const [x, weight] = [waves([6, 4]).requireGrad(), waves([16, 4], 1)];
      const cell = wrap((h) => {
        const { h: out, c } = lstm(h, weight);
        return concat([out, c], 1) as Tensor;
      });
      return bitsOf(await grad(sum(cell(x).tanh()) as Tensor, [x])[0]!.data());
    };
    expect(await run(again)).toEqual(await run(kept));
  });

  test('gradients of gradients, inside and through it', async () => {
    const penalty = async (wrap: Wrap, inside: Wrap): Promise<string> => {
      seed(5);
      const model = nn.sequential([3], nn.linear(3, 4), nn.tanh(), nn.dropout(0.3), nn.linear(4, 1));
      const x = waves([5, 3]).requireGrad();
      const whole = inside((input) => {
        const y = sum(wrap((h) => model.forward(h as never) as Tensor)(input)) as Tensor;
        const [slope] = grad(y, [input], { createGraph: true });
        return add(mean(mul(slope!, slope as never)), y as never) as Tensor;
      })(x);
      const parameters = model.parameters();
      const gradients = grad(whole, [x, ...parameters] as Tensor[], { allowUnused: true });
      return bitsOf((await Promise.all(gradients.map(async (one) => (one === undefined ? [] : [...(await one.data())])))).flat());
    };
    const expected = await penalty(kept, kept);
    expect(await penalty(again, kept)).toEqual(expected);
    expect(await penalty(kept, again)).toEqual(expected);
    expect(await penalty(again, again)).toEqual(expected);
  });

  test('gradients that are added up over several backward passes', async () => {
    const run = async (wrap: Wrap): Promise<string> => {
      seed(2);
      const model = nn.sequential([3], nn.linear(3, 3), nn.gelu(), nn.dropout(0.5), nn.linear(3, 2));
      const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
      for (let step = 0; step < 3; step++) {
        for (let part = 0; part < 2; part++) (mean(wrap((x) => model.forward(x as never) as Tensor)(waves([4, 3], step + part)).mul(2)) as Tensor).backward();
        await optimizer.step();
      }
      return bitsOf((await Promise.all(model.parameters().map(async (one) => [...(await one.data())]))).flat());
    };
    expect(await run(again)).toEqual(await run(kept));
  });
});

/** Blocks of four sigmoids behind products: each holds four arrays of B x H for the backward pass, which need what went into the block. */
const [B, H, BLOCKS] = [2048, 16, 12];
const ARRAY = 4 * B * H;

class Blocks extends nn.Module {
  readonly weights = Array.from({ length: BLOCKS }, () => Array.from({ length: 4 }, () => nn.linear(H, H, { bias: false })));
  readonly block = (i: number): Layer => (x) => this.weights[i]!.reduce((h, linear) => linear.forward(h).sigmoid() as Tensor, x);
  constructor(readonly stacked: (blocks: readonly Layer[]) => Layer) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return this.stacked(this.weights.map((_, i) => this.block(i)))(x);
  }
}

const inTurn = (layers: readonly Layer[]): Layer => (x) => layers.reduce((h, layer) => layer(h), x);
const threes = (blocks: readonly Layer[]): (readonly Layer[])[] => [0, 3, 6, 9].map((first) => blocks.slice(first, first + 3));

/** Arrays that a step of them has at once; `trained`: blocks whose weights are trained. */
async function arraysOf(stacked: (blocks: readonly Layer[]) => Layer, look?: (loss: Tensor) => Promise<unknown>, trained = BLOCKS): Promise<number> {
  seed(1);
  const model = new Blocks(stacked);
  for (const linear of model.weights.slice(trained).flat()) linear.weight.requiresGrad = false;
  const { bytes } = await train(model, () => mean(model.forward(waves([B, H]))) as Tensor, 2, look);
  return bytes / ARRAY;
}

describe.skipIf(!planned)('the memory of a step', () => {
  test('holds the inputs of blocks and the inside of one, instead of the inside of all', async () => {
    const all = await arraysOf(inTurn);
    const each = await arraysOf((blocks) => inTurn(blocks.map(again)));
    expect(all).toBeGreaterThan(4 * BLOCKS - 2);
    // 11 inputs, the first being the batch, 4 inside, a gradient and the one before it; weights and the rest are less than an array.
    expect(each).toBeLessThan(BLOCKS - 1 + 4 + 2 + 1);
    expect(each).toBeGreaterThan(BLOCKS - 1 + 4);
  });

  test('nested, it holds the inputs of groups, of the blocks of one group, and the inside of one block', async () => {
    const nested = await arraysOf((blocks) => inTurn(threes(blocks).map((group) => again(inTurn(group.map(again))))));
    expect(nested).toBeLessThan(3 + 2 + 4 + 2 + 1);
    const groups = await arraysOf((blocks) => inTurn(threes(blocks).map((group) => again(inTurn(group)))));
    expect(groups).toBeLessThan(3 + 12 + 2 + 1);
    expect(groups).toBeGreaterThan(nested + 4);
  });

  test('computes no block again before the one behind it is done, where weights of the first alone are trained', async () => {
    expect(await arraysOf((blocks) => inTurn(blocks.map(again)), undefined, 1)).toBeLessThan(BLOCKS - 1 + 4 + 2 + 1);
  });

  test('does so whatever a gradient rule names first', async () => {
    const cube = defineOp({ name: 'cube', forward: (x) => x!.mul(x as never).mul(x as never) as Tensor, gradient: (dy, [x]) => [x!.mul(x as never).mul(3).mul(dy as never) as Tensor] });
    const model = new (class extends nn.Module {
      readonly w = new Parameter([H], nn.init.ones());
      override forward(x: Tensor): Tensor {
        return inTurn(Array.from({ length: BLOCKS }, () => again((h) => cube(cube(cube(h.sum({ axis: 1, keepdim: true }).add(h as never).tanh() as Tensor))))))(mul(x, this.w as never) as Tensor);
      }
    })();
    expect((await train(model, () => mean(model.forward(waves([B, H]))) as Tensor, 2)).bytes / ARRAY).toBeLessThan(BLOCKS + 6);
  });

  test.each([BLOCKS, 1])('is as small where a block gives a loss beside its output, which is known early; %i blocks trained', async (trained) => {
    const asides: Tensor[] = [];
    const aside = (block: Layer): Layer => (x) => {
      const [y, loss] = recompute((h) => {
        const out = block(h);
        return [out, mean(out) as Tensor] as const;
      }, x);
      asides.push(loss);
      return y;
    };
    const bytes = await arraysOf((blocks) => (x) => {
      asides.length = 0;
      const y = inTurn(blocks.map(aside))(x);
      return add(y, asides.reduce((a, b) => add(a, b as never) as Tensor) as never) as Tensor;
    }, undefined, trained);
    expect(bytes).toBeLessThan(BLOCKS - 1 + 4 + 4);
  });

  test('is as small in a step behind a read, which keeps what comes into blocks and nothing of their inside', async () => {
    const native = (engine() as RuntimeEngine).session.native;
    const held: number[] = [];
    const look = async (loss: Tensor): Promise<void> => {
      const before = native.stats().storageBytes;
      await loss.item();
      held.push((native.stats().storageBytes - before) / ARRAY);
    };
    const behind = await arraysOf((blocks) => inTurn(blocks.map(again)), look);
    expect(Math.max(...held)).toBeLessThan(BLOCKS);
    expect(behind).toBeLessThan(4 + 2 + 1);
  });

  const cube = defineOp({ name: 'cube', forward: (x) => x!.mul(x as never).mul(x as never) as Tensor, gradient: (dy, [x]) => [dy.mul(x!.mul(x as never).mul(3) as never) as Tensor] });
  const products: readonly [what: string, of: (h: Tensor, dropout: nn.Dropout<0>) => Tensor][] = [['masks of dropout', (h, dropout) => dropout.forward(h) as Tensor], ['operands of an op of one’s own', (h) => cube(h.tanh() as Tensor)]];
  test.each(products)('does not hold %s, nor weights that are computed of others', async (_, of) => {
    const arrays = async (wrap: Wrap): Promise<number> => {
      seed(1);
      const dropout = nn.dropout(0.5);
      const w = new Parameter([H, H], nn.init.ones());
      class Model extends nn.Module {
        readonly w = w;
        readonly dropout = dropout;
        override forward(x: Tensor): Tensor {
          return inTurn(Array.from({ length: BLOCKS }, () => wrap((h) => of(h.matmul(mul(this.w as Tensor, 0.1) as never) as Tensor, this.dropout))))(x);
        }
      }
      const model = new Model();
      const { bytes } = await train(model, () => mean(model.forward(waves([B, H]))) as Tensor, 2);
      return bytes / ARRAY;
    };
    expect(await arrays(kept)).toBeGreaterThan(2 * BLOCKS - 2);
    expect(await arrays(again)).toBeLessThan(BLOCKS + 3);
  });

  test('a step is not taken for one that computes other nodes again', async () => {
    seed(1);
    const blocks: { of: (all: readonly Layer[]) => Layer } = { of: inTurn };
    const model = new Blocks((all) => blocks.of(all));
    const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
    const step = async (of: (all: readonly Layer[]) => Layer): Promise<number> => {
      blocks.of = of;
      (mean(model.forward(waves([B, H]))) as Tensor).backward();
      const run = engine().steps(optimizer, {});
      await run.done;
      return run.temporaryBytes / ARRAY;
    };
    const ways = [
      inTurn,
      (all: readonly Layer[]) => inTurn(all.map((block, i) => (i < 6 ? again(block) : block))),
      (all: readonly Layer[]) => inTurn(all.map(again)),
      (all: readonly Layer[]) => inTurn([0, 2, 4, 6, 8, 10].map((first) => again(inTurn(all.slice(first, first + 2))))),
      (all: readonly Layer[]) => inTurn(threes(all).map((group) => again(inTurn(group.map(again))))),
    ];
    const first: number[] = [];
    for (const way of ways) first.push(await step(way));
    expect(first.map((bytes) => Math.round(bytes))).toEqual(first.map((bytes) => Math.round(bytes)).toSorted((a, b) => b - a));
    expect(new Set(first).size).toBe(ways.length);
    const programs = (engine() as RuntimeEngine).session.native.stats().programs;
    for (const [i, way] of ways.entries()) expect(await step(way)).toBe(first[i]);
    expect((engine() as RuntimeEngine).session.native.stats().programs).toBe(programs);
  });
});

describe('recompute()', () => {
  test('assigns buffers once a forward pass', async () => {
    const count = new Parameter([], nn.init.zeros(), { dtype: 'int32', requiresGrad: false });
    const w = new Parameter([3], nn.init.ones());
    class Counting extends nn.Module {
      readonly count = count;
      readonly w = w;
      override forward(x: Tensor): Tensor {
        const y = mul(x, this.w as never).tanh() as Tensor;
        assign(this.count, add(this.count as Tensor, 1 as never) as Tensor, { along: y });
        return y;
      }
    }
    const model = new Counting();
    await train(model, () => sum(recompute(model, waves([3]))) as Tensor, 3);
    expect([...(await count.data())]).toEqual([3]);
  });

  test('keeps the value that a read gives a buffer', async () => {
    const run = async (wrap: Wrap, isPenalised: boolean): Promise<string> => {
      const model = new (class extends nn.Module {
        readonly running = new Parameter([3], nn.init.ones(), { requiresGrad: false });
        readonly w = new Parameter([3], nn.init.constant(0.7));
        override forward(x: Tensor): Tensor {
          const y = mul(x, this.w as never).tanh() as Tensor;
          assign(this.running, add(mul(this.running as Tensor, 0.5), y.detach() as never) as Tensor, { along: y });
          return add(y, this.running as never) as Tensor;
        }
      })();
      const lossOf = (): Tensor => {
        const x = waves([3]).requireGrad();
        const loss = sum(wrap((h) => model.forward(h))(x)) as Tensor;
        if (!isPenalised) return loss;
        const [slope] = grad(loss, [x], { createGraph: true });
        return add(loss, sum(mul(slope!, slope as never)) as never) as Tensor;
      };
      const { losses: all, state } = await train(model, lossOf, 3, (loss) => loss.item());
      return [all, ...state].join();
    };
    for (const isPenalised of [false, true]) expect(await run(again, isPenalised)).toBe(await run(kept, isPenalised));
  });

  test.skipIf(!planned)('waits for the gradients of all that it gave', () => {
    const x = waves([3]).requireGrad();
    const [a, b] = recompute((h) => [h.exp() as Tensor, h.tanh() as Tensor] as const, x);
    const [gradient] = grad(sum(add(mul(a, a as never), mul(b, 3) as never)) as Tensor, [x]);
    const operands = postOrder([gradient!], (node) => node.inputs).filter(({ op }) => op === recomputeOperandOp);
    expect(operands.length).toBeGreaterThan(0);
    for (const { inputs } of operands) expect(inputs).toHaveLength(3);
  });

  test('draws random numbers once a forward pass: those that follow are as without', () => {
    const drawn = (wrap: Wrap): unknown => {
      seed(0);
      const dropout = nn.dropout(0.5);
      wrap((x) => dropout.forward(x))(waves([3]).requireGrad());
      return random.stateDict();
    };
    expect(drawn(again)).toEqual(drawn(kept));
  });

  test('under noGrad() is the function, and its result requires no gradient', async () => {
    const x = waves([3]).requireGrad();
    const y = noGrad(() => recompute((h) => h.tanh() as Tensor, x));
    expect(y.requiresGrad).toBe(false);
    expect(y.region$).toBe(undefined);
    expect(bitsOf(await y.data())).toEqual(bitsOf(await x.tanh().data()));
  });

  test('passes gradients to what a function reads from outside, and none to what is frozen', async () => {
    seed(4);
    const [frozen, trained] = [nn.linear(3, 3), nn.linear(3, 3)];
    const model = nn.sequential([3], frozen, trained);
    frozen.freeze();
    const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
    const before = await Promise.all(model.parameters().map(async (one) => bitsOf(await one.data())));
    (sum(recompute(() => trained.forward(frozen.forward(waves([2, 3]) as never)) as Tensor)) as Tensor).backward();
    await optimizer.step();
    const after = await Promise.all(model.parameters().map(async (one) => bitsOf(await one.data())));
    expect(after.map((bits, i) => bits === before[i])).toEqual([true, true, false, false]);
  });

  test('calls the gradient of an op of one’s own once, with what is computed again', async () => {
    let calls = 0;
    const cube = defineOp({
      name: 'cube',
      forward: (x) => x!.mul(x as never).mul(x as never) as Tensor,
      gradient: (dy, [x]) => {
        calls++;
        return [dy.mul(x!.mul(x as never).mul(3) as never) as Tensor];
      },
    });
    const w = new Parameter([B, H], nn.init.constant(0.5));
    const model = new (class extends nn.Module {
      readonly w = w;
      override forward(x: Tensor): Tensor {
        return recompute((h) => cube(mul(h, this.w as never).tanh() as Tensor), x);
      }
    })();
    const { state } = await train(model, () => mean(model.forward(waves([B, H]))) as Tensor, 1);
    expect(calls).toBe(1);
    const plain = new (class extends nn.Module {
      readonly w = new Parameter([B, H], nn.init.constant(0.5));
      override forward(x: Tensor): Tensor {
        return cube(mul(x, this.w as never).tanh() as Tensor);
      }
    })();
    expect(state).toEqual((await train(plain, () => mean(plain.forward(waves([B, H]))) as Tensor, 1)).state);
  });

  test('holds in gradcheck(), of both orders', () => {
    const inputs = [waves([2, 3]), waves([3], 1)];
    const fn = (x: Tensor, y: Tensor): Tensor => recompute((a, b) => recompute((h) => h.tanh().softmax() as Tensor, mul(a, b as never) as Tensor).mul(a as never) as Tensor, x, y);
    expect(gradcheck(fn as never, inputs)).toBe(true);
    expect(gradcheck(fn as never, inputs, { order: 2 })).toBe(true);
  });

  test('refuses values of a step that is finished', async () => {
    const w = new Parameter([2], nn.init.ones());
    const model = new (class extends nn.Module {
      readonly w = w;
      override forward(x: Tensor): Tensor {
        return mul(x, this.w as never).tanh() as Tensor;
      }
    })();
    const optimizer = optim.sgd(model.parameters(), { lr: 1 });
    const old = recompute(model, waves([2]));
    (sum(model.forward(waves([2]))) as Tensor).backward();
    await optimizer.step();
    const step = async (): Promise<void> => {
      (sum(old) as Tensor).backward();
      await optimizer.step();
    };
    await fails(step(), 'ANNEAL_STALE_TENSOR', /was recorded before|belongs to a step that is finished/);
  });

  test.skipIf(!planned)('computes nothing again of weights that were replaced since', async () => {
    const w = new Parameter([2], nn.init.ones());
    const model = new (class extends nn.Module {
      readonly w = w;
      override forward(x: Tensor): Tensor {
        return mul(x, this.w as never).tanh() as Tensor;
      }
    })();
    const loss = sum(recompute(model, waves([2]))) as Tensor;
    await model.loadStateDict({ w: { shape: [2], dtype: 'float32', data: Float32Array.of(3, 4) } } as never);
    const gradient = async (): Promise<unknown> => grad(loss, [w as Tensor])[0]!.data();
    await fails(gradient(), 'ANNEAL_STALE_TENSOR', /\[recompute\] was recorded before parameter w changed/);
  });

  test('says what is wrong', () => {
    refuses(() => recompute(waves([2]) as never), 'ANNEAL_INVALID_ARGUMENT', /^\[recompute\] fn: got .*, expected a function of tensors, or a module\. Write recompute\(\(x\) => block\.forward\(x\), x\)\.$/);
    refuses(() => recompute(async () => waves([2])), 'ANNEAL_INVALID_ARGUMENT', /^\[recompute\] fn: got a function that gives a promise, expected a synchronous one\. Await what it needs before, and its result outside\.$/);
    // What the function throws passes, and nothing stays marked.
    expect(() => recompute(() => waves([2]).reshape([3] as never))).toThrow(/reshape/);
    expect(waves([2]).requireGrad().tanh().region$).toBe(undefined);
  });
});
