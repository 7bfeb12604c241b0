import { describe, expect, it } from 'vitest';
import { add, data, load, losses, metrics, nn, optim, tensor, Trainer } from 'anneal';

const x = Float32Array.of(1, 2, 3, 4);
const y = Int32Array.of(0, 1);
const points = data.fromArrays({ x, y, shape: [2] });
const model = nn.sequential([2], nn.linear(2, 2));
const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer });

/** Message of a call that TypeScript would not let through. */
async function said(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing';
}

describe('messages to those who come from elsewhere', () => {
  it('fit(x, y) wants a dataset, evaluate(x, y) too', async () => {
    expect(await said(() => trainer.fit(x as never, y as never))).toBe('[fit] the data: got a Float32Array, expected a dataset, a stream or a loader. Make one of inputs and targets: data.fromArrays({ x, y, shape }).');
    expect(await said(() => trainer.evaluate([[1, 2]] as never, [0] as never))).toMatch(/^\[evaluate\] the data: got an Array, .*data\.fromArrays/);
    expect(await said(() => trainer.fit(points, y as never))).toMatch(/^\[fit\] options: got an Int32Array, expected an object such as \{ epochs: \.\.\. \}/);
    expect(await said(() => trainer.fit(Promise.resolve(points) as never))).toMatch(/the data: got a Promise, which has to be awaited, expected/);
  });

  it('predict(row) names tensor([row])', async () => {
    for (const row of [x, [1, 2]]) expect(await said(() => trainer.predict(row as never))).toMatch(/^\[predict\] the data: got an? \w+, expected a tensor, .*Make a tensor with the batch in front: tensor\(\[row\]\), or tensor\(row, \{ shape: \[1, row\.length\] \}\)\.$/);
  });

  it('options of other libraries are translated', async () => {
    const adam = (options: object) => said(() => optim.adam(model.parameters(), options));
    for (const name of ['learningRate', 'learning_rate', 'LR']) expect(await adam({ [name]: 0.1 })).toMatch(/Did you mean lr\?$/);
    for (const name of ['weight_decay', 'decay', 'l2']) expect(await adam({ [name]: 0.1 })).toMatch(/Did you mean weightDecay\?$/);
    expect(await adam({ beta_1: 0.9 })).toMatch(/Did you mean betas\?$/);
    expect(await adam({ epsilon: 0.9 })).toMatch(/Did you mean eps\?$/);
    const fit = (options: object) => said(() => trainer.fit(points, options));
    for (const [name, right] of Object.entries({ batch_size: 'batchSize', validation_data: 'validation', validationData: 'validation', val_split: 'validationSplit', n_epochs: 'epochs', random_state: 'seed', class_weight: 'classWeights', max_norm: 'clip', gradient_accumulation_steps: 'accumulate' })) {
      expect(await fit({ [name]: 1 })).toMatch(new RegExp(`got ${name}, .*Did you mean ${right}\\?$`));
    }
    expect(await fit({ verbose: 1 })).toMatch(/pass \{ callbacks: \[train\.progress\(\)\] \}\.$/);
    expect(await fit({ sample_weight: 1 })).toMatch(/Weights belong to the data/);
    expect(await said(() => new Trainer(model, { criterion: losses.crossEntropy, optimizer } as never))).toMatch(/Did you mean loss\?$/);
    expect(await said(() => tensor([1]).sum({ dim: 0 } as never))).toMatch(/Did you mean axis\?$/);
    expect(await said(() => metrics.accuracy({ ignore_index: 1 } as never))).toMatch(/Did you mean ignoreIndex\?$/);
    // What is like nothing is not guessed at.
    expect(await fit({ zzzzzz: 1 })).toMatch(/checkFinite, checkpoint, resume\.$/);
  });

  it('a forgotten await is named', async () => {
    expect(await said(() => model.loadStateDict(load('no such file').catch(() => undefined) as never))).toBe(
      '[loadStateDict] state: got a Promise, which has to be awaited, expected arrays by name. Pass what stateDict() gave, or await load(path).',
    );
    expect(await said(() => trainer.loadStateDict(Promise.resolve() as never))).toMatch(/state: got a Promise, which has to be awaited/);
    expect(await said(() => add(Promise.resolve(1) as never, tensor([1])))).toMatch(/got a Promise, which has to be awaited/);
  });

  it('labels that count from 1 are told so while a step runs, and indices are not called labels', async () => {
    const logits = tensor([[1, 2], [3, 4]]);
    expect(await said(() => losses.crossEntropy(logits, tensor([1, 2], { dtype: 'int32' })).item())).toBe(
      '[crossEntropy] index out of range at position 1: got 2, expected an integer in [0, 2). Classes count from 0: where labels begin at 1, subtract 1 from each; or give the model more classes.',
    );
    expect(await said(() => losses.crossEntropy(logits, tensor([1, 7], { dtype: 'int32' })).item())).toMatch(/Check the labels, or the number of classes that the model gives\.$/);
    expect(await said(() => losses.crossEntropy.with({ labelSmoothing: 0.1 })(logits, tensor([1, 2], { dtype: 'int32' })).item())).toMatch(/^\[crossEntropy\] index out of range at position 1/);
    expect(await said(() => logits.gather(tensor([2], { dtype: 'int32' })).data())).toBe('[gather] index out of range at position 0: got 2, expected an integer in [0, 2). Correct the indices.');
  });

  it('articles fit what follows', async () => {
    expect(await said(() => add(Int32Array.of(1) as never, tensor([1])))).toMatch(/got an Int32Array, /);
    expect(await said(() => tensor([[1, {}]] as never))).toMatch(/got an Object at \[0\]\[1\]/);
  });
});
