import { inspect } from 'node:util';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { adviseBatchSize, data, losses, metrics, nn, ones, optim, Parameter, relu, seed, tensor, Trainer, type Tensor } from 'anneal';

const eager = process.env['ANNEAL_DEBUG'] === '1';

class Scaled extends nn.Module {
  readonly inner = nn.linear(3, 3);
  readonly scale = new Parameter([1], nn.init.ones());

  override forward(x: Tensor): Tensor {
    return relu(this.inner.forward(x)).mul(this.scale);
  }
}

function made() {
  seed(1);
  const model = nn.sequential([2], nn.linear(2, 3), new Scaled(), nn.sequential([3], nn.linear(3, 2)));
  const optimizer = optim.adamw(model.parameters(), { lr: 0.01, clip: { globalNorm: 1 } });
  const points = data.fromArrays({ x: [[1, 2], [3, 4], [5, 6]], y: [0, 1, 1], shape: [2], classes: 2, name: 'points' });
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy(), metrics.confusionMatrix()] });
  return { model, optimizer, points, trainer };
}

describe('console.log() of a tensor', () => {
  it('shows shape, dtype and the values that are known', () => {
    expect(inspect(tensor([[1, 2], [3, 4.123456789]]))).toBe('Tensor [2,2] float32\n  [[1, 2],\n   [3, 4.12346]]');
    expect(inspect(tensor([1, 0], { dtype: 'int32' }))).toBe('Tensor [2] int32 [1, 0]');
    expect(inspect(tensor(Float32Array.from({ length: 100 }, (_, i) => i)))).toBe('Tensor [100] float32 [0, 1, 2, ..., 97, 98, 99]');
    expect(inspect(tensor([[NaN, Infinity]]))).toBe('Tensor [1,2] float32\n  [[NaN, Infinity]]');
    expect(inspect(tensor(new Float32Array(0), { shape: [0, 3] }))).toBe('Tensor [0,3] float32\n  []');
  });

  it('says where values are that are not known', async () => {
    const product = ones([2, 2]).matmul(ones([2, 2]));
    expect(inspect(product)).toBe(eager ? 'Tensor [2,2] float32, in native memory: read it with await tensor.data()' : 'Tensor [2,2] float32, not run yet (matmul)');
    const { model, optimizer } = made();
    const { weight } = model.layers[0] as nn.Linear;
    expect(inspect(weight)).toBe('Parameter 0.weight [3,2] float32, not initialised yet');
    const hidden = model.forward(tensor([[1, 2]]));
    const loss = losses.crossEntropy(hidden, tensor([0], { dtype: 'int32' }));
    loss.backward();
    await optimizer.step();
    expect(inspect(loss)).toMatch(/^Tensor \[\] float32 0\.\d{4,}$/);
    expect(inspect(hidden)).toBe('Tensor [1,2] float32, gone: its step is finished');
    expect(inspect(weight)).toBe('Parameter 0.weight [3,2] float32, in native memory: read it with await tensor.data()');
    weight.requiresGrad = false;
    expect(inspect(weight)).toMatch(/, frozen$/);
    const kept = tensor([1]);
    kept.dispose();
    expect(inspect(kept)).toBe('Tensor [1] float32, disposed of');
  });

  it('gives the same to JSON, and nested arrays when asked', async () => {
    const x = tensor([[1, 2], [3, 4]]);
    expect(JSON.parse(JSON.stringify(x))).toEqual({ shape: [2, 2], dtype: 'float32', values: [[1, 2], [3, 4]] });
    expect(JSON.parse(JSON.stringify(x.exp()))).toEqual({ shape: [2, 2], dtype: 'float32', values: null });
    const rows: number[][] = await x.add(1).array();
    expect(rows).toEqual([[2, 3], [4, 5]]);
    const sum: number = await tensor([1, 2, 3]).sum().array();
    expect(sum).toBe(6);
    expect(await tensor(Float32Array.of(1, 2, 3, 4, 5, 6), { shape: [1, 3, 2] }).array()).toEqual([[[1, 2], [3, 4], [5, 6]]]);
    expect(await tensor(new Float32Array(0), { shape: [2, 0] }).array()).toEqual([[], []]);
  });
});

