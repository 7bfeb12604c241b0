import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

const manifest = createRequire(import.meta.url).resolve('anneal/package.json');

/** Directory of this package. */
export const root: string = dirname(manifest);

/** Its version. */
export const version: string = (JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: string }).version;
