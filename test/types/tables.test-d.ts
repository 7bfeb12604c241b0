import { describe, expectTypeOf, it } from 'vitest';
import { data, losses, nn, optim, Trainer, type Tensor } from 'anneal';

const { embedding, oneHot, standardize, bagOfWords, tokens } = data.columns;
const rows: readonly data.Row[] = [];

describe('rows of files', () => {
  it('have the types of the schema', async () => {
    const reader = data.csv('cars.csv', { schema: { name: 'text', power: 'number', made: 'date', fast: 'boolean', origin: 'category', id: 'ignore', price: (text) => BigInt(text) } });
    for await (const row of reader) {
      expectTypeOf(row).toEqualTypeOf<{ readonly name: string | null; readonly power: number | null; readonly made: Date | null; readonly fast: boolean | null; readonly origin: string | null; readonly price: bigint | null }>();
    }
    expectTypeOf(data.csv('cars.csv').read()).resolves.toEqualTypeOf<{ readonly [column: string]: string | null }[]>();
    // @ts-expect-error there is no such kind
    data.csv('cars.csv', { schema: { power: 'float' } });
    // @ts-expect-error there is no such option
    data.csv('cars.csv', { separator: ';' });
  });
});

describe('tables', () => {
  it('have the parts that were asked for, and the inputs of their columns', async () => {
    const table = await data.table(rows, { numeric: ['a'], target: { kind: 'category' }, split: { test: 0.2 } });
    expectTypeOf(table.pipeline.shape).toEqualTypeOf<[number]>();
    expectTypeOf(table.validation).toEqualTypeOf<undefined>();
    expectTypeOf(table.test.size).toEqualTypeOf<number>();
    expectTypeOf(table.pipeline.target.classNames).toEqualTypeOf<readonly string[]>();
    const records = await data.table(rows, { numeric: ['a'], columns: { city: embedding(), note: bagOfWords({ sparse: true }) }, target: { price: { kind: 'number' } } });
    expectTypeOf(records.pipeline.shape).toEqualTypeOf<{ features: [number]; city: []; note: [number]; noteWeights: [number] }>();
    const ordered = await data.table(rows, { columns: { note: tokens() }, split: { test: 0.2 } });
    expectTypeOf(ordered.pipeline.shape).toEqualTypeOf<{ note: [number]; noteLengths: [] }>();
    expectTypeOf(ordered.positions.test).toEqualTypeOf<Int32Array>();
    expectTypeOf(ordered.positions.validation).toEqualTypeOf<undefined>();
    expectTypeOf(records.pipeline.target.std).toEqualTypeOf<number>();
    // A column is called as it likes, also as what texts have.
    const matches = await data.table(rows, { columns: { match: tokens() } });
    for (const [{ match, matchLengths }] of data.loader(matches.train.subset([0]))) expectTypeOf([match, matchLengths] as const).toEqualTypeOf<readonly [Tensor<[number, number], 'int32' | 'float32'>, Tensor<[number], 'int32' | 'float32'>]>();
    const only = await data.table(rows, { columns: { city: embedding() } });
    expectTypeOf(only.pipeline.shape).toEqualTypeOf<{ city: [] }>();
    expectTypeOf(data.pipeline({ columns: { a: [standardize()], b: oneHot() } }).row({})).toEqualTypeOf<Float32Array>();
    // @ts-expect-error there is no such option
    void data.table(rows, { numerical: ['a'] });
  });

  it('fit their models, and losses their targets', async () => {
    const { train, pipeline } = await data.table(rows, { numeric: ['a'], target: { kind: 'category' } });
    const model = nn.sequential([pipeline.shape[0]], nn.linear(pipeline.shape[0], 3));
    const optimizer = optim.adam(model.parameters());
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, pipeline });
    void trainer.fit(train);
    expectTypeOf((await trainer.predictRow({})).label).toEqualTypeOf<string>();
    const unlabelled = await data.table(rows, { numeric: ['a'] });
    // @ts-expect-error the data has no targets
    void trainer.fit(unlabelled.train);
    const numbers = await data.table(rows, { numeric: ['a'], target: { price: 'number' } });
    expectTypeOf((await new Trainer(model, { loss: losses.meanSquaredError, optimizer, pipeline: numbers.pipeline }).predictRow({})).value).toEqualTypeOf<number>();
  });
});

describe('windows', () => {
  it('have a shape by their length and their series', () => {
    expectTypeOf(data.windows(new Float32Array(9), { length: 3 }).shape).toEqualTypeOf<[3]>();
    expectTypeOf(data.windows([[1, 2]], { length: 3, y: 'none' }).shape).toEqualTypeOf<[3, number]>();
    expectTypeOf(data.windows(new Float32Array(9), { length: 3, shape: [2], y: new Int32Array(3) })).toEqualTypeOf<data.Dataset<[3, 2], [], 'int32', 'float32'>>();
    const [inputs] = [...data.loader(data.windows(new Float32Array(9), { length: 3 }))][0]!;
    expectTypeOf(inputs).toEqualTypeOf<Tensor<[number, 3], 'float32'>>();
  });
});
