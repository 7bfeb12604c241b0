import type { FileHandle } from 'node:fs/promises';
import type { Wrong } from './header.js';
import type { ByteSource } from './tensor-data.js';

/** The bytes of an open file. */
export function fileSource(file: FileHandle, size: number, wrong: Wrong): ByteSource {
  return {
    size,
    async read(into, position) {
      for (let done = 0; done < into.length; ) {
        const { bytesRead } = await file.read(into, done, Math.min(into.length - done, 2 ** 30), position + done);
        if (bytesRead === 0) throw wrong('it became shorter while it was read');
        done += bytesRead;
      }
    },
  };
}
