// One file of a model: weights, what it is made of, and what its use takes.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AnnealError, data, load, loadMetadata, loadModel, losses, nn, openTensors, optim, Predictor, relu, save, tensor, Trainer, type Tensor } from 'anneal';

let root: string;
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), 'anneal-models-'))));
afterAll(() => rm(root, { recursive: true }));
let files = 0;
const file = (): string => join(root, `model-${files++}.safetensors`);

const x = Float32Array.from({ length: 40 * 4 }, (_, i) => Math.sin(i * 1.7));
const points = data.fromArrays({ x, y: Int32Array.from({ length: 40 }, (_, i) => i % 3), shape: [4] });
const build = () => nn.sequential([4], nn.linear(4, 8), nn.batchNorm1d(8), nn.relu(), nn.dropout(0.5), nn.linear(8, 3));

class Net extends nn.Module<[4], [3]> {
  readonly hidden = nn.linear(4, 8);
  readonly out = nn.linear(8, 3);
  override forward(input: Tensor): Tensor {
    return this.out.forward(relu(this.hidden.forward(input))) as Tensor;
  }
}

describe('loadModel', () => {
  it('gives back what was trained, without its layers being repeated, in evaluation mode', async () => {
    const model = build();
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters()) });
    await trainer.fit(points, { epochs: 2, batchSize: 10 });
    model.train();
    const path = file();
    await save(model, path, { classes: ['a', 'b', 'c'], temperature: 1.5, metadata: { epoch: '2' } });
    const opened = await loadModel(path);
    expect(String(opened.model)).toBe(String(model));
    expect(opened.model.training).toBe(false);
    expect(opened).toMatchObject({ classes: ['a', 'b', 'c'], temperature: 1.5, threshold: undefined, pipeline: undefined });
    expect(await (await opened.predict(points)).data()).toEqual(await (await trainer.predict(points)).data());
    expect(model.training).toBe(true);
    expect(await loadMetadata(path)).toEqual({ epoch: '2' });
    expect([...(await load(path)).keys()].toSorted()).toEqual([...model.stateDict().keys()].toSorted());
  });

  it('opens a folder of shards, and a Predictor that was saved', async () => {
    const predictor = new Predictor(build(), { classes: ['a', 'b', 'c'], normalize: { mean: [0.5, 0, 0, 1].map(Number)[0]!, std: 2 } });
    const at = join(root, 'folder');
    await save(predictor, at, { maxShardBytes: 64 });
    expect((await readdir(at)).length).toBeGreaterThan(2);
    const opened = await loadModel(at);
    expect(opened.toJSON()).toEqual(predictor.toJSON());
    const input = tensor([[1, 2, 3, 4]]);
    expect(await (await opened.predict(input)).data()).toEqual(await (await predictor.predict(input)).data());
    const again = file();
    await save(opened, again);
    expect((await loadModel(again)).toJSON()).toEqual(predictor.toJSON());
  });

  it('keeps a pipeline, so that one row is answered as in training', async () => {
    const rows = Array.from({ length: 30 }, (_, i) => ({ age: i, city: i % 2 === 0 ? 'Oslo' : 'Bergen', paid: 10 + 3 * i, moved: i > 15 ? 'yes' : 'no' }));
    const { oneHot, standardize } = data.columns;
    const pipeline = await data.pipeline({ columns: { age: standardize(), city: oneHot() }, target: { moved: 'category' } }).fit(rows);
    const model = nn.sequential([3], nn.linear(3, 2));
    const path = file();
    await save(model, path, { pipeline, threshold: 0.4 });
    const opened = await loadModel(path, { target: 'category' });
    expect(opened).toMatchObject({ classes: ['no', 'yes'], threshold: 0.4, kind: 'category' });
    const logits = await (model.forward(pipeline.batch([{ age: 3, city: 'Oslo' }]) as never) as Tensor).data();
    expect(await (await opened.predict([{ age: 3, city: 'Oslo' }])).data()).toEqual(logits);
    const { label, probabilities } = await opened.row({ age: 3, city: 'Oslo' });
    expect(label).toBe(probabilities['yes']! > 0.4 ? 'yes' : 'no');
    expect(await new Predictor(model, { pipeline, threshold: 0.4 }).row({ age: 3, city: 'Oslo' })).toEqual({ label, probabilities, index: Number(label === 'yes'), probability: probabilities[label] });
    await expect(opened.row({ age: 3, citty: 'Oslo' })).rejects.toThrow("[pipeline.batch] the row has no column 'city'");
    await expect(loadModel(path, { target: 'number' })).rejects.toThrow(`[loadModel] target: got 'number' for ${path}, whose target is 'category', expected that.`);
  });

  it('says which class is due, and takes a model of it', async () => {
    const [own, mixed] = [file(), file()];
    const net = new Net();
    await save(net, own, { classes: ['a', 'b', 'c'] });
    await expect(loadModel(own)).rejects.toMatchObject({
      code: 'ANNEAL_INVALID_ARGUMENT',
      message: `[loadModel] ${own} holds a model of the class Net, which only your program can make: got no model, expected one. Build it and pass it: loadModel(path, { model }).`,
    });
    const adapted = file();
    const chain = build();
    nn.lora(chain, { rank: 2 });
    await save(chain, adapted);
    await expect(loadModel(adapted)).rejects.toThrow(`[loadModel] ${adapted} holds a model with additions of nn.lora(), which only your program can make: got no model, expected one. Give a model additions and pass it, loadModel(path, { model }); or save it after merge().`);
    const opened = await loadModel(own, { model: new Net() });
    expect(opened.classes).toEqual(['a', 'b', 'c']);
    expect(await (await opened.predict(tensor(x.slice(0, 4), { shape: [1, 4] }))).data()).toEqual(await net.forward(tensor(x.slice(0, 4), { shape: [1, 4] })).data());
    await save(nn.sequential([4], nn.linear(4, 4), new Net()), mixed);
    await expect(loadModel(mixed)).rejects.toThrow(`${mixed} holds a model with layers of the class Net (layer 1), which only your program can make`);
    await expect(loadModel(own, { model: build() })).rejects.toMatchObject({ code: 'ANNEAL_STATE_MISMATCH' });
    await expect(loadModel(own, { model: 5 as never })).rejects.toThrow('[loadModel] model: got 5, expected a Module, as in { model: new Net() }, or a function that makes one.');
    await expect(loadModel(own, { model: Net as never })).rejects.toThrow('[loadModel] model: got the class Net, expected a Module, as in { model: new Net() }');
    await expect(loadModel(own, { modle: net } as never)).rejects.toMatchObject({ code: 'ANNEAL_UNKNOWN_OPTION' });
  });

  it('has a model made of what the file has besides its weights', async () => {
    class Words extends nn.Module<{ note: [number]; noteLengths: [] }, [number]> {
      readonly words;
      constructor(size: number, classes: number) {
        super();
        this.words = nn.embeddingBag(size, classes);
      }
      override forward({ note, noteLengths }: nn.Inputs<{ note: [number]; noteLengths: [] }>): Tensor {
        return this.words.forward(note as Tensor<[number, number], 'int32'>, { lengths: noteLengths as Tensor<[number], 'int32'> });
      }
    }
    const rows = [{ note: 'to be or not to be', kind: 'a' }, { note: 'that is the question', kind: 'b' }, { note: 'to be', kind: 'c' }];
    const { pipeline } = await data.table(rows, { columns: { note: data.columns.tokens() }, target: { kind: 'category' } });
    const model = new Words(pipeline.embeddings['note']!, 3);
    const path = file();
    await save(model, path, { pipeline, metadata: { author: 'S' } });
    const given: unknown[] = [];
    const opened = await loadModel(path, {
      target: 'category',
      model: ({ pipeline: saved, classes, metadata }) => {
        given.push(saved?.toJSON(), classes, metadata);
        return new Words(saved!.embeddings['note']!, classes!.length);
      },
    });
    expect(given).toEqual([pipeline.toJSON(), ['a', 'b', 'c'], { author: 'S' }]);
    expect(await opened.rows(rows)).toEqual(await new Predictor(model, { pipeline }).rows(rows));
    const plain = file();
    await save(await model.toArrays() as never, plain);
    await loadModel(plain, { model: (parts) => (given.push(parts), model) });
    expect(given.at(-1)).toEqual({ pipeline: undefined, classes: undefined, metadata: {} });
    await expect(loadModel(path, { model: () => 3 as never })).rejects.toThrow('[loadModel] model: got a function that gave 3, expected a Module, as in { model: ({ classes }) => new Net(classes.length) }.');
    await expect(loadModel(path, { model: () => { throw new RangeError('mine'); } })).rejects.toThrow(RangeError);
  });

  it('takes files of weights alone, and checkpoints, with a model', async () => {
    const [plain, checkpoint] = [file(), file()];
    const model = build();
    await save(await model.toArrays() as never, plain);
    await save(new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters()) }), checkpoint);
    for (const path of [plain, checkpoint]) {
      await expect(loadModel(path)).rejects.toThrow(`[loadModel] ${path} has weights alone, not what they are of: got no model, expected one. Build it and pass it: loadModel(path, { model }).`);
      const opened = await loadModel(path, { model: build() });
      expect(await opened.model.toArrays()).toEqual(await model.toArrays());
    }
  });
});

