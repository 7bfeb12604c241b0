import { describe, it } from 'vitest';
import { data, losses, metrics, nn, optim, Parameter, train, Trainer, type Tensor } from 'anneal';

const points = data.fromArrays({ x: new Float32Array(4), y: Int32Array.of(0, 1), shape: [2], classes: 2 });
const model = nn.sequential([2], nn.linear(2, 3), nn.relu(), nn.sequential([3], nn.linear(3, 2)));
declare const x: Tensor<[1, 2], "float32">;
const optimizer = optim.adam(model.parameters(), { lr: 1e-3 });
const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy(), metrics.confusionMatrix()] });
const bare = new Trainer(model, { loss: losses.crossEntropy.with({ labelSmoothing: 0.1 }), optimizer });

interface Service {
  readonly trainer: Trainer;
  readonly model: nn.Sequential;
  readonly layer: nn.Linear;
  readonly module: nn.Module;
  readonly data: data.Dataset;
  readonly loader: data.Loader;
  readonly stream: data.Stream;
  readonly tensor: Tensor;
  readonly weight: Parameter;
  readonly metric: metrics.AnyMetric;
  readonly history: train.History;
  readonly record: train.EpochRecord;
  readonly callback: train.Callback;
  readonly source: train.Source;
}

describe('a field of a plain name', () => {
  it('takes every concrete one', async () => {
    const service: Service = {
      trainer,
      model,
      layer: nn.linear(2, 3),
      module: model,
      data: points,
      loader: data.loader(points),
      stream: data.fromIterable(() => [{ x: [1, 2], y: 0 }], { shape: [2] }),
      tensor: model.forward(x),
      weight: new Parameter([2, 3], nn.init.zeros()),
      metric: metrics.confusionMatrix(),
      history: await trainer.fit(points),
      record: (await trainer.fit(points))[0]!,
      callback: train.progress(),
      source: points,
    };
    const other: Trainer = bare;
    await other.fit(points, { epochs: 1, callbacks: [train.progress(), { onEpochEnd: ({ record }) => void record.loss }] });
    await service.trainer.fit(points);
    const inner: nn.Sequential[] = [model, nn.sequential([4], nn.linear(4, 1))];
    nn.sequential([2], ...inner);
  });
});
