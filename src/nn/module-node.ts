import { generator, type Generator, type ModelGenerator } from '../generator.js';

/** A node of the tree that a model is: the fields that are walked through, and what registration writes. Every Module is one, and nothing else. */
export abstract class ModuleNode {
  /** Its place in the model that it belongs to, as in `encoder.0`; '' for a model. */
  path$ = '';
  /** The random streams of that model; undefined until it has got its names. */
  generator$: ModelGenerator | undefined = undefined;
  /** The random streams that were in use when it was made. */
  readonly made$: Generator = generator();

  /** The fields in which parameters and modules are looked for. */
  fields$(): Iterable<[name: string, value: unknown]> {
    return Object.entries(this);
  }
}
