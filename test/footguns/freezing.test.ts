import { describe, expect, it } from 'vitest';
import { data, losses, memory, nn, optim, seed, tensor, Trainer, type Tensor } from 'anneal';

const [x, y] = [tensor([[1, 2], [3, -4]]), tensor([[1], [0]])];

async function valuesOf(model: nn.Module): Promise<Record<string, number[]>> {
  return Object.fromEntries(await Promise.all([...model.stateDict()].map(async ([name, parameter]) => [name, [...(await parameter.data())]])));
}

function made(): nn.Sequential<[2], [1]> {
  seed(3);
  return nn.sequential([2], nn.linear(2, 3), nn.tanh(), nn.linear(3, 1));
}

function freeze(module: nn.Module, frozen = true): void {
  for (const parameter of module.parameters()) parameter.requiresGrad = !frozen;
}

async function step(model: nn.Module, optimizer: optim.Optimizer): Promise<void> {
  const loss = losses.meanSquaredError(model.forward(x as Tensor), y);
  optimizer.zeroGrad();
  loss.backward();
  await optimizer.step();
}

describe('freeze()', () => {
  const normed = () => {
    seed(5);
    return nn.sequential([2], nn.linear(2, 3), nn.batchNorm1d(3), nn.batchNorm1d(3, { affine: false }), nn.linear(3, 1));
  };

  it('picks by a beginning that ends before a dot, by a RegExp, or all, and says what', () => {
    const model = normed();
    expect(model.freeze('0')).toEqual(['0.weight', '0.bias']);
    expect(model.freeze(/weight$/)).toEqual(['0.weight', '1.weight', '3.weight']);
    expect(model.freeze()).toEqual(['0.weight', '0.bias', '1.weight', '1.bias', '3.weight', '3.bias']);
    expect(model.unfreeze('3.bias')).toEqual(['3.bias']);
    expect(model.parameters().filter(({ requiresGrad }) => requiresGrad).map(({ name }) => name)).toEqual(['3.bias']);
  });

  it('refuses what picks nothing, buffers alone, and what is no pattern', () => {
    const model = normed();
    for (const pattern of ['layer1', '1.running', '0.w', /^4/, '1.runningMean']) expect(() => model.freeze(pattern)).toThrow(/\[freeze\].*picks none of \['0\.weight'/);
    expect(() => model.unfreeze(7 as never)).toThrow(/\[unfreeze\] pattern: got 7/);
  });

  it('leaves the statistics of norms that are frozen as a whole, and takes them, until they thaw', async () => {
    const model = normed();
    const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
    await step(model, optimizer);
    model.freeze(/^[01]\./);
    const before = await valuesOf(model);
    await step(model, optimizer);
    const after = await valuesOf(model);
    for (const name of ['0.weight', '1.weight', '1.bias', '1.runningMean', '1.runningVar', '1.numBatchesTracked']) expect(after[name]).toEqual(before[name]);
    for (const name of ['2.runningMean', '3.weight']) expect(after[name]).not.toEqual(before[name]);
    const [first, norm] = [model.layers[0]!, model.layers[1]!];
    const hidden = first.forward(x as Tensor);
    const frozen = await norm.forward(hidden).data();
    expect(frozen).toEqual(await norm.eval().forward(hidden).data());
    norm.train();
    model.unfreeze('1');
    expect(await norm.forward(hidden).data()).not.toEqual(frozen);
  });

  it('leaves the statistics of norms of which a part is frozen to training', async () => {
    const model = normed();
    model.freeze('1.weight');
    const before = await valuesOf(model);
    await step(model, optim.sgd(model.parameters(), { lr: 0.1 }));
    expect((await valuesOf(model))['1.runningMean']).not.toEqual(before['1.runningMean']);
  });

  it('freezes norms without weights by their statistics', async () => {
    const model = normed();
    model.freeze(/^[0-2]\./);
    const before = await valuesOf(model);
    await step(model, optim.sgd(model.parameters(), { lr: 0.1 }));
    expect((await valuesOf(model))['2.runningMean']).toEqual(before['2.runningMean']);
  });
});

describe('a frozen layer', () => {
  it('is left as it is by every optimizer, with its decay and averages, while those above it train as without it', async () => {
    for (const make of [optim.sgd, optim.adamw, optim.muon]) {
      const model = made();
      const before = await valuesOf(model);
      const optimizer = make(model.parameters(), { lr: 0.1, weightDecay: 0.1 });
      freeze(model.layers[0]!);
      await step(model, optimizer);
      await step(model, optimizer);
      const after = await valuesOf(model);
      expect(after['0.weight']).toEqual(before['0.weight']);
      expect(after['0.bias']).toEqual(before['0.bias']);
      expect(after['2.weight']).not.toEqual(before['2.weight']);

      // An optimizer over the rest gives the same.
      const other = made();
      const rest = make(other.layers[2]!.parameters(), { lr: 0.1, weightDecay: 0.1 });
      await step(other, rest);
      await step(other, rest);
      expect(await valuesOf(other)).toEqual(after);
    }
  });

  it('has no gradient, and none is computed below it', async () => {
    const model = made();
    freeze(model.layers[0]!);
    const hidden = model.layers[0]!.forward(x as Tensor);
    expect(hidden.requiresGrad).toBe(false);
    losses.meanSquaredError(model.forward(x), y).backward();
    const { weight, bias } = model.layers[0] as nn.Linear;
    expect([weight.grad, bias!.grad]).toEqual([undefined, undefined]);
    expect((model.layers[2] as nn.Linear).weight.grad).toBeDefined();
  });

  it('in the middle lets gradients through', async () => {
    const model = made();
    freeze(model.layers[2]!);
    const before = await valuesOf(model);
    await step(model, optim.sgd(model.parameters(), { lr: 0.1 }));
    const after = await valuesOf(model);
    expect(after['2.weight']).toEqual(before['2.weight']);
    expect(after['0.weight']).not.toEqual(before['0.weight']);
  });

  it('trains on once it is thawed, by the same optimizer and another plan', async () => {
    const model = made();
    const optimizer = optim.adam(model.parameters(), { lr: 0.1 });
    freeze(model.layers[0]!);
    await step(model, optimizer);
    const frozen = await valuesOf(model);
    freeze(model.layers[0]!, false);
    await step(model, optimizer);
    // Adam's first step of a parameter is lr times the sign of its gradient.
    const moved = (await valuesOf(model))['0.weight']!.map((value, i) => Math.abs(value - frozen['0.weight']![i]!));
    for (const distance of moved) expect(distance).toBeCloseTo(0.1, 4);
    freeze(model.layers[0]!);
    const still = await valuesOf(model);
    await step(model, optimizer);
    expect((await valuesOf(model))['0.weight']).toEqual(still['0.weight']);
  });

  it('is frozen in fit, where many steps run in one call', async () => {
    const model = made();
    freeze(model.layers[0]!);
    const before = await valuesOf(model);
    const points = data.fromArrays({ x: [[1, 2], [3, -4], [0, 1]], y: [[1], [0], [2]], shape: [2], targetShape: [1] });
    const trainer = new Trainer(model, { loss: losses.meanSquaredError, optimizer: optim.adam(model.parameters(), { lr: 0.1 }) });
    await trainer.fit(points, { epochs: 5, batchSize: 2 });
    const after = await valuesOf(model);
    expect(after['0.weight']).toEqual(before['0.weight']);
    expect(after['2.weight']).not.toEqual(before['2.weight']);
    expect(trainer.summary().trained).toBe(4);
  });

  it('stays a parameter, which state and names go on having', () => {
    const model = made();
    freeze(model);
    expect([...model.namedParameters().keys()]).toEqual(['0.weight', '0.bias', '2.weight', '2.bias']);
    expect(model.buffers()).toEqual([]);
    expect(new nn.Parameter([2], nn.init.zeros(), { requiresGrad: false }).isBuffer).toBe(true);
  });
});

describe('a step without gradients says which case it is', () => {
  it('frozen parameters, a loss of another model, no backward() at all', async () => {
    const [model, other] = [made(), made()];
    const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
    await expect(optimizer.step()).rejects.toThrow('[step] no parameter of this optimizer has a gradient. Call loss.backward() before optimizer.step(), and zeroGrad() before backward().');
    losses.meanSquaredError(other.forward(x), y).backward();
    optim.sgd(other.parameters(), { lr: 0.1 });
    await expect(optimizer.step()).rejects.toThrow(/backward\(\) was called, but its loss depends on 4 other parameters \(0\.weight, \.\.\.\), of another model perhaps\. Make the optimizer of/);
    freeze(model);
    await expect(optimizer.step()).rejects.toThrow(/All of them are frozen: set requiresGrad/);
    expect(() => losses.meanSquaredError(model.forward(x), y).backward()).toThrow(/depends on no parameter that requires a gradient/);
  });
});

describe('the state of an optimizer', () => {
  const frozenBody = async () => {
    const model = made();
    freeze(model.layers[0]!);
    const optimizer = optim.adam(model.parameters(), { lr: 0.1 });
    await step(model, optimizer);
    return { model, optimizer };
  };

  it('has no arrays of what was frozen all along, and makes none', async () => {
    const { optimizer } = await frozenBody();
    const before = memory().kinds.weights;
    expect([...optimizer.stateDict().keys()]).toEqual(['steps', '0.weight.step', '0.bias.step', '2.weight.expAvg', '2.weight.expAvgSq', '2.weight.step', '2.bias.expAvg', '2.bias.expAvgSq', '2.bias.step']);
    expect(memory().kinds.weights).toBe(before);
  });

  it('goes on with it, and thaws', async () => {
    const [first, second] = [await frozenBody(), await frozenBody()];
    const other = optim.adam(second.model.parameters(), { lr: 0.1 });
    await other.loadStateDict(first.optimizer.stateDict());
    expect([...other.stateDict().keys()]).toEqual([...first.optimizer.stateDict().keys()]);
    for (const [model, optimizer] of [[first.model, first.optimizer], [second.model, other]] as const) {
      await step(model, optimizer);
      model.unfreeze();
      await step(model, optimizer);
    }
    expect(await valuesOf(second.model)).toEqual(await valuesOf(first.model));
  });

  it('sets back what was trained here and is left out there', async () => {
    const { optimizer } = await frozenBody();
    const model = made();
    const other = optim.adam(model.parameters(), { lr: 0.1 });
    await step(model, other);
    await other.loadStateDict(optimizer.stateDict());
    const state = other.stateDict() as Map<string, Tensor>;
    expect(await state.get('0.weight.expAvg')!.data()).toEqual(new Float32Array(6));
    expect((await state.get('2.weight.expAvg')!.data()).some((value) => value !== 0)).toBe(true);
    const lacking = new Map(optimizer.stateDict()).set('0.weight.step', { shape: [], dtype: 'int32', data: Int32Array.of(1) });
    await expect(other.loadStateDict(lacking)).rejects.toThrow("the state is of another optimizer: it lacks '0.weight.expAvg', '0.weight.expAvgSq'");
  });
});
