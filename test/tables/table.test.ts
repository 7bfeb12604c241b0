import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { data, losses, nn, optim, seed, train as training, Trainer, type Tensor } from 'anneal';

const { embedding, standardize } = data.columns;
const people = Array.from({ length: 100 }, (_, i) => ({
  id: `p${i}`, age: i % 9 === 0 ? null : 20 + (i % 50), city: ['Oslo', 'Bergen', 'Ålesund'][i % 3]!, when: new Date(Date.UTC(2024, 0, 1 + i)), family: i % 7, note: i % 2 === 0 ? 'moved out' : 'stays', moved: i % 2 === 0 ? 'yes' : 'no', paid: i % 5 === 0 ? null : 2 * i,
}));
const loaded = async (dataset: data.Dataset<never, never, never, never>): Promise<[x: unknown[], y: unknown[]]> => {
  const [[x, y]] = [...data.loader(dataset as never, { batchSize: dataset.size })] as unknown as [[Tensor, Tensor]];
  return [(await x.array()) as unknown[], (await y.array()) as unknown[]];
};

describe('table', () => {
  it('makes inputs of columns by their kind, and learns from the training part alone', async () => {
    const { train, test, validation, pipeline } = await data.table(people, { numeric: ['age'], categorical: ['city'], date: ['when'], text: ['note'], target: { moved: 'category' }, split: { test: 0.2, validation: 0.1, seed: 3 } });
    expect([train.size, validation.size, test.size]).toEqual([70, 10, 20]);
    expect(pipeline.shape).toEqual([1 + 1 + 3 + 4 + 512]);
    expect(pipeline.classNames).toEqual(['no', 'yes']);
    const [x] = await loaded(train as never);
    const ages = x.map((row) => (row as number[])[0]!);
    expect(ages.reduce((a, b) => a + b, 0) / 70).toBeCloseTo(0, 5);
    expect(Math.sqrt(ages.reduce((a, b) => a + b * b, 0) / 70)).toBeCloseTo(1, 5);
    const fewer = await data.table(people, { numeric: ['age'], target: { moved: 'category' }, split: { test: 0.2, seed: 3 } });
    expect((await loaded(fewer.test as never))[1]).toEqual((await loaded(test as never))[1]);
    const all = await data.table(people, { numeric: ['age'], target: { moved: 'category' } });
    expect(all.test).toBeUndefined();
    expect(all.train.size).toBe(100);
    expect(JSON.stringify(all.pipeline)).not.toBe(JSON.stringify(fewer.pipeline));
  });

  it('knows classes that are in the test alone', async () => {
    const rare = people.map((row, i) => ({ ...row, moved: i === 99 ? 'abroad' : row.moved }));
    const { test, pipeline } = await data.table(rare, { numeric: ['family'], target: { moved: 'category' }, split: { test: 0.2, time: 'when' } });
    expect(pipeline.classNames).toEqual(['abroad', 'no', 'yes']);
    expect(((await loaded(test as never))[1] as number[]).at(-1)).toBe(0);
    const ordered = await data.table(people, { numeric: ['family'], target: { moved: { kind: 'category', classes: ['yes', 'no', 'maybe'] } } });
    expect([ordered.pipeline.classNames, ordered.train.classes]).toEqual([['yes', 'no', 'maybe'], 3]);
    await expect(data.table(rare, { numeric: ['family'], target: { moved: { kind: 'category', classes: ['no', 'yes'] } } })).rejects.toThrow("column 'moved': got 'abroad', expected one of no, yes.");
  });

  it('splits by time, groups, hash and classes', async () => {
    const base = { numeric: ['family'], columns: { id: embedding() }, target: { moved: 'category' } } as const;
    const byTime = await data.table(people.toReversed(), { numeric: ['family'], target: { paid: 'number' }, onMissingTarget: 'skip', split: { test: 0.25, time: 'when' } });
    const late = (await loaded(byTime.test as never))[1] as number[][];
    const early = (await loaded(byTime.train as never))[1] as number[][];
    expect(Math.max(...early.flat())).toBeLessThan(Math.min(...late.flat()));
    expect(byTime.missingTargets).toBe(20);
    const { test } = await data.table(people.map((row) => ({ ...row, aim: row.family })), { numeric: ['age'], target: { aim: 'number' }, split: { test: 0.3, groups: 'family' } });
    const families = new Set(((await loaded(test as never))[1] as number[][]).flat());
    expect(families.size).toBe(2);
    expect(test.size).toBe(people.filter(({ family }) => families.has(family)).length);
    const whole = await data.table(people, { ...base, split: { test: 0.3, hash: 'id' } });
    const part = await data.table(people.slice(0, 50), { ...base, split: { test: 0.3, hash: 'id' } });
    expect(whole.test.size).toBeGreaterThan(part.test.size);
  });

  it('says which rows its parts have', async () => {
    const base = { numeric: ['age'], onMissingTarget: 'skip' } as const;
    const { train, validation, test, positions, missingTargets } = await data.table(people, { ...base, target: { paid: 'number' }, split: { test: 0.25, validation: 0.25, groups: 'family', seed: 2 } });
    expect(missingTargets).toBe(20);
    for (const [part, dataset] of [[positions.train, train], [positions.validation, validation], [positions.test, test]] as const) {
      expect((await loaded(dataset as never))[1]).toEqual(Array.from(part, (i) => [people[i]!.paid]));
    }
    const all = [...positions.train, ...positions.validation, ...positions.test];
    expect(all.toSorted((a, b) => a - b)).toEqual(people.flatMap(({ paid }, i) => (paid === null ? [] : [i])));
    const whole = await data.table(people, { numeric: ['age'], target: { moved: 'category' } });
    expect([[...whole.positions.train], whole.positions.test]).toEqual([people.map((_, i) => i), undefined]);
  });

  it('keeps the shares of classes', async () => {
    const rare = people.map((row, i) => ({ ...row, moved: i % 10 === 0 ? 'yes' : 'no' }));
    const { test, train } = await data.table(rare, { numeric: ['family'], target: { moved: 'category' }, split: { test: 0.3, stratify: true } });
    const yes = async (part: unknown): Promise<number> => ((await loaded(part as never))[1] as number[]).reduce((a, b) => a + b, 0);
    expect([await yes(test), await yes(train)]).toEqual([3, 7]);
  });

  it('stands on its own feet where columns have embeddings', async () => {
    const { train, pipeline } = await data.table(people, { numeric: ['age'], columns: { city: embedding(), family: standardize() }, target: { paid: { kind: 'number', standardize: true } }, onMissingTarget: 'skip' });
    expect(pipeline.shape).toEqual({ features: [3], city: [] });
    expect(pipeline.embeddings).toEqual({ city: 4 });
    expect(train.targetShape).toEqual([1]);
    const [inputs] = [...data.loader(train, { batchSize: 80 })][0]!;
    expect([(inputs as unknown as Record<string, Tensor>)['city']!.dtype, train.size]).toEqual(['int32', 80]);
  });

  describe('of a file', () => {
    let folder: string;
    beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'anneal-table-'))));
    afterAll(() => rmSync(folder, { recursive: true }));
    const options = { numeric: ['age'], categorical: ['city'], target: { moved: 'category' } } as const;

    it('reads the columns that it needs, by the name of the file', async () => {
      const csv = `id,age,city,moved,more\n${people.map(({ id, age, city, moved }) => `${id},${age ?? 'NA'},${city},${moved},x`).join('\n')}\nlast,old,Oslo,no,x\n`;
      const lines = people.map((row) => JSON.stringify(row)).join('\n');
      writeFileSync(join(folder, 'people.csv'), csv);
      writeFileSync(join(folder, 'people.jsonl'), lines);
      const fromCsv = await data.table(join(folder, 'people.csv'), { ...options, read: { missing: ['NA'], onBadRow: 'skip' } });
      expect([fromCsv.train.size, fromCsv.skippedRows, fromCsv.skipped[0]?.line]).toEqual([100, 1, 102]);
      const fromLines = await data.table(join(folder, 'people.jsonl'), options);
      expect(JSON.stringify(fromLines.pipeline)).toBe(JSON.stringify((await data.table(people, options)).pipeline));
      expect(JSON.stringify(fromCsv.pipeline)).toBe(JSON.stringify(fromLines.pipeline));
      const reader = data.csv(join(folder, 'people.csv'), { schema: { age: 'number', city: 'category', moved: 'category' }, otherColumns: 'ignore', missing: ['NA'], onBadRow: 'skip' });
      expect((await data.table(reader, options)).skippedRows).toBe(1);
      await expect(data.table(reader, { ...options, read: { missing: [] } })).rejects.toThrow('[data.table] read: got it for rows that have a reader, expected it for a path.');
      await expect(data.table(join(folder, 'people.xls'), options)).rejects.toThrow('expected one that ends with .csv, .tsv, .jsonl, .parquet or .arrow');
      await expect(data.table(join(folder, 'people.csv'), { ...options, numeric: ['agee'] })).rejects.toThrow("has no column 'agee': got id, age, city, moved, more, expected those that were asked for. Did you mean 'age'?");
    });
  });

  it.each<[object, string]>([
    [{ numeric: ['age'], target: 'moved' }, "[data.pipeline] target: got 'moved', expected one column and its kind, as in { target: { species: 'category' } } or { target: { price: 'number' } }."],
    [{ numeric: ['age'], target: { moved: 'class' } }, "[data.pipeline] unknown target.moved: got 'class', expected one of 'category', 'number'."],
    [{ numeric: ['age'], target: { moved: { kind: 'category', classes: ['no'] } } }, "[data.pipeline] target.moved.classes: got ['no'], expected at least two names that differ, as in ['no', 'yes']."],
    [{ numeric: ['age', 'paid'], target: { paid: 'number' } }, "[data.pipeline] columns: got 'paid', which is the target, expected it only there."],
    [{ numeric: ['age'], categorical: ['age'] }, "[data.table] columns: got 'age' twice, expected it in one place."],
    [{}, "[data.table] columns: got none, expected some, as in { numeric: ['age'], categorical: ['city'] }."],
    [{ numeric: 'age' }, "[data.table] numeric: got 'age', expected names of columns, as in ['age']."],
    [{ numerical: ['age'] }, '[data.table] unknown option: got numerical, expected one of numeric'],
    [{ numeric: ['city'] }, "[pipeline.fit] column 'city', row 0: got 'Oslo', expected a number. Read it as a number: data.csv(path, { schema: { city: 'number' } }), or Number(text)."],
    [{ numeric: ['agee'] }, "[pipeline.fit] row 0 has no column 'agee': got id, age, city, when, family, note, moved, paid, expected it. Did you mean 'agee' by 'age'?"],
    [{ numeric: ['age'], target: { paid: 'number' } }, "[pipeline.fit] target 'paid', row 0: got null, expected a value. Drop the row: rows.filter((row) => row['paid'] !== null), or data.table(rows, { onMissingTarget: 'skip' })."],
    [{ numeric: ['age'], split: { test: 1.5 } }, '[data.table] split.test: got 1.5, expected a share of the rows between 0 and 1, as in { test: 0.2 }.'],
    [{ numeric: ['age'], split: { test: 0.5, validation: 0.5 } }, '[data.table] split: got 0.5 for validation and 0.5 for the test, expected some rows that are left for training.'],
    [{ numeric: ['age'], split: {} }, '[data.table] split: got neither validation nor test'],
    [{ numeric: ['age'], split: { test: 0.2, time: 'age' } }, "[data.table] column 'age', row 0: got null, expected a value to split by."],
    [{ numeric: ['age'], split: { test: 0.2, stratify: true } }, '[split] stratify: got float targets, expected class indices.'],
  ])('says what is wrong: %o', async (options, message) => {
    await expect(data.table(people, options as never)).rejects.toThrow(message);
  });

  it('does not make thousands of numbers of a column of categories unasked', async () => {
    const many = people.flatMap((row) => [1, 2, 3].map((k) => ({ ...row, id: `${row.id} ${k}` })));
    await expect(data.table(many, { categorical: ['id'], target: { moved: 'category' } })).rejects.toThrow("[data.table] column 'id': got 300 categories, expected at most 256. Give it an embedding, { columns: { id: data.columns.embedding() } }");
  });
});

