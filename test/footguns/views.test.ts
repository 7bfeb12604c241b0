import { configure, exp, logSoftmax, matmul, Parameter, sum, transpose } from 'anneal';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setEager } from '../../src/graph/recorder.js';
import { fromArray } from '../../src/ops/leaf.js';
import { sgd } from '../../src/optim/index.js';
import { loadNative } from '../../src/runtime/binding.js';
import { EagerMode } from '../../src/runtime/eager.js';
import { RuntimeEngine } from '../../src/runtime/engine.js';
import { plannedMode } from '../../src/runtime/mode.js';
import type { Tensor } from '../../src/tensor.js';
import { numbers } from '../programs/interpreter.js';

/** Values whose elements lie in another order than their shape says, or with gaps. */
const VIEWS: { readonly [name: string]: (x: Tensor) => Tensor } = {
  'a transposed array': (x) => transpose(x, 0, 1),
  'a transposed result': (x) => transpose(exp(x), 0, 1),
  'every second column': (x) => x.slice(0, undefined, { axis: 1, step: 2 }) as Tensor,
  'every second column, transposed': (x) => transpose(x.slice(0, undefined, { axis: 1, step: 2 }) as Tensor, 0, 1),
  'what is computed of that': (x) => exp(transpose(x.slice(0, undefined, { axis: 1, step: 2 }) as Tensor, 0, 1)) as Tensor,
  'a softmax of columns': (x) => logSoftmax(x, 0),
  'a transposed product': (x) => transpose(matmul(x, transpose(x, 0, 1) as never) as Tensor, 0, 1),
};

const USES: { readonly [name: string]: (view: Tensor) => Tensor } = {
  'the sum of its columns': (view) => view.sum({ axis: 0 }) as Tensor,
  'the sum of its rows': (view) => view.sum({ axis: 1 }) as Tensor,
  'its mean': (view) => view.mean() as Tensor,
  'the variance of its rows': (view) => view.var({ axis: 1 }) as Tensor,
  'its product with itself': (view) => matmul(view, transpose(view, 0, 1) as never) as Tensor,
  'its product with few rows': (view) => matmul(view.slice(0, 2) as Tensor, transpose(view, 0, 1) as never) as Tensor,
};

describe('what is summed over a view', () => {
  const planned = new RuntimeEngine(plannedMode());
  const eager = new RuntimeEngine(new EagerMode(loadNative().addon.info().target));
  beforeAll(() => setEager(undefined));
  // Files of one worker share the engine.
  afterAll(() => configure({ debug: process.env['ANNEAL_DEBUG'] === '1' }));

  const inMode = async (mode: RuntimeEngine, compute: (x: Tensor) => Tensor, shape: readonly [number, number]): Promise<number[]> => {
    mode.install();
    try {
      return [...(await compute(fromArray(numbers(7, shape[0] * shape[1]), shape, 'float32')).data())];
    } finally {
      setEager(undefined);
    }
  };

  /** Tensors of a parameter, kept, and in native memory since a step has changed it. */
  const stored = async (make: (x: Tensor) => readonly Tensor[]): Promise<readonly Tensor[]> => {
    const x = new Parameter([17, 17], () => fromArray(numbers(7, 17 * 17), [17, 17], 'float32'));
    x.name = 'x';
    const kept = make(x as Tensor).map((tensor) => tensor.keep());
    sum(x as Tensor).backward();
    await sgd([x], { lr: 0.1 }).step();
    for (const tensor of kept) expect(tensor.storage$).toBeDefined();
    return kept;
  };

  it('is that of the values which it has, in whatever order those of the program before lay', async () => {
    const kept = await stored((x) => [exp(x) as Tensor, exp(transpose(x, 0, 1)) as Tensor]);
    const elements = await Promise.all(kept.map((tensor) => tensor.data()));
    for (const i of [0, 1, 0]) {
      const sums = await (kept[i]!.sum({ axis: 0 }) as Tensor).data();
      sums.forEach((sum, column) => expect(sum).toBeCloseTo([...elements[i]!].filter((_, at) => at % 17 === column).reduce((a, b) => a + b), 4));
    }
  });

  it('is the same of a value that was kept', async () => {
    for (const [name, make] of Object.entries(VIEWS)) {
      for (const use of [USES['the sum of its columns']!, USES['the sum of its rows']!, USES['its mean']!]) {
        const x = fromArray(numbers(7, 17 * 17), [17, 17], 'float32');
        const results = await stored((parameter) => [make(parameter), exp(make(parameter)) as Tensor]);
        for (const [i, kept] of results.entries()) {
          const plain = use(i === 0 ? make(x) : (exp(make(x)) as Tensor));
          expect([...(await use(kept).data())], name).toEqual([...(await plain.data())]);
        }
      }
    }
  });

  for (const [view, make] of Object.entries(VIEWS)) {
    for (const [use, of] of Object.entries(USES)) {
      it(`has the same bits op by op and planned: ${view}, ${use}`, async () => {
        for (const shape of [[3, 3], [17, 5], [70, 130], [1000, 40]] as const) {
          const whole = (x: Tensor): Tensor => of(make(x));
          expect(await inMode(eager, whole, shape)).toEqual(await inMode(planned, whole, shape));
        }
      });
    }
  }
});
