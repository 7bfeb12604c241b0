import { configure, exp, logSoftmax, matmul, transpose } from 'anneal';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { provideEngine } from '../../src/graph/engine.js';
import { setEager } from '../../src/graph/recorder.js';
import { fromArray } from '../../src/ops/leaf.js';
import { loadNative } from '../../src/runtime/binding.js';
import { EagerEngine } from '../../src/runtime/eager.js';
import { PlannedEngine } from '../../src/runtime/engine.js';
import type { Tensor } from '../../src/tensor.js';
import { numbers } from '../programs/interpreter.js';

/** Values whose elements lie in another order than their shape says, or with gaps. */
const VIEWS: { readonly [name: string]: (x: Tensor) => Tensor } = {
  'a transposed array': (x) => transpose(x, 0, 1),
  'a transposed result': (x) => transpose(exp(x), 0, 1),
  'every second column': (x) => x.slice(0, undefined, { axis: 1, step: 2 }) as Tensor,
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
  const planned = new PlannedEngine();
  const eager = new EagerEngine(loadNative().addon.info().target);
  const { hook } = eager;
  beforeAll(() => setEager(undefined));
  // Files of one worker share the engine.
  afterAll(() => configure({ debug: process.env['ANNEAL_DEBUG'] === '1' }));

  const inMode = async (mode: EagerEngine | PlannedEngine, compute: (x: Tensor) => Tensor, shape: readonly [number, number]): Promise<number[]> => {
    provideEngine(() => mode);
    setEager(mode === eager ? hook : undefined);
    try {
      return [...(await compute(fromArray(numbers(7, shape[0] * shape[1]), shape, 'float32')).data())];
    } finally {
      setEager(undefined);
    }
  };

  it('is the same whether the view, or what is computed of it, was kept before, or read', async () => {
    for (const make of Object.values(VIEWS)) {
      for (const use of [USES['the sum of its columns']!, USES['its mean']!]) {
        const after = async (prepare: (values: Tensor[]) => Promise<unknown>): Promise<number[]> => {
          const x = fromArray(numbers(7, 17 * 5), [17, 5], 'float32');
          const [view, result] = [make(x), exp(make(x)) as Tensor];
          await prepare([view, result]);
          return [...(await use(view).data()), ...(await use(result).data())];
        };
        const plain = await after(async () => {});
        expect(await after((values) => Promise.all(values.map((value) => value.data())))).toEqual(plain);
        expect(await after((values) => Promise.all(values.map((value) => value.keep().data())))).toEqual(plain);
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
