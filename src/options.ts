import type * as Levenshtein from 'fastest-levenshtein';
import { AnnealError } from './errors.js';
import { lazyRequire } from './lazy-require.js';
import { describeValue } from './describe-value.js';

const levenshtein = lazyRequire<typeof Levenshtein>('fastest-levenshtein');

/** Throws for an option that `op` does not know, naming the nearest one that it does. */
export function checkOptions(op: string, given: object | undefined, known: readonly string[]): void {
  if (given === undefined) return;
  if (typeof given !== 'object' || given === null || !isOptions(given)) {
    const expected = known.length === 0 ? '{}' : `an object such as { ${known[0]!}: ... }`;
    throw new AnnealError('ANNEAL_INVALID_ARGUMENT', `[${op}] options: got ${describeValue(given)}, expected ${expected}.`, { op });
  }
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) throw unknownOption(op, name, known);
  }
}

/** An object of options, and not data in their place: an array, a typed array, a tensor, a promise. */
function isOptions(given: object): boolean {
  return !Array.isArray(given) && !ArrayBuffer.isView(given) && !(given instanceof Promise) && !('dtype' in given && 'shape' in given && 'requiresGrad' in given);
}

/** checkOptions() for options that cannot be left out as a whole. */
export function checkRequired(op: string, given: object | undefined, known: readonly string[]): void {
  checkOptions(op, given, known);
  if (given !== undefined) return;
  throw new AnnealError('ANNEAL_INVALID_ARGUMENT', `[${op}] options: got none, expected an object such as { ${known[0]!}: ... }.`, { op });
}

/** The options that were given: one that is undefined counts as left out, wherever options are put over others. */
export function withoutUndefined<O extends object>(options: O): Partial<O> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<O>;
}

function unknownOption(op: string, name: string, known: readonly string[]): AnnealError {
  if (known.length === 0) return new AnnealError('ANNEAL_UNKNOWN_OPTION', `[${op}] unknown option: got ${name}, expected none. Leave it out.`, { op });
  const text = `[${op}] unknown option: got ${name}, expected one of ${known.join(', ')}.${adviceOn(name, known)}`;
  return new AnnealError('ANNEAL_UNKNOWN_OPTION', text, { op });
}

/** Names of options in PyTorch, Keras or scikit-learn, without case and underscores, and what they are called here. */
const ALIASES: Readonly<Record<string, string>> = {
  learningrate: 'lr', lrate: 'lr', rate: 'lr', stepsize: 'lr', alpha: 'lr', decay: 'weightDecay', l2: 'weightDecay', wd: 'weightDecay', epsilon: 'eps', beta: 'betas', beta1: 'betas', beta2: 'betas',
  bs: 'batchSize', minibatch: 'batchSize', nepochs: 'epochs', numepochs: 'epochs', maxepochs: 'epochs', iterations: 'epochs', validationdata: 'validation', valdata: 'validation', val: 'validation',
  valid: 'validation', evalset: 'validation', evaluation: 'validation', test: 'validation', valsplit: 'validationSplit', testsize: 'validationSplit', randomstate: 'seed', randomseed: 'seed',
  criterion: 'loss', lossfn: 'loss', lossfunction: 'loss', objective: 'loss', optim: 'optimizer', opt: 'optimizer', solver: 'optimizer', metric: 'metrics', scorers: 'metrics', callback: 'callbacks',
  classweight: 'classWeights', sampleweight: 'weights', sampleweights: 'weights', gradientaccumulationsteps: 'accumulate', accumulategradbatches: 'accumulate', accumulation: 'accumulate',
  clipnorm: 'clip', clipvalue: 'clip', maxnorm: 'clip', maxgradnorm: 'clip', gradientclip: 'clip', gradclip: 'clip', gradientclipval: 'clip', ema: 'average', checkpoints: 'checkpoint', checkpointdir: 'checkpoint', ckpt: 'checkpoint', resumefrom: 'resume', resumefromcheckpoint: 'resume', ckptpath: 'resume', directory: 'dir', dirpath: 'dir', abortsignal: 'signal', abort: 'signal',
  dim: 'axis', keepdims: 'keepdim', numclasses: 'classes', nclasses: 'classes', inputshape: 'shape', outputshape: 'targetShape', usebias: 'bias', posweight: 'positiveWeight', ddof: 'correction',
  unbiased: 'correction', inputs: 'x', features: 'x', labels: 'y', targets: 'y', outputs: 'y', filename: 'name', ignoreindex: 'ignoreIndex', p: 'norm', numworkers: 'concurrency', imagesize: 'size', attnmask: 'mask', attentionmask: 'mask', srcmask: 'mask', tgtmask: 'mask', dropoutp: 'dropout', r: 'rank', loraalpha: 'alpha', loradropout: 'dropout', targetmodules: 'match', causal: 'isCausal', gqa: 'enableGqa',
  blocksize: 'context', contextlength: 'context', contextsize: 'context', seqlen: 'context', seqlength: 'context', maxseqlen: 'context', vocabsize: 'maxWords', maxfeatures: 'maxWords', numwords: 'maxWords', mindf: 'minCount', minfreq: 'minCount',
  numbeams: 'beams', beamsize: 'beams', beamwidth: 'beams', numreturnsequences: 'returnSequences', nbest: 'returnSequences', maxnewtokens: 'maxTokens', maxlength: 'maxTokens', eostokenid: 'stopTokens', encoderinputids: 'source',
};

