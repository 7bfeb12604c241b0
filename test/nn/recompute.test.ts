// nn.recompute(): the layer as it is, in everything but memory.
import { describe, expect, test } from 'vitest';
import { data, load, losses, metrics, nn, optim, recompute, save, seed, tensor, text, Trainer, zeros, type Tensor } from 'anneal';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel } from '../../src/io/index.js';
import { structureOf } from '../../src/checkpoint/parts.js';
import { refuses } from './fails.js';

const bitsOf = async (model: nn.Module): Promise<number[][]> => Promise.all([...model.stateDict().values()].map(async (one) => [...new Uint32Array(Float32Array.from(await one.data()).buffer)]));

const block = (): nn.Module<[6], [6]> => nn.sequential([6], nn.linear(6, 12), nn.batchNorm1d(12), nn.gelu(), nn.dropout(0.3), nn.linear(12, 6));
type Wrap = (layer: nn.Module<[6], [6]>) => nn.Module<[6], [6]>;
const plain: Wrap = (layer) => layer;
const again: Wrap = (layer) => nn.recompute(layer);
const network = (wrap: Wrap): nn.Sequential<[6], [3]> => {
  seed(9);
  return nn.sequential([6], wrap(block()), wrap(block()), nn.dropout(0.2), nn.linear(6, 3));
};

const examples = data.fromArrays({ x: Float32Array.from({ length: 6 * 50 }, (_, i) => Math.sin(i * i)), y: Int32Array.from({ length: 50 }, (_, i) => (i * i) % 3), shape: [6] });

describe('nn.recompute()', () => {
  test('trains to the same bits, many steps in a call and step by step', async () => {
    const fitted = async (wrap: Wrap, stepwise: boolean): Promise<unknown> => {
      const model = network(wrap);
      const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters(), { lr: 0.01 }), metrics: [metrics.accuracy()] });
      let why: string | undefined;
      const history = await trainer.fit(examples, { batchSize: 8, epochs: 2, seed: 1, callbacks: { passive: !stepwise, onFitStart: (event) => void (why = event.stepwise), onStep: () => undefined } });
      expect(why === undefined).toBe(!stepwise);
      return { losses: history.map(({ loss }) => loss), bits: await bitsOf(model) };
    };
    const expected = await fitted(plain, false);
    expect(await fitted(again, false)).toEqual(expected);
    expect(await fitted(again, true)).toEqual(expected);
  });

  test('leaves parameters and random streams their names', () => {
    const model = network(again);
    expect([...model.stateDict().keys()]).toEqual([...network(plain).stateDict().keys()]);
    expect([...model.stateDict().keys()].slice(0, 3)).toEqual(['0.0.weight', '0.0.bias', '0.1.weight']);
    expect([...nn.recompute(nn.linear(2, 1)).stateDict().keys()]).toEqual(['weight', 'bias']);
    expect([...nn.recompute(nn.recompute(nn.linear(2, 1))).stateDict().keys()]).toEqual(['weight', 'bias']);
  });

  test('takes a state of a model without it, and goes into a file with it', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'recompute-'));
    try {
      const model = network(again);
      await model.loadStateDict(network(plain).stateDict());
      await save(model, join(dir, 'model.safetensors'));
      const { model: loaded } = (await loadModel(join(dir, 'model.safetensors'))) as unknown as { model: nn.Sequential };
      expect(String(loaded.layers[0])).toMatch(/^recompute\(/);
      expect(await bitsOf(loaded as unknown as nn.Module)).toEqual(await bitsOf(model));
      await network(plain).loadStateDict(await load(join(dir, 'model.safetensors')));
      expect(structureOf(model)).toBe(structureOf(network(plain)));
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test('is in training or evaluation with what it holds, and freezes it', () => {
    const inner = nn.dropout(0.5);
    const model = nn.sequential([3], nn.linear(3, 3), nn.recompute(inner));
    model.eval();
    expect(inner.training).toBe(false);
    model.train();
    expect(inner.training).toBe(true);
    expect(network(again).freeze('0')).toHaveLength(6);
  });

  test('trains by low-rank additions', async () => {
    const run = async (wrap: Wrap): Promise<number[][]> => {
      const model = network(wrap);
      nn.lora(model, { rank: 2, match: /\.4\.weight$/ });
      const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
      for (let step = 0; step < 3; step++) {
        (model.forward(tensor(Float32Array.from({ length: 24 }, (_, i) => Math.cos(i + step)), { shape: [4, 6] })) as Tensor).mul(2).mean().backward();
        await optimizer.step();
      }
      return bitsOf(model);
    };
    expect(await run(again)).toEqual(await run(plain));
  });

  test('passes on further arguments, and shapes', () => {
    const attention = nn.recompute(nn.transformerEncoderLayer(8, 2, { dropout: 0 }));
    expect((attention.forward as (x: Tensor, options: object) => Tensor).call(attention, zeros([2, 3, 8]), { isCausal: true }).shape).toEqual([2, 3, 8]);
    expect(() => nn.sequential([4], nn.recompute(nn.linear(3, 2)) as never)).toThrow(/linear\(3, 2\).*3 features/);
  });

  test('says what is wrong', () => {
    refuses(() => nn.recompute((() => 1) as never), 'ANNEAL_INVALID_ARGUMENT', /^\[recompute\] layer: got a function, expected a layer, as in nn\.recompute\(nn\.linear\(4, 3\)\)\. A function goes into recompute\(fn, x\)\.$/);
  });
});