describe('save of a model', () => {
  it('refuses what is for models only, names that are its own, and options that do not fit', async () => {
    const path = file();
    const weights = { a: { shape: [1], dtype: 'float32' as const, data: Float32Array.of(1) } };
    await expect(save(weights, path, { classes: ['a', 'b'] })).rejects.toThrow('[save] classes: got it with an Object, expected a model. Save the model itself: save(model, path, options).');
    await expect(save(new Predictor(build()), path, { temperature: 2 })).rejects.toThrow('[save] temperature: got it with a Predictor, expected a model. It has its own: make another one, new Predictor(model, options).');
    await expect(save(build(), path, { metadata: { 'anneal.model': 'x' } })).rejects.toThrow('[save] metadata: got the name anneal.model, which is kept for what a model is made of, expected another one.');
    await expect(save(build(), path, { classes: ['a', 'b'] })).rejects.toThrow('[Predictor] classes: got 2 for a model of 3 outputs, expected as many, or one output for two classes. Give the last layer as many outputs.');
    expect(await readdir(root)).not.toContain(path);
  });

  it('writes JSON that other programs can read', async () => {
    const path = file();
    await save(build(), path, { classes: ['a', 'b', 'c'] });
    await using opened = await openTensors(path);
    expect(JSON.parse(opened.metadata.get('anneal.model')!)).toMatchObject({ version: 1, classes: ['a', 'b', 'c'], model: { layer: 'sequential', arguments: [[4], { layer: 'linear', arguments: [4, 8] }, {}, {}, {}, {}] } });
  });
});

