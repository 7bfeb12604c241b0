// Sparse embeddings: rules that leave rows without a gradient alone update the rows that have one, with the bits of the dense rule.
// Numbers of PyTorch: test/parity/sparse.test.ts.
import { describe, expect, test } from 'vitest';
import { add, data, embedding, losses, matmul, nn, optim, Parameter, seed, tensor, Trainer, type ErrorCode, type Tensor } from 'anneal';
import { engine } from '../../src/graph/engine.js';
import { refuses as refusesBy } from '../nn/fails.js';

const [V, D] = [40, 9];
const planned = process.env['ANNEAL_DEBUG'] !== '1';

/** Expects an error with a text that has this in it. */
const refuses = (call: () => unknown, code: ErrorCode, text: string): void => refusesBy(call, code, new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));

/** Tokens of a step: a part of the table, some of them often. */
const tokensOf = (step: number, count = 24): Int32Array => Int32Array.from({ length: count }, (_, i) => (step * 11 + ((i * i * 7) % (10 + step))) % V);
const batch = (step: number): Tensor => tensor(tokensOf(step), { shape: [4, 6] }) as Tensor;

const modelOf = (sparse: boolean): nn.Sequential => {
  seed(5);
  return nn.sequential([6], nn.embedding(V, D, { sparse, paddingIdx: 3 }), nn.flatten(), nn.linear(6 * D, 3)) as unknown as nn.Sequential;
};

const tableOf = (model: nn.Module): Parameter => model.parameters()[0]!;
const lossOf = (model: nn.Module, step: number): Tensor => (model.forward(batch(step) as never) as Tensor).pow(2).mean() as Tensor;

type Make = (parameters: readonly Parameter[]) => optim.Optimizer;
type Pass = (model: nn.Module, step: number, optimizer: optim.Optimizer) => unknown;

const once: Pass = (model, step) => lossOf(model, step).backward();

/** All weights and states after so many steps. */
async function trained(sparse: boolean, make: Make, pass: Pass = once, steps = 18, model: nn.Module = modelOf(sparse)): Promise<Map<string, Float32Array>> {
  const optimizer = make(model.parameters());
  for (let step = 0; step < steps; step++) {
    optimizer.zeroGrad();
    await pass(model, step, optimizer);
    await optimizer.step();
  }
  return contents(model, optimizer);
}

async function contents(model: nn.Module, optimizer: optim.Optimizer): Promise<Map<string, Float32Array>> {
  const all = new Map<string, Float32Array>();
  for (const parameter of model.parameters()) all.set(parameter.name, (await parameter.data()) as Float32Array);
  for (const [name, value] of optimizer.stateDict()) if ('op' in value) all.set(`${name} kept`, (await value.data()) as Float32Array);
  return all;
}

/** Equal elements, the sign of zero included. */
const expectSame = (got: ReadonlyMap<string, Float32Array>, wanted: ReadonlyMap<string, Float32Array>): void => {
  expect([...got.keys()]).toEqual([...wanted.keys()]);
  for (const [name, values] of got) expect(Buffer.from(values.buffer, values.byteOffset, values.byteLength).equals(Buffer.from(wanted.get(name)!.buffer)), name).toBe(true);
};

const makers: Readonly<Record<string, Make>> = {
  sgd: (some) => optim.sgd(some, { lr: (step) => 0.5 / (1 + step) }),
  'sgd, the other way': (some) => optim.sgd(some, { lr: 0.01, maximize: true }),
  adagrad: (some) => optim.adagrad(some, { lr: 0.1 }),
  'adagrad that begins above 0': (some) => optim.adagrad(some, { lr: 0.1, lrDecay: 0.1, initialAccumulatorValue: 0.1 }),
  'sgd, clipped by value': (some) => optim.sgd(some, { lr: 0.5, clip: { value: 0.001 } }),
};