describe('console.log() of what a user holds', () => {
  it('shows the parameters of a model of one\'s own beside its layers', () => {
    class Pooled extends nn.Module {
      readonly query = new nn.Parameter([3, 1], nn.init.zeros());
      readonly head = nn.linear(3, 2);
      override forward(x: Tensor): Tensor {
        return this.head.forward(x.mul(this.query.t()));
      }
    }
    expect(inspect(new Pooled())).toBe('Pooled (11 parameters, training)  query [3,1]\n  head  linear(3, 2)  weight [2,3], bias [2]');
  });

  it('shows a model layer by layer', () => {
    const { model } = made();
    for (const parameter of model.layers[0]!.parameters()) parameter.requiresGrad = false;
    expect(inspect(model.eval())).toBe(
      [
        'Sequential (30 parameters, 2 tensors frozen, evaluation)',
        '  0        linear(2, 3)  weight [3,2], bias [3]',
        '  1        Scaled        scale [1]',
        '  1.inner  linear(3, 3)  weight [3,3], bias [3]',
        '  2        Sequential',
        '  2.0      linear(3, 2)  weight [2,3], bias [2]',
      ].join('\n'),
    );
    expect(JSON.parse(JSON.stringify(model.layers[0]))).toEqual({
      kind: 'linear(2, 3)', training: false, state: { weight: { shape: [3, 2], dtype: 'float32' }, bias: { shape: [3], dtype: 'float32' } },
    });
  });

  it('is a few lines that name it, for trainers, optimizers, data, loaders, histories and findings', async () => {
    const { model, optimizer, points, trainer } = made();
    const history = await trainer.fit(points, { epochs: 12, validation: points });
    const stream = data.fromIterable(() => [{ x: [1, 2], y: 0 }], { shape: [2], name: 'lines' });
    const found = await adviseBatchSize(model, { loss: losses.crossEntropy, optimizer, data: points, sizes: [1], secondsPerSize: 0.001 }).catch(() => undefined);
    for (const [thing, begins] of [
      [trainer, /^Trainer \{\n {2}model: 'sequential\(\[2\], /],
      [optimizer, /^Optimizer \{\n {2}rule: 'adamw',\n {2}lr: 0\.01,\n {2}steps: 12,/],
      [points, /^Dataset \{\n {2}name: 'points',\n {2}size: 3,/],
      [stream, /^Stream \{\n {2}name: 'lines'/],
      [data.loader(points, { shuffle: true }), /^Loader \{\n {2}dataset: 'points'/],
      [data.loader(stream), /^Loader \{ stream: 'lines', epoch: 0/],
      [history, /^History \(12 epochs\)\n {2}\{ loss: 0\.\d+, accuracy: [\d.]+, epoch: \d+, .*\n.*\n.*\n.*\n {2}\.\.\. 4 more\n/],
      [history.at(-1)!.confusionMatrix, /^ConfusionMatrix\n/],
      [nn.summary(model), /^layer /],
      ...(found === undefined ? [] : [[found, /batch/] as const]),
    ] as const) {
      const text = inspect(thing);
      expect(text).toMatch(begins);
      expect(text.split('\n').length).toBeLessThan(40);
      expect(inspect([[[[thing]]]], { depth: 1 }).length).toBeLessThan(30);
      expect(() => JSON.stringify(thing)).not.toThrow();
    }
  });
});

describe('what is posted to another thread', () => {
  it('is plain arrays, which a model there takes over', async () => {
    const { model } = made();
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(await model.toArrays());
    const { message } = receiveMessageOnPort(port2) as { message: Awaited<ReturnType<nn.Module['toArrays']>> };
    port1.close();
    seed(2);
    const other = nn.sequential([2], nn.linear(2, 3), new Scaled(), nn.sequential([3], nn.linear(3, 2)));
    await other.loadStateDict(message);
    expect(await other.toArrays()).toEqual(await model.toArrays());
    expect(message['1.scale']).toEqual({ shape: [1], dtype: 'float32', data: Float32Array.of(1) });
  });
});
