// Not by name: webpack would take createRequire() for its own, and fail.
import * as modules from 'node:module';
import { join } from 'node:path';

declare const __filename: string | undefined;

/** Location of this file, as a URL or a path: in a bundle of CommonJS there is no import.meta.url, and __filename says it. */
export const here: string = (import.meta as { readonly url?: string }).url ?? (typeof __filename === 'string' ? __filename : join(process.cwd(), 'index.js'));

/** Loads a module of CommonJS, a built-in one or an addon. */
export const requireHere = modules.createRequire(here);