describe('the bits of a dense embedding', () => {
  test.each(Object.entries(makers))('%s', async (_, make) => expectSame(await trained(true, make), await trained(false, make)));

  // Squares are added up in another order, so that a norm need not have the same bits.
  test.each(['globalNorm', 'norm'] as const)('nearly, clipped by %s', async (kind) => {
    const make: Make = (some) => optim.sgd(some, { lr: 0.5, clip: { [kind]: 0.05 } as unknown as optim.Clip });
    const [sparse, dense] = [await trained(true, make), await trained(false, make)];
    for (const [name, values] of sparse) values.forEach((value, i) => expect(Math.abs(value - dense.get(name)![i]!), name).toBeLessThan(1e-6));
  });

  const passes: Readonly<Record<string, Pass>> = {
    'a table that is looked up three times': (model, step) => {
      const table = tableOf(model);
      const [one, other] = [tensor(tokensOf(step + 3)), tensor(tokensOf(step + 5, 17))];
      add(lossOf(model, step), add(embedding(one, table).pow(3).mean(), embedding(other, table).pow(2).sum())).backward();
    },
    'two losses of one forward pass': (model, step) => {
      const y = model.forward(batch(step) as never) as Tensor;
      y.pow(2).mean().backward();
      y.pow(3).mean().backward();
    },
    'gradients that are added up': (model, step) => {
      lossOf(model, step).backward();
      lossOf(model, step + 1).backward();
    },
    'a gradient that is looked at': async (model, step) => {
      lossOf(model, step).backward();
      await tableOf(model).grad!.data();
    },
    'a table that is used as a matrix, too': (model, step) => {
      add(lossOf(model, step), matmul(tensor(Float32Array.from({ length: V }, (_, i) => i % 3), { shape: [1, V] }), tableOf(model)).pow(2).mean()).backward();
    },
    'no gradient of the table in some steps': (model, step) => {
      if (step % 3 < 2) lossOf(model, step).backward();
      else model.parameters()[2]!.pow(2).sum().backward();
    },
  };
  test.each(Object.entries(passes))('%s', async (_, pass) => {
    for (const make of [makers['sgd']!, makers['adagrad that begins above 0']!]) expectSame(await trained(true, make, pass), await trained(false, make, pass));
  });

  test('an average, which goes on in every row', async () => {
    const make: Make = (some) => optim.adagrad(some, { lr: 0.1, average: optim.exponentialMovingAverage({ decay: 0.8 }) });
    expectSame(await trained(true, make), await trained(false, make));
  });

  test.each(['mean', 'sum', 'max'] as const)('bags, %s', async (mode) => {
    const make: Make = (some) => optim.adagrad(some, { lr: 0.1 });
    const bag = (sparse: boolean): nn.Module => {
      seed(2);
      return nn.embeddingBag(V, D, { mode, sparse });
    };
    const pass: Pass = (model, step) => ((model as nn.EmbeddingBag).forward(batch(step), { lengths: tensor(Int32Array.of(6, 1, 0, 4)) as Tensor }) as Tensor).pow(2).sum().backward();
    expectSame(await trained(true, make, pass, 9, bag(true)), await trained(false, make, pass, 9, bag(false)));
  });

  test('in fit, many steps a call', async () => {
    const fit = async (sparse: boolean): Promise<Map<string, Float32Array>> => {
      const model = modelOf(sparse);
      const optimizer = optim.adagrad(model.parameters(), { lr: 0.1 });
      const train = data.fromArrays({ x: Int32Array.from({ length: 96 * 6 }, (_, i) => (i * i + i) % V), y: Int32Array.from({ length: 96 }, (_, i) => i % 3), shape: [6] });
      await new Trainer(model as never, { loss: losses.crossEntropy, optimizer }).fit(train as never, { epochs: 3, batchSize: 8, shuffle: true });
      return contents(model, optimizer);
    };
    expectSame(await fit(true), await fit(false));
  });
});

