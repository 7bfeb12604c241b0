import { vi } from 'vitest';
import { Programs } from '../src/runtime/programs.js';

/** Number of plans that `action` makes. */
export async function plansOf(action: () => Promise<unknown>): Promise<number> {
  const made = vi.spyOn(Programs.prototype as unknown as { makePlan(): unknown }, 'makePlan');
  try {
    await action();
    return made.mock.calls.length;
  } finally {
    made.mockRestore();
  }
}
