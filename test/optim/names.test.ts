// Optimizers give the numbers of their rules by the names that rows of native/kernels/update/rules.def have.
import { expect, test } from 'vitest';
import '../../src/runtime/index.js';
import { ParameterGroup } from '../../src/optim/group.js';
import { zeros } from '../../src/nn/initializers.js';
import { Parameter } from '../../src/parameter.js';
import { loadNative } from '../../src/runtime/binding.js';
import { refuses } from '../nn/fails.js';

const groupOf = (rule: string, hyper: Readonly<Record<string, number>>, flags: Readonly<Record<string, boolean>>): ParameterGroup => new ParameterGroup('mine', [new Parameter([3], zeros())], { lr: 0.5, rule, hyper, flags });

test('numbers stand in the order of the row, whatever the order in which they are given', () => {
  const group = groupOf('lion', { weightDecay: 0.1, beta2: 0.2, beta1: 0.3 }, { maximize: true });
  group.setNumbers$(0);
  expect(Array.from(group.hyperSlot.slots$!)).toEqual([0.5, 0.3, 0.2, 0.1]);
  expect(group.keeps(group.parameters[0]!)).toEqual({ expAvg: [3] });
});

test('a rule without a row, a number that is missing and a flag that there is not are errors', () => {
  refuses(() => groupOf('lyon', {}, {}), 'ANNEAL_ADDON_MISSING', /no row 'lyon' \(native\/kernels\/update\/rules\.def\)/);
  refuses(() => groupOf('lion', { beta1: 0.3, weightDecay: 0.1 }, {}), 'ANNEAL_INTERNAL', /\[mine\] the optimizer and the row 'lion' .* differ: got one that lacks the number beta2/);
  refuses(() => groupOf('lion', { beta1: 0.3, beta2: 0.2, weightDecay: 0.1 }, { nesterov: true }), 'ANNEAL_INTERNAL', /has no flag nesterov/);
});

test('every row has names, each once', () => {
  for (const { name, states, hypers, flags } of loadNative().updateRules) {
    expect(hypers, name).toContain('lr');
    expect(new Set([...states, ...hypers, ...flags]).size, name).toBe(states.length + hypers.length + flags.length);
  }
});