describe('stacks that compute their layers again', () => {
  const layer = nn.transformerEncoderLayer(8, 2, { dimFeedforward: 16, isCausal: true });
  const decoderLayer = nn.transformerDecoderLayer(8, 2, { dimFeedforward: 16 });

  test('are trained to the same bits', async () => {
    const x = (step: number, length = 5): Tensor => tensor(Float32Array.from({ length: 2 * length * 8 }, (_, i) => Math.sin(i + step)), { shape: [2, length, 8] });
    const run = async (options: { recompute?: boolean }): Promise<number[][]> => {
      seed(1);
      const [encoder, decoder] = [nn.transformerEncoder(layer, 2, options), nn.transformerDecoder(decoderLayer, 2, nn.layerNorm(8), options)];
      const optimizer = optim.adam([...encoder.parameters(), ...decoder.parameters()], { lr: 0.01 });
      for (let step = 0; step < 3; step++) {
        const y = decoder.forward(x(step), encoder.forward(x(step, 4))) as Tensor;
        y.mul(y as never).mean().backward();
        await optimizer.step();
      }
      return [...(await bitsOf(encoder)), ...(await bitsOf(decoder))];
    };
    expect(await run({ recompute: true })).toEqual(await run({}));
  });

  test('write the same text', async () => {
    const written = async (use: boolean): Promise<string> => {
      seed(2);
      const model = nn.sequential([8], nn.embedding(4, 8), nn.transformerEncoder(layer, 2, { recompute: use }), nn.linear(8, 4));
      return text.generate(model, 'ab', { tokenizer: text.characters('abcd'), maxTokens: 6, seed: 1 }).text();
    };
    expect(await written(true)).toBe(await written(false));
  });
});

describe('the summary', () => {
  /** Arrays of 4 x 32 floats: the three of a block, or of a group of blocks, and what comes out. */
  const bytes = 4 * 32 * 16;
  const inner = (): nn.Module<[16], [16]> => nn.sequential([16], nn.linear(16, 16), nn.tanh(), nn.linear(16, 16));

  test('shows the memory of activations with and without', () => {
    const blocks = Array.from({ length: 5 }, () => nn.recompute(inner()));
    const summary = nn.summary(nn.sequential([16], blocks as never));
    // Outputs of all blocks, and the two others of one.
    expect(summary.memory).toMatchObject({ activations: (5 + 2) * bytes, activationsWithoutRecompute: 15 * bytes });
    expect(summary.memory.total).toBe(8 * summary.parameters + 7 * bytes);
    expect(String(summary)).toMatch(/activations 14\.\d kB \(32 examples; 30\.\d kB without recompute\)$/);
    expect(summary.layers.map(({ layer, kind }) => [layer, kind]).slice(0, 2)).toEqual([['0.0', 'linear(16, 16)'], ['0.1', 'tanh()']]);
  });

  test('of nested ones, and of views', () => {
    const nested = nn.recompute(nn.sequential([16], nn.recompute(inner()), nn.recompute(inner())) as nn.Module<[16], [16]>);
    // The outputs of both groups, of the first block of one, and the two others of a block.
    expect(nn.summary(nn.sequential([16], nested, nn.recompute(nn.sequential([16], nn.recompute(inner()), nn.recompute(inner())) as nn.Module<[16], [16]>))).memory).toMatchObject({ activations: (2 + 1 + 2) * bytes, activationsWithoutRecompute: 12 * bytes });
    class Flat extends nn.Module {
      readonly inner = inner();
      override forward(x: Tensor): Tensor {
        return recompute((h) => (this.inner.forward(h as never) as Tensor).reshape([-1]), x);
      }
    }
    expect(nn.summary(new Flat(), [16]).memory.activations).toBe(3 * bytes);
  });

  test('of a model without says nothing of it', () => {
    const summary = nn.summary(nn.sequential([16], inner()));
    expect('activationsWithoutRecompute' in summary.memory).toBe(false);
    expect(String(summary)).not.toMatch(/recompute/);
  });
});