describe('a model file that is not to be trusted', () => {
  /** The same weights with another text. */
  async function changed(change: (text: Record<string, unknown>) => unknown): Promise<string> {
    const path = file();
    await save(nn.sequential([4], nn.linear(4, 3)), path);
    const bytes = await readFile(path);
    const length = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as { __metadata__: Record<string, string> };
    const text = JSON.parse(header.__metadata__['anneal.model']!) as Record<string, unknown>;
    const result = change(text) ?? text;
    header.__metadata__['anneal.model'] = typeof result === 'string' ? result : JSON.stringify(result);
    const json = Buffer.from(JSON.stringify(header));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(json.length));
    await writeFile(path, Buffer.concat([size, json, bytes.subarray(8 + length)]));
    return path;
  }

  it.each<[string, (text: Record<string, unknown>) => unknown, string]>([
    ['no JSON', () => '{', 'its anneal.model is no valid JSON'],
    ['brackets alone', () => '['.repeat(1_000_001), 'its anneal.model has more than 1000000 brackets'],
    ['no object', () => '[]', 'its anneal.model is no JSON object'],
    ['a name twice', () => '{"version":1,"version":1}', "its anneal.model has the name 'version' twice"],
    ['another version', (text) => void (text['version'] = 2), 'its anneal.model is of version 2, expected 1: a newer version of anneal may have written it'],
    ['no model', (text) => void delete text['model'], 'has no model that can be made: got undefined, expected a layer'],
    ['another layer', (text) => void (text['model'] = { layer: 'rely', arguments: [] }), 'it has the layer "rely", which there is not in this version'],
    ['an option that there is not', (text) => void (text['classNames'] = []), 'its anneal.model does not fit: [Predictor] unknown option: got classNames'],
    ['other names', (text) => void (text['classes'] = ['a', 5]), 'its anneal.model does not fit: [Predictor] classes: got'],
    ['too many names', (text) => void (text['classes'] = ['a', 'b']), 'got 2 for a model of 3 outputs'],
    ['a temperature of 0', (text) => void (text['temperature'] = 0), '[Predictor] temperature: got 0, expected a number above 0'],
    ['a null temperature', (text) => void (text['temperature'] = null), '[Predictor] temperature: got null'],
    ['a normalisation that is none', (text) => void (text['normalize'] = { mean: 0, std: 0 }), 'normalize.std: got 0'],
    ['a pipeline that is none', (text) => void (text['pipeline'] = {}), '[Pipeline.fromJSON]'],
  ])('%s', async (_, change, message) => {
    const failure = await loadModel(await changed(change)).then(() => undefined, (error: unknown) => error as Error & { code: string });
    expect(failure?.message).toContain(message);
    expect(failure?.code).toBe('ANNEAL_FILE_FORMAT');
  });

  it('another architecture than the weights are of', async () => {
    const path = await changed((text) => void (text['model'] = { layer: 'sequential', arguments: [[40_000], { layer: 'linear', arguments: [40_000, 40_000] }] }));
    await expect(loadModel(path)).rejects.toMatchObject({ code: 'ANNEAL_STATE_MISMATCH', message: expect.stringContaining('expected float32 [40000,40000]') as unknown });
  });

  it('is refused by an error of this library, whatever its bytes are', async () => {
    const rows = [{ age: 1, moved: 'no' }, { age: 2, moved: 'yes' }];
    const pipeline = await data.pipeline({ columns: { age: data.columns.standardize() }, target: { moved: 'category' } }).fit(rows);
    const path = file();
    await save(nn.sequential([1], nn.linear(1, 4), nn.relu(), nn.linear(4, 2)), path, { pipeline, temperature: 2 });
    const valid = await readFile(path);
    const end = 8 + Number(valid.readBigUInt64LE(0));
    const mutation = fc.record({ at: fc.integer({ min: 8, max: end - 1 }), byte: fc.oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.nat(255)) });
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
        const bytes = Buffer.from(valid);
        for (const { at, byte } of mutations) bytes[at] = byte;
        await writeFile(path, bytes);
        try {
          const opened = await loadModel(path);
          await opened.predict([rows[0]!]);
        } catch (error) {
          if (!(error instanceof AnnealError) || error.code === 'ANNEAL_INTERNAL') throw error;
        }
      }),
      { numRuns: 600, seed: 1 },
    );
  });
});
