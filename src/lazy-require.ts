import { requireHere } from './here.js';

/**
 * A dependency, or a large module of Node.js, that most programs never use, loaded when it is first used: each costs some milliseconds of every start.
 * Its type comes by `import type`, as in `lazyRequire<typeof Words>('words')`.
 */
export function lazyRequire<M>(name: string): () => M {
  let loaded: M | undefined;
  return () => (loaded ??= requireHere(name) as M);
}
