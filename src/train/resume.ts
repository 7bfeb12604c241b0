import type { Snapshot } from '../checkpoint/snapshot.js';
import { sourcesOf } from '../checkpoint/snapshot.js';
import { ArrayLoader, FetchedLoader, StreamLoader, type Loader } from '../data/index.js';
import { AnnealError } from '../errors.js';
import { engine } from '../graph/engine.js';
import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/index.js';
import { isRecord } from '../records.js';
import { below, checkState, mismatch } from '../state.js';
import type { Ignorable, ResumeSetup } from './checkpoint-options.js';
import type { FitState, Made } from './fit-state.js';
import { epochsOf, loadState } from './training-state.js';

/** Things that get the state of a checkpoint. */
export interface Resumable {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly batches: Loader;
}

/** A checkpoint of a fit(). */
export type FitCheckpoint = Snapshot & { readonly path: string; readonly fit: FitState };

/** Describes the data of a fit() and its batches. */
export function describeData(batches: Loader): object {
  const { epoch: _, step: __, ...setup } = batches.stateDict();
  return { ...setup, source: sourceOf(batches), ...(batches instanceof ArrayLoader ? { contents: batches.dataset.fingerprint$() } : {}) };
}

function sourceOf(batches: Loader): unknown {
  if (batches instanceof ArrayLoader || batches instanceof FetchedLoader) return batches.dataset.toJSON();
  return batches instanceof StreamLoader ? batches.stream.toJSON() : 'a loader of its own';
}

/** Facts about a state that was given back. */
export interface Restored {
  /** Epochs that the trainer had completed. */
  readonly epochs: number;
  /** True if the epoch that was under way has to begin anew, because it is of other data. */
  readonly anew: boolean;
}

/**
 * Gives model, optimizer, random streams and loader the state of a checkpoint, and returns what is to be known of it. Throws AnnealError (ANNEAL_STATE_MISMATCH),
 * and changes nothing, where something differs that is not to be ignored.
 */
export async function restore(found: FitCheckpoint, { model, optimizer, batches }: Resumable, here: Made, { ignore }: ResumeSetup): Promise<Restored> {
  const { arrays, fit, path } = found;
  const differences = differencesOf(found, model, here);
  const wrong = differences.filter(({ kind }) => kind === 'model' || !ignore.includes(kind));
  if (wrong.length > 0) throw refused(path, wrong);
  const sources = sourcesOf(arrays);
  const epochs = await epochsOf(sources);
  const anew = differences.some(({ kind }) => kind === 'data');
  await loadState(model, optimizer, sources);
  if (anew) batches.loadStateDict({ ...batches.stateDict(), epoch: epochOf(fit), step: 0 });
  else batches.loadStateDict(fit.loader as never);
  if (!differences.some(({ kind }) => kind === 'options')) for (const [i, rate] of fit.rates.entries()) if (rate !== null) optimizer.groups[i]!.lr = rate;
  return { epochs, anew };
}

const epochOf = ({ loader }: FitState): number => (loader as { readonly epoch: number }).epoch;

interface Difference {
  readonly kind: Ignorable | 'model';
  readonly text: string;
}

function differencesOf({ info, arrays, fit }: FitCheckpoint, model: Module, here: Made): Difference[] {
  const library = engine().libraryVersion();
  const all: Difference[] = [];
  const wrongModel = modelDifference(model, arrays);
  if (wrongModel !== undefined) all.push({ kind: 'model', text: wrongModel });
  // Patch releases leave the same bits.
  if (minorOf(info.library) !== minorOf(library)) all.push({ kind: 'library', text: `library: ${info.library} there, ${library} here` });
  for (const text of listDifferences(fit.made.data, here.data)) all.push({ kind: 'data', text: `data.${text}` });
  for (const text of listDifferences(fit.made.options, here.options)) all.push({ kind: 'options', text });
  return all;
}

function modelDifference(model: Module, arrays: Snapshot['arrays']): string | undefined {
  try {
    checkState('resume', model.stateDict(), below(sourcesOf(arrays), 'model.'));
    return undefined;
  } catch (error) {
    if (!(error instanceof AnnealError)) throw error;
    // Only what differs: what to do is said once, for all of it.
    return `the model: ${error.message.replace(/^\[resume\] /, '').replace(/\. Build .*$/, '').replace('the state is of another model: ', '')}`;
  }
}

const minorOf = (version: string): string => version.split('.').slice(0, 2).join('.');

/** The leaves in which two descriptions differ, each with its path. */
function listDifferences(there: unknown, here: unknown, path = ''): string[] {
  if (isNested(there) && isNested(here)) {
    const names = [...new Set([...Object.keys(there), ...Object.keys(here)])];
    return names.flatMap((name) => listDifferences(there[name], here[name], path === '' ? name : `${path}.${name}`));
  }
  const [a, b] = [JSON.stringify(there), JSON.stringify(here)].map((text) => text ?? 'nothing');
  return a === b ? [] : [`${path}: ${a} there, ${b} here`];
}

const isNested = (value: unknown): value is Readonly<Record<string, unknown>> => isRecord(value) || (Array.isArray(value) && value.some((one) => isRecord(one)));

const MOST_SHOWN = 8;

function refused(path: string, wrong: readonly Difference[]): AnnealError {
  const kinds = [...new Set(wrong.map(({ kind }) => kind))];
  const shown = wrong.slice(0, MOST_SHOWN).map(({ text }) => text);
  const more = wrong.length > shown.length ? `; and ${wrong.length - shown.length} more` : '';
  const ignorable = kinds.filter((kind) => kind !== 'model');
  const advice = kinds.includes('model')
    ? 'Build the model that was saved, or take another directory: another model cannot be ignored'
    : `Train what was saved; or pass resume: { from: 'latest', ignore: [${ignorable.map((kind) => `'${kind}'`).join(', ')}] }: ${ignorable.map((kind) => CONSEQUENCES[kind]).join(', ')}`;
  return mismatch('fit', `resume: the checkpoint ${path} is of another training. It differs in ${shown.join('; ')}${more}. ${advice}.`);
}

const CONSEQUENCES: { readonly [K in Ignorable]: string } = {
  library: 'another version may leave other bits',
  data: 'the epoch that was under way then begins anew',
  options: 'the options of here then count',
};
