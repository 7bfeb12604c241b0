// Groups of parameters: options of their own, given as a list or by patterns of names.
import { describe, expect, test } from 'vitest';
import { nn, optim, sum, type Parameter } from 'anneal';
import { refuses } from '../nn/fails.js';

const model = (): nn.Module => nn.sequential([2], [nn.linear(2, 3), nn.linear(3, 1)]);

/** Distance that each parameter goes in one step of gradient descent on the sum of all, whose gradient is 1 everywhere. */
async function moves(m: nn.Module, make: (parameters: Parameter[]) => optim.Optimizer): Promise<Record<string, number>> {
  const parameters = m.parameters();
  const before = await Promise.all(parameters.map((parameter) => parameter.data()));
  const optimizer = make(parameters);
  parameters.map((parameter) => sum(parameter)).forEach((loss) => loss.backward());
  await optimizer.step();
  const after = await Promise.all(parameters.map((parameter) => parameter.data()));
  return Object.fromEntries(parameters.map(({ name }, i) => [name, Number((before[i]![0]! - after[i]![0]!).toFixed(5))]));
}

describe('groups', () => {
  test('by pattern: the first match counts, the others have the common options', async () => {
    const went = await moves(model(), (parameters) =>
      optim.sgd(parameters, { lr: 0.1, groups: [{ match: /bias$/, lr: 0.2 }, { match: (name) => name.startsWith('1.'), lr: 0.3 }] }),
    );
    expect(went).toEqual({ '0.weight': 0.1, '0.bias': 0.2, '1.weight': 0.3, '1.bias': 0.2 });
  });

  test('as a list, as in torch', async () => {
    const went = await moves(model(), (parameters) => optim.sgd([{ params: parameters.slice(0, 2), lr: 0.5 }, { params: parameters.slice(2) }], { lr: 0.1 }));
    expect(went).toEqual({ '0.weight': 0.5, '0.bias': 0.5, '1.weight': 0.1, '1.bias': 0.1 });
  });

  test('have rates of their own that may be assigned', async () => {
    const m = model();
    const optimizer = optim.sgd(m.parameters(), { lr: 0.1, groups: [{ match: /bias$/, lr: 0.2 }] });
    expect(optimizer.groups.map(({ lr, parameters }) => [lr, parameters.length])).toEqual([[0.2, 2], [0.1, 2]]);
    optimizer.groups[0]!.lr = 0.05;
    expect(await moves(m, () => optimizer)).toEqual({ '0.weight': 0.1, '0.bias': 0.05, '1.weight': 0.1, '1.bias': 0.05 });
    optimizer.lr = 0.7;
    expect(optimizer.groups.map(({ lr }) => lr)).toEqual([0.7, 0.7]);
  });

  test('keep state by parameter, whatever their group', async () => {
    const m = model();
    const grouped = optim.adam(m.parameters(), { groups: [{ match: /bias$/, lr: 0.2, amsgrad: true }] });
    expect([...grouped.stateDict().keys()].filter((name) => name.includes('maxExpAvgSq'))).toEqual(['0.bias.maxExpAvgSq', '1.bias.maxExpAvgSq']);
    await moves(m, () => grouped);
    const other = optim.adam(m.parameters(), { groups: [{ match: /bias$/, lr: 0.2, amsgrad: true }] });
    await other.loadStateDict(grouped.stateDict());
    expect(other.steps).toBe(1);
  });

  test('refuse what cannot be meant', () => {
    const parameters = model().parameters();
    refuses(() => optim.sgd(parameters, { groups: [{ match: /wieght/ }] }), 'ANNEAL_INVALID_ARGUMENT', /\/wieght\/.*0\.weight, 0\.bias/);
    refuses(() => optim.sgd(parameters, { groups: [{ match: 'bias' as never }] }), 'ANNEAL_INVALID_ARGUMENT', /expected a pattern/);
    refuses(() => optim.sgd(parameters, { groups: [{ match: /bias/, weigthDecay: 0 } as never] }), 'ANNEAL_UNKNOWN_OPTION', /Did you mean weightDecay/);
    refuses(() => optim.sgd([{ params: parameters }, { params: parameters.slice(1) }]), 'ANNEAL_INVALID_ARGUMENT', /a parameter twice/);
    refuses(() => optim.sgd(parameters, { groups: [{ match: /bias/, lr: -1 }] }), 'ANNEAL_INVALID_ARGUMENT', /lr: got -1/);
    refuses(() => optim.sgd(parameters, { groups: 5 as never }), 'ANNEAL_INVALID_ARGUMENT', /groups: got 5, expected a list, as in/);
    refuses(() => optim.sgd(parameters, { groups: null as never }), 'ANNEAL_INVALID_ARGUMENT', /groups: got null/);
    refuses(() => optim.sgd(parameters, { groups: [undefined as never] }), 'ANNEAL_INVALID_ARGUMENT', /options: got null/);
    refuses(() => optim.sgd([{ params: parameters[0] as never }]), 'ANNEAL_INVALID_ARGUMENT', /params: got .*expected a list of parameters/);
    refuses(() => optim.sgd([{ params: [] }, { params: parameters }]), 'ANNEAL_INVALID_ARGUMENT', /no parameters to train/);
    refuses(() => optim.sgd([parameters[0]!, { params: parameters.slice(1) }] as never), 'ANNEAL_INVALID_ARGUMENT', /expected parameters that require gradients/);
    expect(optim.sgd(parameters, { groups: [] }).groups.length).toBe(1);
  });
});
