import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { mixBits, murmurHash } from '../murmur-hash.js';
import { checkCount } from '../ops/check.js';
import { checkOptions } from '../options.js';
import { ngramsOf } from '../tables/words.js';

export interface NearDuplicateOptions {
  /** Jaccard index of the two sets of word sequences from which on texts are near-duplicates, in (0, 1]. Default 0.5. */
  readonly similarity?: number | undefined;
  /** Words of a sequence. Default 5. */
  readonly words?: number | undefined;
}

const OP = 'text.nearDuplicates';

/**
 * Groups of texts that say nearly the same, such as copies of a mail with another name in it: the number of each text's group, from 0 by first occurrence. Two texts are in one where the sequences of `words` words
 * that they have in common are at least `similarity` of those that either has, J = |A and B| / |A or B|, and so are texts that others between join. Case, signs and spaces do not count, nor do words of one letter; of a shorter text the whole is one
 * sequence. No pair is missed, as it is with MinHash; 6,000 mails take two seconds, in which the event loop waits.
 *
 *     const mails = ['You have won a new car, Ann! Call us now', 'You have won a new car, Bob! Call us now', 'Shall we have lunch?'];
 *     const groups = text.nearDuplicates(mails, { words: 2 });              // Int32Array [0, 0, 1]
 *
 * A split by these groups has nothing in its test that training has nearly seen: `dataset.split(0.8, { groups })`, or a column of them for data.table(). The pairs are found by their rarest sequences: Chaudhuri et al., A primitive operator for similarity joins
 * (ICDE 2006). Throws ArgumentError for what are no texts, and options that are wrong.
 */
export function nearDuplicates(texts: readonly string[], options: NearDuplicateOptions = {}): Int32Array {
  checkOptions(OP, options, ['similarity', 'words']);
  const { similarity = 0.5, words = 5 } = options;
  if (!(typeof similarity === 'number' && similarity > 0 && similarity <= 1)) throw new ArgumentError(`[${OP}] similarity: got ${describeValue(similarity)}, expected a number in (0, 1].`, { op: OP });
  checkCount(OP, 'words', words);
  if (!Array.isArray(texts)) throw new ArgumentError(`[${OP}] texts: got ${describeValue(texts)}, expected an array of texts.`, { op: OP });
  const groups = new Groups(texts.length);
  const first = new Map<string, number>();
  texts.forEach((one: unknown, i) => {
    if (typeof one !== 'string') throw new ArgumentError(`[${OP}] texts[${i}]: got ${describeValue(one)}, expected a string.`, { op: OP });
    const same = first.get(one);
    if (same === undefined) first.set(one, i);
    else groups.join(same, i);
  });
  joinSimilar(sequenceSets(first, words), similarity, groups);
  return groups.numbers();
}

/** A text as the set of its word sequences. */
interface SequenceSet {
  /** Of the text. */
  readonly number: number;
  readonly size: number;
  /** Sequences that other texts have as well, ascending: the rarest first. */
  readonly shared: Float64Array;
}

function sequenceSets(texts: ReadonlyMap<string, number>, words: number): SequenceSet[] {
  const counts = new Map<number, number>();
  const sets = Array.from(texts, ([one, number]) => {
    const hashes = hashesOf(one, words);
    for (const hash of hashes) counts.set(hash, (counts.get(hash) ?? 0) + 1);
    return { number, hashes };
  });
  return sets.map(({ number, hashes }) => {
    const shared = Array.from(hashes).filter((hash) => counts.get(hash)! > 1);
    return { number, size: hashes.size, shared: Float64Array.from(shared, (hash) => counts.get(hash)! * 2 ** 32 + hash).sort() };
  });
}

/** Hashes of all sequences of so many words; of fewer words that of the one sequence that they are. */
function hashesOf(text: string, words: number): Set<number> {
  const all = ngramsOf(text, { ngrams: [1, 1], analyzer: 'word', lowercase: true }).map((word) => murmurHash(word));
  const hashes = new Set<number>();
  for (let first = 0; first === 0 || first + words <= all.length; first++) hashes.add(all.slice(first, first + words).reduce((hash, word) => mixBits(Math.imul(hash, 31) + word), 0));
  return hashes;
}

/**
 * Joins all pairs of a Jaccard index of at least `similarity`. Two such sets have at least similarity * size elements in common, of the size of either; so the size - ceil(similarity * size) + 1 rarest of the one have an element that is
 * among those of the other.
 */
function joinSimilar(sets: readonly SequenceSet[], similarity: number, groups: Groups): void {
  const withRare = new Map<number, SequenceSet[]>();
  for (const one of sets) {
    const { number, size, shared } = one;
    // Rounding must not lose a pair. The rarest ones are those that no other text has.
    const rare = size - Math.ceil(similarity * size - 1e-9) + 1 - (size - shared.length);
    for (const element of shared.subarray(0, Math.max(rare, 0))) {
      const others = withRare.get(element);
      for (const other of others ?? []) if (!groups.areJoined(number, other.number) && jaccard(one, other) >= similarity) groups.join(number, other.number);
      if (others === undefined) withRare.set(element, [one]);
      else others.push(one);
    }
  }
}

function jaccard({ size, shared: a }: SequenceSet, { size: otherSize, shared: b }: SequenceSet): number {
  let common = 0;
  for (let i = 0, k = 0; i < a.length && k < b.length; ) {
    const order = a[i]! - b[k]!;
    if (order === 0) common++;
    if (order <= 0) i++;
    if (order >= 0) k++;
  }
  return common / (size + otherSize - common);
}

/** Sets that are joined, as a forest: each element points to another one of its set, the first one to itself. */
class Groups {
  readonly #parents: Int32Array;

  constructor(size: number) {
    this.#parents = Int32Array.from({ length: size }, (_, i) => i);
  }

  join(a: number, b: number): void {
    const [p, q] = [this.#root(a), this.#root(b)];
    this.#parents[Math.max(p, q)] = Math.min(p, q);
  }

  areJoined(a: number, b: number): boolean {
    return this.#root(a) === this.#root(b);
  }

  /** The number of each element's set, by first occurrence. */
  numbers(): Int32Array {
    const known = new Map<number, number>();
    return this.#parents.map((_, i) => {
      const root = this.#root(i);
      if (!known.has(root)) known.set(root, known.size);
      return known.get(root)!;
    });
  }

  #root(i: number): number {
    const parents = this.#parents;
    let root = i;
    while (parents[root] !== root) {
      parents[root] = parents[parents[root]!]!;
      root = parents[root]!;
    }
    return root;
  }
}