const PADDING = 'Padding is told by lengths, as data.padded hands them along: { keyLengths }, of a memory { memoryKeyLengths }.';
const SEARCHES = 'Beam search is a function of its own: text.beamSearch(model, prompt, { beams: 4 }).';
const AUGMENTS = 'Transforms belong to the data: dataset.augment(data.transforms.randomHorizontalFlip()).';

/** Advice for options that need more than another name. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  verbose: 'To see how training goes, pass { callbacks: [train.progress()] }.',
  earlystopping: 'Pass { callbacks: [train.earlyStopping({ patience: 3 })] }.',
  patience: 'Pass { callbacks: [train.earlyStopping({ patience: 3 })] }.',
  sampleweight: 'Weights belong to the data: data.fromArrays({ x, y, shape, weights }).',
  sampleweights: 'Weights belong to the data: data.fromArrays({ x, y, shape, weights }).',
  transform: AUGMENTS,
  transforms: AUGMENTS,
  augment: AUGMENTS,
  augmentation: AUGMENTS,
  scheduler: 'A schedule is the rate: { lr: optim.schedules.cosine(1e-3, steps) }.',
  lrscheduler: 'A schedule is the rate: { lr: optim.schedules.cosine(1e-3, steps) }.',
  batchfirst: 'The batch is in front everywhere; leave it out.',
  keypaddingmask: PADDING,
  srckeypaddingmask: PADDING,
  tgtkeypaddingmask: PADDING,
  memorykeypaddingmask: PADDING,
  dosample: 'What is written is drawn, unless temperature is 0; leave it out.',
  beams: SEARCHES,
  numbeams: SEARCHES,
  device: 'Everything runs on the CPU; leave it out.',
  numworkers: 'Batches are gathered natively; leave it out.',
};

/** Returns advice on an option that there is not. */
function adviceOn(name: string, known: readonly string[]): string {
  const plain = name.replaceAll(/[_-]/g, '').toLowerCase();
  const same = known.find((option) => option.toLowerCase() === plain) ?? known.find((option) => option === ALIASES[plain]);
  if (same !== undefined) return ` Did you mean ${same}?`;
  return ELSEWHERE[plain] === undefined ? suggestion(name, known) : ` ${ELSEWHERE[plain]}`;
}

/** Throws unless these options, where they are given, are true or false. */
export function checkFlags<N extends string>(op: string, given: { readonly [K in N]?: unknown }, names: readonly N[]): void {
  for (const name of names) {
    const value = given[name];
    if (value !== undefined && typeof value !== 'boolean') throw new AnnealError('ANNEAL_INVALID_ARGUMENT', `[${op}] ${name}: got ${describeValue(value)}, expected true or false.`, { op });
  }
}

/** Throws unless `value` is one of `known`, naming the nearest one. */
export function checkChoice(op: string, option: string, value: unknown, known: readonly string[]): void {
  if (known.includes(value as string)) return;
  const nearest = typeof value === 'string' ? suggestion(value, known, "'") : '';
  const expected = known.map((name) => `'${name}'`).join(', ');
  throw new AnnealError('ANNEAL_INVALID_ARGUMENT', `[${op}] unknown ${option}: got ${describeValue(value)}, expected one of ${expected}.${nearest}`, { op });
}

/** The library that compares spellings; undefined in a bundle that left it out, where a message had better be without a suggestion than not there. */
function spelling(): typeof Levenshtein | undefined {
  try {
    return levenshtein();
  } catch {
    return undefined;
  }
}

/** Of several names the one that is spelled most alike. */
export function closest(name: string, known: readonly string[]): string | undefined {
  return spelling()?.closest(name, known);
}

/** The nearest known name as a question, unless it is so far off that it would only mislead. */
export function suggestion(name: string, known: readonly string[], quote = ''): string {
  const nearest = closest(name, known);
  if (nearest === undefined) return '';
  const related = name.startsWith(nearest) || nearest.startsWith(name) || spelling()!.distance(name, nearest) <= Math.max(name.length, nearest.length) / 2;
  return related ? ` Did you mean ${quote}${nearest}${quote}?` : '';
}
