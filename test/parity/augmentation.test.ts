// data.transforms against torchvision, with ranges of one number; test/parity/make/augmentation.py writes what it gives.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { data } from 'anneal';

interface Written {
  readonly images: Readonly<Record<string, { readonly shape: [number, number, number]; readonly data: readonly number[] }>>;
  readonly cases: readonly { readonly transform: string; readonly args: readonly unknown[]; readonly image: string; readonly shape: readonly number[]; readonly data: readonly number[] }[];
}

const { images, cases } = JSON.parse(readFileSync(new URL('augmentation.json', import.meta.url), 'utf8')) as Written;
/** Transforms that only move elements. */
const EXACT = ['randomHorizontalFlip', 'randomVerticalFlip', 'randomCrop'];

test.each(cases.map((one) => [`${one.transform}(${one.args.map((arg) => JSON.stringify(arg)).join(', ')}) of the ${one.image} image`, one] as const))('%s', async (_, { transform, args, image, shape, data: wanted }) => {
  const { shape: own, data: pixels } = images[image]!;
  const dataset = data.fromArrays({ x: Uint8Array.from(pixels), y: [0], shape: own });
  const made = (data.transforms as unknown as Record<string, (...args: readonly unknown[]) => data.transforms.Transform>)[transform]!(...args);
  const [x] = [...data.loader(dataset.augment(made as never))][0]!;
  const got = await x.data();
  expect(x.shape.slice(1)).toEqual(shape);
  const off = wanted.filter((one, i) => one !== got[i]).length / wanted.length;
  if (EXACT.includes(transform)) expect(off).toBe(0);
  // torchvision looks the nearest element up by coordinates in float32, so a tie may go the other way.
  else if (JSON.stringify(args).includes('nearest')) expect(off).toBeLessThan(0.02);
  // Fractions are cut off, so that a last bit is a level; torchvision 0.14 also cuts them off behind a hue, where later ones round.
  else expect(Math.max(...wanted.map((one, i) => Math.abs(one - got[i]!)))).toBeLessThanOrEqual(1);
});
