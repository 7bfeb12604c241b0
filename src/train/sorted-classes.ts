import { ArrayLoader, type Loader } from '../data/index.js';
import { warnOnce } from '../warn.js';

/**
 * Warns where examples come sorted by class and are not shuffled: the batches then have one class each, and what is learnt of one is
 * forgotten in the next.
 */
export function warnOfSortedClasses(batches: Loader): void {
  if (!(batches instanceof ArrayLoader) || batches.shuffle || batches.length < 2 || !batches.dataset.sortedByClass$) return;
  warnOnce(
    'ANNEAL_SORTED_CLASSES',
    `[fit] the examples of dataset '${batches.dataset.name}' come sorted by class, and are not shuffled: got batches of one class after the other, expected mixed ones. Pass { shuffle: true }.`,
  );
}
