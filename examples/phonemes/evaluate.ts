import { data, metrics, text } from 'anneal';
import type { EncoderDecoder } from '../models/encoder-decoder.js';
import { type Entry, letters, LONGEST, phonemes } from './dictionary.js';

/** Batches of the letters of words, as the encoder takes them; `numbers` says which words they are. */
async function* batchesOf(words: readonly string[]) {
  const sources = data.padded({ x: { values: words.map((word) => letters.encode(word)) }, shape: { values: [null] }, y: words.map((_, i) => i), buckets: [8, 12, LONGEST + 1] });
  for await (const [{ values, lengths }, numbers] of data.loader(sources, { batchSize: 64 })) yield { source: { values, lengths }, numbers: await numbers.data() };
}

/** Pronunciations of words: the likeliest that a search with so many beams finds; with one beam the likeliest phoneme at a time. */
export async function pronounce(model: EncoderDecoder, words: readonly string[], beams: number): Promise<Int32Array[]> {
  const found: Int32Array[] = [];
  for await (const { source, numbers } of batchesOf(words)) {
    const results = await text.beamSearch(model, [phonemes.endOfText], { source, tokenizer: phonemes, beams, maxTokens: LONGEST + 1 });
    results.forEach(([best], i) => (found[numbers[i]!] = best!.finished === 'stop' ? best!.tokens.slice(0, -1) : best!.tokens));
  }
  return found;
}

/** Error rates of phonemes and of words, each against the nearest of a word's pronunciations. */
export async function errorRates(model: EncoderDecoder, entries: readonly Entry[], beams: number): Promise<{ readonly phonemes: number; readonly words: number }> {
  const found = await pronounce(model, entries.map(({ word }) => word), beams);
  const { errorRate, sequenceErrorRate } = metrics.errorRate(found, entries.map(({ pronunciations }) => pronunciations));
  return { phonemes: errorRate, words: sequenceErrorRate };
}
