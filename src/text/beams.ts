/** Tokens, and the sum of the logarithms of their probabilities, each given those before. */
export interface Candidate {
  readonly tokens: readonly number[];
  readonly logProbability: number;
}

/** One that has ended, with what it is compared by. */
export interface ScoredCandidate extends Candidate {
  readonly score: number;
  readonly finished: 'stop' | 'length';
}

export interface BeamRules {
  readonly beams: number;
  readonly lengthPenalty: number;
  readonly earlyStopping: boolean | 'never';
  readonly maxTokens: number;
  readonly stopTokens: ReadonlySet<number>;
}

/** A token behind the candidate of a row. */
export interface Step {
  readonly row: number;
  readonly token: number;
}

interface Extension extends Step {
  readonly logProbability: number;
}

/**
 * Search for the likeliest continuations of one text: of all continuations by one token of the `beams` likeliest, the `beams` likeliest go on, and those among them that end are kept, the best by
 * score = logProbability / length^lengthPenalty. The rules are those of Hugging Face's transformers, which count the token that ends it.
 */
export class Beams {
  readonly #rules: BeamRules;
  #running: readonly Candidate[] = [{ tokens: [], logProbability: 0 }];
  /** The best first, at most as many as there are beams. */
  #ended: ScoredCandidate[] = [];
  #isDone = false;

  constructor(rules: BeamRules) {
    this.#rules = rules;
  }

  /** True where nothing that goes on could be better than what has ended, as far as `earlyStopping` asks. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /**
   * Takes the logits of what comes next, a row of the vocabulary for each beam. Returns the row that each beam goes on from, and its token; beams that nothing goes on from repeat the first row.
   */
  advance(logits: Float32Array, vocabulary: number): readonly Step[] {
    const { beams, stopTokens } = this.#rules;
    const going: Extension[] = [];
    if (!this.#isDone) {
      // So many that, whichever end, enough go on.
      const likeliest = this.#extensions(logits, vocabulary, (1 + Math.max(1, stopTokens.size)) * beams);
      for (const [rank, extension] of likeliest.entries()) {
        if (!stopTokens.has(extension.token)) {
          if (going.push(extension) === beams) break;
        } else if (rank < beams) this.#end(this.#extended(extension), 'stop');
      }
      this.#running = going.map((extension) => this.#extended(extension));
      this.#isDone = this.#decide();
    }
    return Array.from({ length: beams }, (_, beam) => going[beam] ?? { row: 0, token: 0 });
  }

  /** The best that there are, in their order: those that have ended, and, where the search was cut off, those that go on. */
  best(count: number): readonly ScoredCandidate[] {
    if (!this.#isDone) for (const candidate of this.#running) this.#end(candidate, 'length');
    this.#isDone = true;
    return this.#ended.slice(0, count);
  }

  /** The likeliest continuations by one token, at most so many, the likeliest first; those that cannot be are left out. Of equal ones the first. */
  #extensions(logits: Float32Array, vocabulary: number, count: number): readonly Extension[] {
    const best: Extension[] = [];
    for (const [row, { logProbability: before }] of this.#running.entries()) {
      const scores = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
      const shift = before - logSumExp(scores);
      for (let token = 0; token < vocabulary; token++) {
        const logProbability = scores[token]! + shift;
        if (!(logProbability > (best.length < count ? -Infinity : best.at(-1)!.logProbability))) continue;
        let at = best.length;
        while (at > 0 && best[at - 1]!.logProbability < logProbability) at--;
        best.splice(at, 0, { row, token, logProbability });
        if (best.length > count) best.pop();
      }
    }
    return best;
  }

  #extended({ row, token, logProbability }: Extension): Candidate {
    return { tokens: [...this.#running[row]!.tokens, token], logProbability };
  }

  #end(candidate: Candidate, finished: 'stop' | 'length'): void {
    const score = this.#score(candidate.logProbability, candidate.tokens.length);
    const at = this.#ended.findIndex((other) => other.score < score);
    this.#ended.splice(at < 0 ? this.#ended.length : at, 0, { ...candidate, score, finished });
    if (this.#ended.length > this.#rules.beams) this.#ended.pop();
  }

  #decide(): boolean {
    const { beams, lengthPenalty, earlyStopping, maxTokens } = this.#rules;
    const [likeliest] = this.#running;
    if (likeliest === undefined) return true;
    if (this.#ended.length < beams) return false;
    if (earlyStopping === true) return true;
    const length = earlyStopping === 'never' && lengthPenalty > 0 ? maxTokens : likeliest.tokens.length;
    return this.#ended.at(-1)!.score >= this.#score(likeliest.logProbability, length);
  }

  #score(logProbability: number, length: number): number {
    return logProbability / length ** this.#rules.lengthPenalty;
  }
}

/** log sum_i exp(x_i), in double precision. */
function logSumExp(x: Float32Array): number {
  let largest = -Infinity;
  for (const value of x) if (value > largest) largest = value;
  if (largest === -Infinity) return largest;
  let sum = 0;
  for (const value of x) sum += Math.exp(value - largest);
  return largest + Math.log(sum);
}
