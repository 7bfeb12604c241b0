// The text in a file's metadata that says what a model is made of and what its use takes.
import { ImageTransform } from '../data/image-transform.js';
import { FileFormatError } from '../errors.js';
import { architectureOf } from '../nn/architecture.js';
import type { Module } from '../nn/module.js';
import { withoutUndefined } from '../options.js';
import { Pipeline } from '../tables/pipeline.js';
import { Predictor, type PredictorOptions } from '../train/predictor.js';
import type { Texts } from './encode.js';
import { isObject, type Wrong } from './header.js';
import { duplicateKey } from './json-keys.js';

/** The name of the text. */
export const MODEL_TEXT = 'anneal.model';
const VERSION = 1;
/** Brackets at most, ten for each layer that there may be: JSON.parse makes fifty bytes of each, so that a text of brackets alone would end the process. */
const MOST_BRACKETS = 1_000_000;

/** The metadata of a model. */
export function modelTexts(predictor: Predictor): Texts {
  return { [MODEL_TEXT]: JSON.stringify({ version: VERSION, model: architectureOf(predictor.model), ...predictor.toJSON() }) };
}

/** Contents of the text, as far as they have been checked. */
export interface SavedModel {
  /** Not checked: moduleOf() makes a model of it, or says what is wrong. */
  readonly architecture: unknown;
  /** The pipeline. Throws FileFormatError for what is none. */
  pipeline(): Pipeline | undefined;
  /** Names of classes: those given, or the pipeline's. */
  classes(): readonly string[] | undefined;
  /** Makes the predictor of a model. Throws FileFormatError for options that are none, or not of that model. */
  predictor(model: Module): Predictor;
}

/** Reads the text. Throws FileFormatError for anything else than modelTexts() gave. */
export function parseModelText(text: string, wrong: Wrong): SavedModel {
  if (bracketsIn(text) > MOST_BRACKETS) throw wrong(`its ${MODEL_TEXT} has more than ${MOST_BRACKETS} brackets`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw wrong(`its ${MODEL_TEXT} is no valid JSON (${(error as Error).message})`);
  }
  if (!isObject(parsed)) throw wrong(`its ${MODEL_TEXT} is no JSON object`);
  const twice = duplicateKey(text);
  if (twice !== undefined) throw wrong(`its ${MODEL_TEXT} has the name '${twice}' twice`);
  const { version, model, pipeline: pipelineJson, images, ...options } = parsed as { version?: unknown; model?: unknown; pipeline?: unknown; images?: unknown; classes?: unknown };
  if (version !== VERSION) throw wrong(`its ${MODEL_TEXT} is of version ${JSON.stringify(version)}, expected ${VERSION}: a newer version of anneal may have written it`);
  const fitting = <R>(read: () => R): R => {
    try {
      return read();
    } catch (error) {
      if (error instanceof FileFormatError) throw error;
      throw wrong(`its ${MODEL_TEXT} does not fit: ${(error as Error).message.replace(/\.$/, '')}`);
    }
  };
  let read: Pipeline | undefined;
  const pipeline = (): Pipeline | undefined => (read ??= pipelineJson === undefined ? undefined : fitting(() => Pipeline.fromJSON(pipelineJson)));
  return {
    architecture: model,
    pipeline,
    classes: () => (isNames(options.classes) ? options.classes : pipeline()?.classNames),
    predictor: (made) => fitting(() => new Predictor(made, withoutUndefined({ ...(options as PredictorOptions), pipeline: pipeline(), images: images === undefined ? undefined : ImageTransform.fromJSON(images) }))),
  };
}

const isNames = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((name) => typeof name === 'string');

function bracketsIn(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) if (text[i] === '[' || text[i] === '{') count++;
  return count;
}
