import { describe, expect, it } from 'vitest';
import { add, data, embedding, load, losses, metrics, nn, optim, scaledDotProductAttention, tensor, text, Trainer, zeros } from 'anneal';

const planned = process.env['ANNEAL_DEBUG'] !== '1';

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

it('an error of layers within layers has the line of the call, and leaves the limit of stacks as it was', () => {
  const inner = nn.transformerEncoder(nn.transformerEncoderLayer(4, 2, { dimFeedforward: 4 }), 1);
  const mine = (): unknown => inner.forward(zeros([2, 3, 4]), { mask: zeros([2, 3]) });
  const before = Error.stackTraceLimit;
  try {
    for (const limit of [10, 0]) {
      Error.stackTraceLimit = limit;
      let thrown: Error | undefined;
      try {
        mine();
      } catch (error) {
        thrown = error as Error;
      }
      expect(thrown!.stack!.includes('at mine ')).toBe(limit === 10);
      expect(Error.stackTraceLimit).toBe(limit);
    }
  } finally {
    Error.stackTraceLimit = before;
  }
});

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

  it('fit(table) names its part for training', async () => {
    const table = await data.table([{ a: 1, b: 'x' }, { a: 2, b: 'y' }], { numeric: ['a'], target: { b: 'category' } });
    expect(await said(() => trainer.fit(table as never))).toBe('[fit] the data: got an Object, expected a dataset, a stream or a loader. Pass a part of the table: table.train.');
  });

  it('labels that are floats are told from probabilities, also beside ignoreIndex', async () => {
    const loss = losses.crossEntropy.with({ ignoreIndex: -100 });
    expect(await said(() => loss(tensor([1, 2], { dtype: 'int32' }) as never, zeros([2, 3]) as never))).toBe('[crossEntropy] logits and targets are exchanged: got logits int32 [2], targets float32 [2,3], expected logits first. Call crossEntropy(logits, targets).');
    expect(await said(() => loss(zeros([2, 3]), tensor([1, 2]) as never))).toMatch(/^\[crossEntropy\] the targets are no class indices: .* Cast them: targets\.cast\('int32'\)\.$/);
    expect(await said(() => loss(zeros([2, 3]), zeros([2, 4]) as never))).toMatch(/^\[crossEntropy\] the shapes do not fit/);
    expect(await said(() => loss(zeros([2, 3]), zeros([2, 3]) as never))).toMatch(/ignoreIndex beside probabilities/);
  });

  it('fit({ validation: 0.2 }) and fit({ resume: true }) name what is meant', async () => {
    expect(await said(() => trainer.fit(points, { validation: 0.2 as never }))).toBe('[fit] validation: got 0.2, expected a dataset, a stream or a loader. Of a share of the data say { validationSplit: 0.2 }.');
    expect(await said(() => trainer.fit(points, { validation: [x, y] as never }))).toMatch(/^\[fit\] validation: got an Array, expected a dataset, a stream or a loader\./);
    expect(await said(() => trainer.fit(points, { resume: true as never }))).toBe("[fit] resume: got true, expected 'latest', or the path of a checkpoint. Where training is to begin anew, leave it out.");
  });

  it('a tensor in the place of its number names item()', async () => {
    const loss = losses.crossEntropy(zeros([1, 2]), tensor([1], { dtype: 'int32' })) as unknown as number;
    const advice = /^\[tensor\] got Tensor\(\w+, \[\], float32\) as an operand of JavaScript's, as of \+ or <, expected a number\. Read it first: await tensor\.item\(\)\. Sums and comparisons of tensors are ops: a\.add\(b\), a\.less\(b\)\.$/;
    for (const call of [() => 0 + loss, () => loss > 3, () => Number(loss), () => Math.round(loss)]) expect(await said(call)).toMatch(advice);
    expect(await said(() => Number(zeros([2])))).toMatch(/await tensor\.data\(\)/);
    expect([`${String(loss)}`, `${loss}`, [loss].join()]).toEqual(Array.from({ length: 3 }, () => expect.stringMatching(/^Tensor\(\w+, \[\], float32\)$/)));
  });

  it('tokens that are no tensor are to be an int32 one', async () => {
    const advice = /^\[embedding\] tokens is no tensor: got an Int32Array, expected a tensor\. Make one: tensor\(values, \{ dtype: 'int32' \}\)\.$/;
    expect(await said(() => nn.embedding(4, 2).forward(Int32Array.of(1) as never))).toMatch(advice);
    expect(await said(() => embedding(Int32Array.of(1) as never, zeros([4, 2])))).toMatch(advice);
    expect(await said(() => scaledDotProductAttention(zeros([1, 1, 3, 4]), zeros([1, 1, 3, 4]), zeros([1, 1, 3, 4]), { keyLengths: [2] as never }))).toMatch(/keyLengths is no tensor: .* Make one: tensor\(values, \{ dtype: 'int32' \}\)\.$/);
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
    expect(await said(() => data.fromText(() => ['a'], { blockSize: 4 } as never))).toMatch(/Did you mean context\?$/);
    expect(await said(() => text.words('a', { vocab_size: 4 } as never))).toMatch(/Did you mean maxWords\?$/);
    expect(await said(() => nn.transformerEncoderLayer(4, 2, { batch_first: true } as never))).toMatch(/The batch is in front everywhere; leave it out\.$/);
    const attend = (options: object) => said(() => nn.transformerEncoderLayer(4, 2).forward(zeros([1, 2, 4]), options));
    expect(await attend({ src_key_padding_mask: 1 })).toMatch(/Padding is told by lengths, as data\.padded hands them along: \{ keyLengths \}, of a memory \{ memoryKeyLengths \}\.$/);
    expect(await attend({ src_mask: 1 })).toMatch(/Did you mean mask\?$/);
    const generate = (options: object) => said(() => text.generate(model, [1], options));
    for (const name of ['num_beams', 'beams']) expect(await generate({ [name]: 4 })).toMatch(/Beam search is a function of its own: text\.beamSearch\(model, prompt, \{ beams: 4 \}\)\.$/);
    expect(await generate({ do_sample: true })).toMatch(/What is written is drawn, unless temperature is 0; leave it out\.$/);
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
    expect(await said(() => losses.crossEntropy(logits, tensor([1, -100], { dtype: 'int32' })).item())).toBe(
      '[crossEntropy] index out of range at position 1: got -100, expected an integer in [0, 2). Where it stands for no label, as behind the end of a sequence, leave it out: losses.crossEntropy.with({ ignoreIndex: -100 }).',
    );
    const keys = zeros([2, 1, 3, 4]);
    const tooLong = await said(() => scaledDotProductAttention(keys, keys, keys, { keyLengths: tensor([3, 4], { dtype: 'int32' }) }).data());
    expect(tooLong).toMatch(planned ? /^\[scaledDotProductAttention\] length out of range at position 1: got 4, expected an integer in \[0, 4\)\. A length counts the elements of an example in front of its padding, 3 at most\.$/ : /out of range at position 1: got 4/);
    expect(await said(() => losses.crossEntropy.with({ labelSmoothing: 0.1 })(logits, tensor([1, 2], { dtype: 'int32' })).item())).toMatch(/^\[crossEntropy\] index out of range at position 1/);
    expect(await said(() => logits.gather(tensor([2], { dtype: 'int32' })).data())).toBe('[gather] index out of range at position 0: got 2, expected an integer in [0, 2). Correct the indices.');
  });

  it('articles fit what follows', async () => {
    expect(await said(() => add(Int32Array.of(1) as never, tensor([1])))).toMatch(/got an Int32Array, /);
    expect(await said(() => tensor([[1, {}]] as never))).toMatch(/got an Object at \[0\]\[1\]/);
  });
});
