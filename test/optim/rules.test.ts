// Rules that the installed PyTorch does not have, or has otherwise, against their papers' formulas in double precision, over 100 steps.
import { expect, test } from 'vitest';
import { mul, optim, sum, tensor, type Parameter } from 'anneal';
import { asParameter, Holder } from '../parity/gradients.js';

const SIZE = 5;
const start = Float32Array.from({ length: SIZE }, (_, i) => Math.fround(Math.sin(i + 1)));
const gradients = Array.from({ length: 100 }, (_, t) => Float32Array.from({ length: SIZE }, (__, i) => Math.fround(Math.cos(1.3 * t + i) + 0.3 * Math.sin(i))));

/** A paper's rule: one step of one element at step t, from 1, with a state of its own that starts empty. */
type Formula = (p: number, g: number, t: number, state: Record<string, number>) => number;

type Make = (parameters: Parameter[]) => optim.Optimizer;

function compare(make: Make, formula: Formula): Promise<void> {
  const states = Array.from({ length: SIZE }, (): Record<string, number> => ({}));
  return compareTensors(make, (x, g, t) => x.map((p, i) => formula(p, g[i]!, t, states[i]!)));
}

/** The same for a rule of whole tensors. */
async function compareTensors(make: Make, rule: (x: readonly number[], g: readonly number[], t: number) => number[]): Promise<void> {
  const parameter = asParameter(tensor(start));
  const optimizer = make(new Holder([parameter]).parameters());
  let expected = Array.from(start);
  for (const [step, gradient] of gradients.entries()) {
    optimizer.zeroGrad();
    sum(mul(parameter, tensor(gradient))).backward();
    await optimizer.step();
    expected = rule(expected, Array.from(gradient), step + 1);
    const got = await parameter.data();
    expected.forEach((p, i) => {
      if (!(Math.abs(got[i]! - p) < 3e-6 * (1 + Math.abs(p)))) expect.fail(`after step ${step + 1} element ${i} is ${got[i]}, the paper has ${p}`);
    });
  }
}

const lion =
  (lr: number, b1: number, b2: number, decay: number): Formula =>
  (p, g, _, s) => {
    const m = s['m'] ?? 0;
    s['m'] = b2 * m + (1 - b2) * g;
    return p - lr * (Math.sign(b1 * m + (1 - b1) * g) + decay * p);
  };

test('lion', () => compare((parameters) => optim.lion(parameters), lion(1e-4, 0.9, 0.99, 0)));
test('lion with weight decay', () => compare((parameters) => optim.lion(parameters, { lr: 0.01, betas: [0.8, 0.95], weightDecay: 0.1 }), lion(0.01, 0.8, 0.95, 0.1)));
test('lion the other way', () => compare((parameters) => optim.lion(parameters, { lr: 0.01, maximize: true }), (p, g, t, s) => lion(0.01, 0.9, 0.99, 0)(p, -g, t, s)));
test('lion the other way, with weight decay', () =>
  compare((parameters) => optim.lion(parameters, { lr: 0.01, weightDecay: 0.1, maximize: true }), (p, g, t, s) => lion(0.01, 0.9, 0.99, 0.1)(p, -g, t, s)));

const nadam =
  (lr: number, b1: number, b2: number, eps: number, momentumDecay: number, decay: number): Formula =>
  (p, raw, t, s) => {
    const g = raw + decay * p;
    const mu = (at: number): number => b1 * (1 - 0.5 * 0.96 ** (at * momentumDecay));
    s['product'] = (s['product'] ?? 1) * mu(t);
    s['m'] = b1 * (s['m'] ?? 0) + (1 - b1) * g;
    s['v'] = b2 * (s['v'] ?? 0) + (1 - b2) * g * g;
    const ahead = (mu(t + 1) * s['m']) / (1 - s['product'] * mu(t + 1)) + ((1 - mu(t)) * g) / (1 - s['product']);
    return p - (lr * ahead) / (Math.sqrt(s['v'] / (1 - b2 ** t)) + eps);
  };