describe('sparseAdam', () => {
  const make: Make = (some) => optim.sparseAdam(some, { lr: 0.01 });

  test('leaves rows without a gradient alone, those of padding and behind the lengths of bags among them', async () => {
    seed(1);
    const bag = nn.embeddingBag(V, D, { paddingIdx: 4, sparse: true });
    const optimizer = make(bag.parameters());
    for (const tokens of [[7, 8, 4, 9], [8, 4, 4, 9]]) {
      const before = await contents(bag, optimizer);
      (bag.forward(tensor([tokens], { dtype: 'int32' }) as Tensor, { lengths: tensor(Int32Array.of(3)) as Tensor }) as Tensor).sum().backward();
      await optimizer.step();
      const named = new Set(tokens.slice(0, 3).filter((token) => token !== 4));
      for (const [name, values] of await contents(bag, optimizer)) {
        for (let row = 0; row < V; row++) expect(values.slice(row * D, row * D + D).some((value, i) => value !== before.get(name)![row * D + i]), `${name} ${row}`).toBe(named.has(row));
      }
    }
  });

  test('is Adam for what is not sparse, with groups of their own', async () => {
    const pass: Pass = (model, step) => model.parameters()[1]!.sub(step).pow(2).mean().backward();
    expectSame(
      new Map([...(await trained(true, make, pass))].filter(([name]) => name.startsWith('2.'))),
      new Map([...(await trained(false, (some) => optim.adam(some, { lr: 0.01 }), pass))].filter(([name]) => name.startsWith('2.'))),
    );
    expect(make(modelOf(true).parameters()).groups.map(({ rule, parameters }) => [rule, parameters.length])).toEqual([['sparse_adam', 1], ['adam', 2]]);
  });

  test('gives the same bits where the gradient was made as a whole', async () => {
    const looking: Pass = async (model, step) => {
      lossOf(model, step).backward();
      await tableOf(model).grad!.data();
    };
    expectSame(await trained(true, make, looking), await trained(true, make));
  });

  test('goes on from a state as if it had never stopped', async () => {
    const [model, resumed] = [modelOf(true), modelOf(true)];
    const optimizer = make(model.parameters());
    const run = async (of: nn.Module, by: optim.Optimizer, from: number, to: number): Promise<void> => {
      for (let step = from; step < to; step++) {
        lossOf(of, step).backward();
        await by.step();
      }
    };
    await run(model, optimizer, 0, 7);
    const other = make(resumed.parameters());
    await resumed.loadStateDict(model.stateDict());
    await other.loadStateDict(optimizer.stateDict());
    await run(model, optimizer, 7, 12);
    await run(resumed, other, 7, 12);
    expectSame(await contents(resumed, other), await contents(model, optimizer));
    expect([...optimizer.stateDict().keys()]).toEqual(['steps', ...['0.weight', '2.weight', '2.bias'].flatMap((name) => ['expAvg', 'expAvgSq', 'step'].map((part) => `${name}.${part}`))]);
  });

  test('a step that fails leaves everything as it was', async () => {
    const model = modelOf(true);
    const optimizer = make(model.parameters());
    lossOf(model, 0).backward();
    await optimizer.step();
    const before = await contents(model, optimizer);
    const table = tableOf(model);
    for (const wrong of [V, -1]) {
      await expect(
        (async () => {
          // The loss needs no value of the rows: only the gradient looks at the tokens.
          add(lossOf(model, 1), embedding(tensor(Int32Array.of(1, wrong)), table).sum()).backward();
          await optimizer.step();
        })(),
      ).rejects.toMatchObject({ code: 'ANNEAL_INDEX_OUT_OF_RANGE', message: expect.stringMatching(new RegExp(`^\\[embedding\\] token out of range at position 1: got ${wrong}, expected an integer in \\[0, ${V}\\)`)) as string });
      optimizer.zeroGrad();
      expectSame(await contents(model, optimizer), before);
      expect(optimizer.steps).toBe(1);
    }
    lossOf(model, 1).backward();
    await optimizer.step();
    expect(optimizer.steps).toBe(2);
  });

  test('refuses what is not finite before it updates anything', async () => {
    const model = modelOf(true);
    const optimizer = make(model.parameters());
    const before = await contents(model, optimizer);
    lossOf(model, 0).mul(Infinity).backward();
    await expect((async () => engine().steps(optimizer, { finite: 'all' }).done)()).rejects.toMatchObject({ code: 'ANNEAL_NON_FINITE' });
    expectSame(await contents(model, optimizer), before);
  });

  test.runIf(planned)('never makes the gradient of the table', async () => {
    const bytes = async (sparse: boolean): Promise<number> => {
      const table = nn.embedding(20_000, 16, { sparse });
      const optimizer = sparse ? make(table.parameters()) : optim.adam(table.parameters());
      table.forward(tensor(tokensOf(1)) as never).pow(2).sum().backward();
      const { temporaryBytes, done } = engine().steps(optimizer, {});
      await done;
      return temporaryBytes;
    };
    expect(await bytes(false)).toBeGreaterThan(20_000 * 16 * 4);
    expect(await bytes(true)).toBeLessThan(20_000);
  });
});

