export { beamSearch, type BeamResult, type BeamSearchOptions } from './beam-search.js';
export type { EncoderDecoder } from './encoder-decoder.js';
export { Generation, generate, type GeneratedText, type GeneratedToken, type GenerateOptions, type SourceOption } from './generate.js';
export { nearDuplicates, type NearDuplicateOptions } from './near-duplicates.js';
export type { Prompt } from './prompts.js';
export type { SamplingOptions } from './sampling.js';
export type { Tokenizer } from './tokenizer.js';
export { fromTokenizerJson, TokenizerJson, type TokenizerJsonOptions } from './tokenizer-json.js';
export { bytes, characters, fromJSON, Vocabulary, words, type Corpus, type Fallback, type VocabularyJson, type VocabularyOptions, type WordOptions } from './vocabulary.js';
