// Images, from a folder to a saved model that answers for others.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { data, loadModel, nn, Predictor, save } from 'anneal';
import { pixels, writeFiles } from '../data/image-files.js';

describe('a model of images', () => {
  let root: string;
  let folder: data.ImageFolder<[3, 6, 6]>;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'anneal-images-'));
    const square = (red: number) => pixels(9, 8, (y, x) => [red, 20 * y, 20 * x]).png().toBuffer();
    await writeFiles(join(root, 'pets'), { 'cat/1.png': await square(10), 'cat/2.png': await square(60), 'dog/1.png': await square(200) });
    folder = await data.fromImageFolder(join(root, 'pets'), { size: [6, 6], fit: 'contain', background: [255, 0, 0], normalize: { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4] } });
  });
  afterAll(() => rm(root, { recursive: true }));
  const build = () => nn.sequential([3, 6, 6], nn.flatten(), nn.linear(108, 2));

  it('is saved with its transform, and answers for files and bytes as for the folder', async () => {
    const model = build();
    const path = join(root, 'pets.safetensors');
    await save(model, path, { images: folder });
    const opened = await loadModel(path, { target: 'category' });
    expect(opened).toMatchObject({ classes: ['cat', 'dog'], kind: 'category' });
    const files = folder.paths.map((name) => join(root, 'pets', name));
    const expected = await new Predictor(model).predict(folder);
    expect(await (await opened.predict(files)).data()).toEqual(await expected.data());
    expect(await (await opened.predict(folder as never)).data()).toEqual(await expected.data());
    const bytes = await Promise.all(files.map((name) => readFile(name)));
    expect(await opened.rows(bytes)).toEqual(await opened.classify(files, { batchSize: 2 }));
    expect(await opened.row(pathToFileURL(files[2]!))).toEqual((await opened.rows(bytes))[2]);
    // More than are decoded at once.
    const many = await opened.rows(Array.from({ length: 20 }, (_, i) => files[i % 3]!));
    expect(many.slice(17)).toEqual([many[2], many[0], many[1]]);
    expect(opened.toJSON()).toEqual({ classes: ['cat', 'dog'], images: { size: [6, 6], channels: 3, fit: 'contain', kernel: 'lanczos3', background: [255, 0, 0], maxPixels: 2 ** 26, normalize: { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4] } } });
  });

  it('leaves bytes 0 to 255 where the folder does', async () => {
    const plain = await data.fromImageFolder(join(root, 'pets'), { size: [6, 6], channels: 1 });
    const model = nn.sequential([1, 6, 6], nn.flatten(), nn.linear(36, 2));
    const predictor = new Predictor(model, { images: plain.transform, classes: ['cat', 'dog'] });
    expect(await (await predictor.predict(plain.paths.map((name) => join(root, 'pets', name)))).data()).toEqual(await (await predictor.predict(plain)).data());
  });

  it('says what is wrong with an image', async () => {
    const predictor = new Predictor(build(), { images: folder });
    await writeFile(join(root, 'text.png'), 'hello');
    await expect(predictor.row(join(root, 'text.png'))).rejects.toMatchObject({
      code: 'ANNEAL_FILE_FORMAT',
      message: `[predictor.row] image 0, ${join(root, 'text.png')}, is damaged: it begins with 68 65 6c 6c, which is no PNG, JPEG, WebP, AVIF, GIF or TIFF, whatever its name. Take another one.`,
    });
    const whole = await readFile(join(root, 'pets/cat/1.png'));
    await expect(predictor.classify([whole, whole.subarray(0, 60)])).rejects.toThrow(/^\[classify\] image 1 is damaged: sharp reports '.*'\. Take another one\.$/);
    await expect(predictor.row(join(root, 'nowhere.png'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(predictor.rows([5 as never])).rejects.toThrow('[predictor.rows] image 0: got 5, expected a path or the bytes of a file.');
    expect(() => new Predictor(nn.sequential([3, 8, 8], nn.flatten()), { images: folder })).toThrow('[Predictor] images: got one that makes inputs [3,6,6], expected [3,8,8], as the model takes.');
    for (const wrong of [{ size: [0, 6] }, { size: [6, 6], fit: 'x' }, { size: [6, 6], normalize: { mean: 0, std: 0 } }, { size: [6, 6], sizes: 1 }, null, 5]) expect(() => data.ImageTransform.fromJSON(wrong)).toThrow(/^\[ImageTransform/);
  });
});
