import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

/** An entry of emoji.json, as far as it is used. */
export interface Emoji {
  readonly name: string;
  readonly unified: string;
  readonly image: string;
  readonly category: string;
}

export type Vendor = 'google' | 'twitter' | 'openmoji';

/** The emoji of the npm packages that are unpacked in `folder`. Ends the process, and says how to get them, where they are not there. */
export function emojiIn(folder: string): readonly Emoji[] {
  const needed = ['emoji-datasource-google', 'emoji-datasource-twitter', 'openmoji'];
  const missing = needed.filter((name) => !existsSync(join(folder, name)));
  if (missing.length > 0) {
    console.error(`${folder} has no folder ${missing.join(', ')}. Unpack the npm packages there: npm pack ${missing.join(' ')}, then tar xzf ... --strip-components=1, each into a folder of its name, and give --data.`);
    process.exit(1);
  }
  return (JSON.parse(readFileSync(join(folder, 'emoji-datasource-google/emoji.json'), 'utf8')) as Emoji[]).filter(({ category }) => category !== 'Component');
}

/** Pictures of an emoji by vendor. OpenMoji's are vectors, named without the mark of coloured presentation where that says nothing. */
const files: Readonly<Record<Vendor, (one: Emoji) => string[]>> = {
  google: ({ image }) => [`emoji-datasource-google/img/google/64/${image}`],
  twitter: ({ image }) => [`emoji-datasource-twitter/img/twitter/64/${image}`],
  openmoji: ({ unified }) => [unified, unified.replaceAll('-FE0F', '')].map((name) => `openmoji/color/svg/${name}.svg`),
};

/** Writes the pictures of some vendors, out of the packages in `from`, as PNG files into `folder`, with a directory for each category, and returns `folder`. */
export async function collect(from: string, emoji: readonly Emoji[], vendors: readonly Vendor[], folder: string): Promise<string> {
  rmSync(folder, { recursive: true, force: true });
  for (const one of emoji) {
    const directory = join(folder, one.category.split(' ')[0]!);
    mkdirSync(directory, { recursive: true });
    for (const vendor of vendors) {
      const file = files[vendor](one).map((name) => join(from, name)).find(existsSync);
      if (file === undefined) continue;
      await sharp(file).resize(64, 64, { fit: 'contain', background: '#fff0' }).png().toFile(join(directory, `${one.unified}.${vendor}.png`));
    }
  }
  return folder;
}
