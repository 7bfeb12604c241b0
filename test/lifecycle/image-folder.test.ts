import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { data } from 'anneal';
import { png, writeFiles } from '../data/image-files.js';

const megabytes = (): number => process.memoryUsage().rss / 2 ** 20;

test('memory is flat over epochs of a folder whose decoded images would fill many times as much', { timeout: 120_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'anneal-flat-'));
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < 16; i++) files[`${i % 2}/${i}.png`] = await png([i, 2 * i, 3 * i], 300);
  const folder = await data.fromImageFolder(await writeFiles(directory, files), { size: [300, 300] });
  const loader = data.loader(folder, { batchSize: 4, shuffle: true, prefetch: 2, concurrency: 4 });
  const run = async (epochs: number): Promise<void> => {
    for (let epoch = 0; epoch < epochs; epoch++) for await (const [images] of loader) expect(images.shape).toEqual([4, 3, 300, 300]);
  };
  await run(8);
  const before = megabytes();
  // 480 images of 270,000 bytes.
  await run(30);
  expect(megabytes() - before).toBeLessThan(50);
  await rm(directory, { recursive: true });
});