describe('refusals', () => {
  const parameters = (): readonly Parameter[] => modelOf(true).parameters();
  const others: Readonly<Record<string, Make>> = {
    adam: (some) => optim.adam(some),
    adamw: (some) => optim.adamw(some),
    muon: (some) => optim.muon(some),
    lamb: (some) => optim.lamb(some),
    adafactor: (some) => optim.adafactor(some),
  };

  test.each(Object.entries(others))('%s', (op, make) => {
    refuses(() => make(parameters()), 'ANNEAL_INVALID_ARGUMENT', `[${op}] with these options every step changes all rows of a table, those without a gradient, too: got Parameter(0.weight, [40,9]), which is sparse, expected parameters that are not. Take optim.sparseAdam`);
  });

  test('options by which rows without a gradient would move', () => {
    const text = '] with these options every step changes all rows';
    for (const options of [{ momentum: 0.9 }, { weightDecay: 0.1 }, { weightDecay: () => 0.1 }]) refuses(() => optim.sgd(parameters(), options), 'ANNEAL_INVALID_ARGUMENT', text);
    refuses(() => optim.adagrad(parameters(), { weightDecay: 0.1 }), 'ANNEAL_INVALID_ARGUMENT', text);
    refuses(() => optim.lbfgs(parameters()), 'ANNEAL_INVALID_ARGUMENT', text);
    expect(optim.sgd(parameters(), { momentum: 0.9, groups: [{ match: /^0/, momentum: 0 }] }).groups.length).toBe(2);
  });

  test('not of a table that is frozen, which a rule for all rows updates as a whole where it thaws', async () => {
    const thaws = (sparse: boolean): Promise<Map<string, Float32Array>> => {
      const model = modelOf(sparse);
      tableOf(model).requiresGrad = false;
      const adam: Make = (some) => {
        const optimizer = optim.adam(some);
        tableOf(model).requiresGrad = true;
        return optimizer;
      };
      return trained(sparse, adam, once, 4, model);
    };
    expectSame(await thaws(true), await thaws(false));
  });

  test('an average beside sparseAdam, given or assigned', () => {
    const average = optim.exponentialMovingAverage();
    const text = '[sparseAdam] average: got one beside Parameter(0.weight, [40,9]), which is sparse, expected none: it would move all rows of the table in every step.';
    refuses(() => optim.sparseAdam(parameters(), { average }), 'ANNEAL_INVALID_ARGUMENT', text);
    const optimizer = optim.sparseAdam(parameters());
    refuses(() => (optimizer.average = average), 'ANNEAL_INVALID_ARGUMENT', text);
  });

  test('numbers and parameters of sparseAdam', () => {
    refuses(() => optim.sparseAdam(modelOf(false).parameters()), 'ANNEAL_INVALID_ARGUMENT', '[sparseAdam] got no sparse parameter, expected at least one. Make the embedding with { sparse: true }, or take optim.adam.');
    refuses(() => optim.sparseAdam(parameters(), { eps: 0 }), 'ANNEAL_INVALID_ARGUMENT', '[sparseAdam] eps: got 0, expected a number above 0.');
    refuses(() => optim.sparseAdam(parameters(), { betas: [1, 0.9] }), 'ANNEAL_INVALID_ARGUMENT', '[sparseAdam] betas[0]: got 1');
    refuses(() => optim.sparseAdam(parameters(), { weightDecay: 0.1 } as object), 'ANNEAL_UNKNOWN_OPTION', '[sparseAdam] unknown option: got weightDecay');
  });

  test('a head that shares a sparse table, and what is no table', () => {
    const { weight } = nn.embedding(V, D, { sparse: true });
    refuses(() => nn.linear(D, V, { weight }), 'ANNEAL_INVALID_ARGUMENT', "[linear] weight: got Parameter(unregistered, [40,9]), which is sparse, expected one that is not: a head's gradient reaches all rows of a table. Make the embedding without sparse.");
    refuses(() => new Parameter([3], nn.init.zeros(), { sparse: true }), 'ANNEAL_INVALID_ARGUMENT', '[Parameter] sparse: got it for [3], expected a table [V, D] that is trained.');
    refuses(() => new Parameter([3, 2], nn.init.zeros(), { sparse: true, requiresGrad: false }), 'ANNEAL_INVALID_ARGUMENT', '[Parameter] sparse: got it for a buffer');
    refuses(() => nn.embedding(3, 2, { sparse: 1 as never }), 'ANNEAL_INVALID_ARGUMENT', '[embedding] sparse: got 1, expected true or false.');
    refuses(() => nn.embeddingBag(3, 2, { sparse: 'yes' as never }), 'ANNEAL_INVALID_ARGUMENT', "[embeddingBag] sparse: got 'yes', expected true or false.");
  });
});