describe('predictions of rows', () => {
  it('of classes are those of predict(), by their names', async () => {
    seed(4);
    const { train, pipeline } = await data.table(people, { numeric: ['age'], categorical: ['city'], target: { moved: 'category' } });
    const [width] = pipeline.shape;
    const model = nn.sequential([width], nn.linear(width, 8), nn.dropout(0.5), nn.linear(8, 2));
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters()), pipeline });
    await trainer.fit(train);
    const logits = await (await trainer.predict(train)).array();
    const served = training.predictor(nn.sequential([width], ...model.layers), data.Pipeline.fromJSON(JSON.parse(JSON.stringify(pipeline))));
    const all = await served.rows(people);
    for (const i of [0, 17]) {
      const { label, probability, probabilities } = await trainer.predictRow(people[i]!);
      const [no, yes] = logits[i]!.map(Math.exp) as [number, number];
      expect(probabilities['yes']).toBeCloseTo(yes / (no + yes), 6);
      expect(label).toBe(yes > no ? 'yes' : 'no');
      expect(probability).toBe(probabilities[label]);
      expect(all[i]).toEqual({ label, index: Number(label === 'yes'), probability, probabilities });
    }
    expect(model.training).toBe(true);
  });

  it('of numbers are in the units of the table', async () => {
    const rows = Array.from({ length: 200 }, (_, i) => ({ a: i % 20, price: 1000 + 50 * (i % 20) }));
    const { train, pipeline } = await data.table(rows, { numeric: ['a'], target: { price: { kind: 'number', standardize: true } } });
    const model = nn.sequential([1], nn.linear(1, 1));
    const trainer = new Trainer(model, { loss: losses.meanSquaredError, optimizer: optim.adam(model.parameters(), { lr: 0.1 }), pipeline });
    await trainer.fit(train, { epochs: 60, batchSize: 50 });
    expect((await trainer.predictRow({ a: 10 })).value).toBeCloseTo(1500, -1);
  });

  it('take probabilities as they are, of two classes also from one output', async () => {
    const { pipeline } = await data.table(people, { numeric: ['family'], target: { moved: 'category' } });
    const row = { family: 3 };
    const linear = nn.linear(1, 2);
    const logits = await training.predictor(nn.sequential([1], linear), pipeline).row(row);
    class Softmaxed extends nn.Module<[1], [2]> {
      override forward(x: Tensor): Tensor {
        return linear.forward(x as never).softmax(1) as Tensor;
      }
    }
    expect(await training.predictor(new Softmaxed(), pipeline).row(row)).toEqual(logits);
    const one = nn.linear(1, 1);
    const plain = await training.predictor(nn.sequential([1], one), pipeline).row(row);
    expect(await training.predictor(nn.sequential([1], one, nn.sigmoid()), pipeline).row(row)).toEqual(plain);
    expect(plain.probabilities['no']! + plain.probabilities['yes']!).toBeCloseTo(1, 6);
  });

  it('say what is wrong', async () => {
    const { pipeline } = await data.table(people, { numeric: ['family'], target: { moved: 'category' } });
    const model = nn.sequential([1], nn.linear(1, 3));
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters()) });
    await expect(trainer.predictRow({ family: 1 })).rejects.toThrow('[predictRow] pipeline: got none, expected that of the table. Give it to the trainer: new Trainer(model, { loss, optimizer, pipeline }).');
    expect(() => training.predictor(model, pipeline)).toThrow('[Predictor] classes: got 2 for a model of 3 outputs, expected as many, or one output for two classes. Give the last layer as many outputs.');
    await expect(training.predictor(nn.sequential([1], nn.linear(1, 2)), pipeline).row({ famly: 1 })).rejects.toThrow("has no column 'family': got famly, expected it. Did you mean 'family' by 'famly'?");
    await expect(training.predictor(nn.sequential([1], nn.linear(1, 2)), pipeline).row({ family: '1' })).rejects.toThrow("column 'family': got '1', expected a number");
    expect(() => training.predictor(model, data.pipeline({ columns: { family: standardize() } }))).toThrow('[train.predictor] pipeline: got one that has learned nothing yet, expected a fitted data.Pipeline');
    expect(() => training.predictor({} as never, pipeline)).toThrow('[train.predictor] model: got an Object, expected a Module');
    expect(() => new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters()), pipeline: {} as never })).toThrow('[Trainer] pipeline: got an Object, expected a fitted data.Pipeline');
  });
});
