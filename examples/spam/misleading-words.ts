import type { data, Predictor } from 'anneal';
import type { Mail } from './mail.js';

/** The words of a mail without each of which it would look most like what it is, of its first 300: what any model, however it reads, makes of the mail when a word is taken out. */
export async function misleadingWords(predictor: Predictor<'category', data.ShapeRecord>, { text, kind }: Mail, most = 5): Promise<string[]> {
  const words = [...new Set(text.toLowerCase().match(/[\p{L}\p{N}]{2,}/gu))].slice(0, 300);
  const without = (word: string): string => text.replaceAll(new RegExp(`(?<![\\p{L}\\p{N}])${word}(?![\\p{L}\\p{N}])`, 'giu'), ' ');
  const logits = (await (await predictor.predict([text, ...words.map(without)].map((one) => ({ text: one })))).array()) as [ham: number, spam: number][];
  const right = logits.map(([ham, spam]) => (kind === 'spam' ? spam - ham : ham - spam));
  const gains = words.map((word, i) => ({ word, gain: right[i + 1]! - right[0]! }));
  return gains.filter(({ gain }) => gain > 0).toSorted((a, b) => b.gain - a.gain).slice(0, most).map(({ word }) => word);
}
