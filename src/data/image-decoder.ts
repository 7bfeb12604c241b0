import type Sharp from 'sharp';
import { AnnealError } from '../errors.js';
import { lazyRequire } from '../lazy-require.js';
import type { ImageRecipe } from './image-recipe.js';

const sharp = lazyRequire<typeof Sharp>('sharp');

let library: typeof Sharp | undefined;

/** The library that decodes images, which is not installed with this one. Throws AnnealError (ANNEAL_OPTIONAL_MISSING) where it is absent, or does not run here. */
export function decoder(load: () => typeof Sharp = sharp): typeof Sharp {
  if (library !== undefined && load === sharp) return library;
  const fail = (what: string, cause: unknown): AnnealError => new AnnealError('ANNEAL_OPTIONAL_MISSING', `[data.fromImageFolder] images are decoded by sharp, which ${what}`, { op: 'data.fromImageFolder', cause });
  try {
    const loaded = load();
    // Each image has a thread already: more would be taken from the training step.
    loaded.concurrency(1);
    library = loaded;
    return loaded;
  } catch (cause) {
    const { code, message } = cause as { readonly code?: string; readonly message: string };
    if (code === 'MODULE_NOT_FOUND') throw fail('is not installed. Install it beside anneal: npm install sharp.', cause);
    throw fail(`could not be loaded: ${message.split('\n')[0]} Install it again on this platform: npm install sharp.`, cause);
  }
}

/**
 * Decodes an image into `into`, channel by channel, on a thread of libuv's. Rejects with sharp's error for one that is damaged: anything that a decoder warns of counts.
 */
export async function decodeImage(bytes: Buffer, { height, width, channels, fit, kernel, background, maxPixels }: ImageRecipe, into: Uint8Array): Promise<void> {
  const [r, g, b] = background;
  const color = { r, g, b };
  const pixels = await decoder()(bytes, { failOn: 'warning', limitInputPixels: maxPixels })
    .autoOrient()
    .resize({ width, height, fit, kernel, background: color })
    .flatten({ background: color })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' })
    .toBuffer();
  if (pixels.length !== into.length) throw new Error(`an image of ${pixels.length / (height * width)} channels, expected ${channels}`);
  if (channels === 1) into.set(pixels);
  else splitChannels(pixels, into);
}

/** The reason that sharp gives, on one line. */
export function reasonOf({ message }: Error, { maxPixels }: ImageRecipe): string {
  if (message.includes('exceeds pixel limit')) return `it claims to have more than ${maxPixels} pixels; maxPixels allows more`;
  return `sharp reports '${message.trim().split('\n').join('; ')}'`;
}

/** [H, W, 3] to [3, H, W]. */
function splitChannels(pixels: Uint8Array, into: Uint8Array): void {
  const count = into.length / 3;
  for (let i = 0, from = 0; i < count; i++) {
    into[i] = pixels[from++]!;
    into[count + i] = pixels[from++]!;
    into[2 * count + i] = pixels[from++]!;
  }
}
