// Columns of texts as tokens: words that are learned from the training rows, their order, lengths, and the JSON of it.
import { expect, test } from 'vitest';
import { data, losses, nn, optim, Predictor, seed, Trainer, type Tensor } from 'anneal';

const { tokens } = data.columns;
const notes = [{ note: "Don't stop, don't!" }, { note: 'stop 12 now' }, { note: null }];
const fitted = (options: data.columns.TokensOptions, rows: readonly data.Row[] = notes) => data.pipeline({ columns: { note: tokens(options) } }).fit(rows);
const row = (pipeline: data.Pipeline, note: unknown): [number[], number] => {
  const { note: all, noteLengths } = pipeline.row({ note }) as unknown as Record<string, Int32Array>;
  return [[...all!], noteLengths![0]!];
};

test('are words, numbers and signs in their order, the most frequent first, behind padding and the unknown', async () => {
  const pipeline = await fitted({});
  expect(JSON.parse(JSON.stringify(pipeline))).toMatchObject({ columns: [{ kind: 'tokens', words: ["don't", 'stop', '!', ',', '12', 'now'], count: 5 }] });
  expect(pipeline.embeddings).toEqual({ note: 8 });
  expect([pipeline.shape, pipeline.dtype]).toEqual([{ note: [5], noteLengths: [] }, { note: 'int32', noteLengths: 'int32' }]);
  expect(row(pipeline, "Don't stop, don't!")).toEqual([[2, 3, 5, 2, 4], 5]);
  expect(row(pipeline, 'STOP\tit 12')).toEqual([[3, 1, 6, 0, 0], 3]);
});

test('are at most so many, the first ones', async () => {
  const pipeline = await fitted({ maxTokens: 3 });
  expect(pipeline.shape).toEqual({ note: [3], noteLengths: [] });
  expect(row(pipeline, 'now stop now stop')).toEqual([[7, 3, 7], 3]);
});

test('of a gap, and of a text without words, are one that is unknown, so that means over them are numbers', async () => {
  const pipeline = await fitted({});
  for (const nothing of [null, undefined, '', ' \n']) expect(row(pipeline, nothing)).toEqual([[1, 0, 0, 0, 0], 1]);
  expect((await fitted({}, [{ note: '' }, { note: 'x' }])).shape).toEqual({ note: [1], noteLengths: [] });
});

test('have the words that come up often enough, of equal ones the first by name', async () => {
  expect((await fitted({ minCount: 2 })).embeddings).toEqual({ note: 4 });
  const two = await fitted({ maxWords: 3 });
  expect(row(two, "don't stop ! ,")).toEqual([[2, 3, 4, 1, 0], 4]);
  expect(row(await fitted({ lowercase: false }), "Don't don't")).toEqual([[6, 7, 0, 0, 0], 2]);
  await expect(fitted({ minCount: 9 })).rejects.toThrow("[pipeline.fit] column 'note': got no word that the rows have 9 times, expected one. Give a lower minCount.");
});

test('are those of the pipeline that was saved', async () => {
  const pipeline = await fitted({ maxTokens: 4 });
  const again = data.Pipeline.fromJSON(JSON.parse(JSON.stringify(pipeline)));
  for (const note of ["don't stop now 12!", 'été', null]) expect(again.row({ note })).toEqual(pipeline.row({ note }));
  const json = (over: object): unknown => ({ format: 'anneal.pipeline', version: 1, absent: 'error', columns: [{ column: 'note', kind: 'tokens', words: ['a'], lowercase: true, count: 4, ...over }], target: null });
  expect(data.Pipeline.fromJSON(json({})).embeddings).toEqual({ note: 3 });
  expect(() => data.Pipeline.fromJSON(json({ words: ['a', 'a'] }))).toThrow('columns[0].words: got ["a","a"], expected strings that all differ');
  expect(() => data.Pipeline.fromJSON(json({ count: 0 }))).toThrow('columns[0].count: got 0, expected an integer in [1, 65536]');
  expect(() => data.Pipeline.fromJSON(json({ count: 2 ** 30 }))).toThrow('expected an integer in [1, 65536]');
});

test('say what is wrong', async () => {
  expect(() => tokens({ maxTokens: 0 })).toThrow('[data.columns.tokens] maxTokens: got 0, expected an integer in [1, 65536].');
  expect(() => tokens({ maxWords: 1.5 })).toThrow('[data.columns.tokens] maxWords: got 1.5');
  expect(() => tokens({ minCount: -1 })).toThrow('[data.columns.tokens] minCount: got -1');
  expect(() => tokens({ length: 3 } as never)).toThrow('[data.columns.tokens] unknown option: got length, expected one of maxWords, minCount, maxTokens, lowercase');
  expect(() => tokens({ lowercase: 'yes' } as never)).toThrow('lowercase: got');
  await expect(fitted({}, [{ note: 7 }])).rejects.toThrow("[pipeline.fit] column 'note', row 0: got 7, expected a string.");
  const pipeline = data.pipeline({ columns: { note: tokens(), noteLengths: data.columns.embedding() } });
  await expect(pipeline.fit([{ note: 'a', noteLengths: 'b' }])).rejects.toThrow("got two fields of inputs that are called 'noteLengths'");
});

test('train a model that looks at the order of words, and answers rows', async () => {
  const rows = Array.from({ length: 64 }, (_, i) => ({ text: i % 2 === 0 ? `dog bites man ${'!'.repeat(i % 5)}` : `man bites dog ${'!'.repeat(i % 5)}`, kind: i % 2 === 0 ? 'usual' : 'news' }));
  const { train, pipeline } = await data.table(rows, { columns: { text: tokens() }, target: { kind: 'category' } });
  class Reader extends nn.Module<{ text: [number]; textLengths: [] }, [2]> {
    readonly words = nn.embedding(pipeline.embeddings['text']!, 8);
    readonly head = nn.linear(8, 2);

    override forward({ text }: { readonly text: Tensor<[number, number], 'int32'>; readonly textLengths: Tensor<[number], 'int32'> }): Tensor {
      return this.head.forward(this.words.forward(text).slice(0, 1, { axis: 1 }).reshape([-1, 8]));
    }
  }
  seed(1);
  const model = new Reader();
  await new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters(), { lr: 0.1 }) }).fit(train, { epochs: 3, batchSize: 16, shuffle: true });
  const predictor = new Predictor(model, { pipeline });
  expect((await predictor.rows([{ text: 'Man bites cat' }, { text: 'dog sleeps' }])).map(({ label }) => label)).toEqual(['news', 'usual']);
});
