import type * as HuggingFace from '@huggingface/tokenizers';
import { AnnealError } from '../errors.js';
import { lazyRequire } from '../lazy-require.js';

const OP = 'text.fromTokenizerJson';
const huggingFace = lazyRequire<typeof HuggingFace>('@huggingface/tokenizers');

/** The library that does the work, which is not installed with this one. Throws AnnealError (ANNEAL_OPTIONAL_MISSING) where it is absent. */
export function tokenizersLibrary(load: () => typeof HuggingFace = huggingFace): typeof HuggingFace {
  try {
    return load();
  } catch (cause) {
    throw new AnnealError('ANNEAL_OPTIONAL_MISSING', `[${OP}] tokenizer.json is read by @huggingface/tokenizers, which is not installed. Install it beside anneal: npm install @huggingface/tokenizers.`, { op: OP, cause });
  }
}
