import { Parameter, tensor } from 'anneal';
import { expect, test } from 'vitest';
import { Session } from '../../src/runtime/session.js';

async function filled(value: number): Promise<Parameter> {
  const parameter = new Parameter([4], () => tensor([value, value, value, value]));
  await parameter.data();
  return parameter as Parameter;
}

test('memory that two handles share is freed once: its number, which another tensor has by then, is not freed again', async () => {
  const first = await filled(1);
  const shared = first.storage$!;
  first.dispose();
  const before = [await filled(2), await filled(3)];
  // Another handle that knows the memory lets go of it, too.
  Session.release(shared);
  const behind = [await filled(4), await filled(5)];
  for (const [i, one] of [...before, ...behind].entries()) expect([...(await one.data())]).toEqual(Array.from({ length: 4 }, () => i + 2));
});
