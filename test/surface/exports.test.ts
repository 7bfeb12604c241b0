// What users see of the package: a name that is added or taken away is so on purpose, and with a line in the changelog.
import { expect, test } from 'vitest';
import * as anneal from 'anneal';
import { Tensor } from 'anneal';

/** Values by their path, namespaces as far as they go. */
function namesOf(space: object, path = ''): string[] {
  return Object.entries(space).flatMap(([name, value]) =>
    value !== null && typeof value === 'object' && Object.prototype.toString.call(value) === '[object Module]' ? namesOf(value as object, `${path}${name}.`) : `${path}${name}`,
  );
}

test('the exported names', async () => {
  const methods = Object.getOwnPropertyNames(Tensor.prototype).map((name) => `Tensor.prototype.${name}`);
  await expect(`${[...namesOf(anneal), ...methods].toSorted().join('\n')}\n`).toMatchFileSnapshot('exports.txt');
});

test('what the library calls itself is not among them', () => {
  const internal = ['update', 'updateRules', 'registry', 'ops', 'everyOp', 'gatherRows', 'sumTo', 'bernoulliMask', 'takeAlongAxis', 'broadcastTo'];
  expect(internal.filter((name) => name in anneal || name in Tensor.prototype)).toEqual([]);
});
