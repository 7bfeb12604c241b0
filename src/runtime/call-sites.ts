import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { here } from '../here.js';
import type { Tensor } from '../tensor.js';

/** The folder that the library's own code runs from, whether bundled or not. */
const LIBRARY = dirname(here.startsWith('file:') ? fileURLToPath(here) : here);

/** Places in the user's code where tensors were recorded, for messages. Stacks become text only where a message needs one. */
export class CallSites {
  private readonly stacks = new WeakMap<Tensor, Error>();

  /** Notes that the code which runs now has recorded a tensor. */
  note(tensor: Tensor): void {
    this.stacks.set(tensor, new Error('recorded'));
  }

  /** File, line and column of the user's call; undefined where it is not known. */
  of(tensor: Tensor): string | undefined {
    const frames = this.stacks.get(tensor)?.stack?.split('\n').slice(1) ?? [];
    const frame = frames.find((line) => !line.includes(LIBRARY) && !line.includes('(node:'));
    return frame && /\(?((?:file:\/\/)?[^\s()]+:\d+:\d+)\)?$/.exec(frame)?.[1]?.replace('file://', '');
  }
}