test('nadam', () => compare((parameters) => optim.nadam(parameters), nadam(2e-3, 0.9, 0.999, 1e-8, 4e-3, 0)));
test('nadam with its options', () =>
  compare(
    (parameters) => optim.nadam(parameters, { lr: 0.01, betas: [0.8, 0.95], eps: 1e-6, momentumDecay: 0.1, weightDecay: 0.05 }),
    nadam(0.01, 0.8, 0.95, 1e-6, 0.1, 0.05),
  ));
// Gradients are about 1, so that a forgotten eps shows only where it is large.
test('nadam with a large eps, the other way', () =>
  compare(
    (parameters) => optim.nadam(parameters, { lr: 0.01, eps: 0.1, weightDecay: 0.05, maximize: true }),
    (p, g, t, s) => nadam(0.01, 0.9, 0.999, 0.1, 4e-3, 0.05)(p, -g, t, s),
  ));

const radam =
  (lr: number, b1: number, b2: number, eps: number, decay: number): Formula =>
  (p, raw, t, s) => {
    const g = raw + decay * p;
    s['m'] = b1 * (s['m'] ?? 0) + (1 - b1) * g;
    s['v'] = b2 * (s['v'] ?? 0) + (1 - b2) * g * g;
    const most = 2 / (1 - b2) - 1;
    const length = most - (2 * t * b2 ** t) / (1 - b2 ** t);
    const m = s['m'] / (1 - b1 ** t);
    if (length <= 5) return p - lr * m;
    const rectified = Math.sqrt(((length - 4) * (length - 2) * most) / ((most - 4) * (most - 2) * length));
    return p - (lr * rectified * m * Math.sqrt(1 - b2 ** t)) / (Math.sqrt(s['v']) + eps);
  };

test('radam the other way, which PyTorch has from 2.2 on', () =>
  compare(
    (parameters) => optim.radam(parameters, { lr: 0.01, betas: [0.8, 0.95], eps: 0.1, weightDecay: 0.05, maximize: true }),
    (p, g, t, s) => radam(0.01, 0.8, 0.95, 0.1, 0.05)(p, -g, t, s),
  ));

/** LAMB of a whole tensor, which its norms need: algorithm 2 of the paper, phi being the identity. */
function lamb(lr: number, b1: number, b2: number, eps: number, decay: number, adapt = true) {
  const [m, v] = [Array.from(start, () => 0), Array.from(start, () => 0)];
  return (x: readonly number[], g: readonly number[], t: number): number[] => {
    g.forEach((value, i) => {
      m[i] = b1 * m[i]! + (1 - b1) * value;
      v[i] = b2 * v[i]! + (1 - b2) * value * value;
    });
    const direction = x.map((p, i) => m[i]! / (1 - b1 ** t) / (Math.sqrt(v[i]! / (1 - b2 ** t)) + eps) + decay * p);
    const ratio = adapt ? Math.hypot(...x) / Math.hypot(...direction) : 1;
    return x.map((p, i) => p - lr * ratio * direction[i]!);
  };
}

test('lamb', () => compareTensors((parameters) => optim.lamb(parameters), lamb(1e-3, 0.9, 0.999, 1e-6, 0.01)));
test('lamb with its options', () =>
  compareTensors((parameters) => optim.lamb(parameters, { lr: 0.02, betas: [0.8, 0.95], eps: 1e-4, weightDecay: 0.1 }), lamb(0.02, 0.8, 0.95, 1e-4, 0.1)));
test('lamb that does not adapt', () => compareTensors((parameters) => optim.lamb(parameters, { adapt: false }), lamb(1e-3, 0.9, 0.999, 1e-6, 0.01, false)));
test.each([0, 0.1])('lamb the other way, with weight decay %d', (weightDecay) => {
  const down = lamb(1e-3, 0.9, 0.999, 1e-6, weightDecay);
  return compareTensors((parameters) => optim.lamb(parameters, { maximize: true, weightDecay }), (x, g, t) => down(x, g.map((value) => -value), t));
});

test('any number may be a schedule', () => {
  const momentum = (step: number): number => 0.5 + 0.004 * step;
  return compare(
    (parameters) => optim.sgd(parameters, { lr: (step) => 0.01 / (1 + step), momentum }),
    (p, g, t, s) => {
      s['b'] = t === 1 ? g : momentum(t - 1) * s['b']! + g;
      return p - (0.01 / t) * s['b'];
    },
  );
});
