import { ELEMENTWISE, type Value } from '../ops/emitter.js';
import type { Lowered, BufferOrigin } from './instructions.js';
import { isDense } from '../ops/layout.js';
import { codes } from '../ops/codes.js';

/** A lowered program as text, one instruction a line, for tests and for people. */
export function print(lowered: Lowered, opcodeName: (opcode: number) => string): string {
  const show = (value: Value | undefined): string => {
    if (value === undefined) return '-';
    const { layout } = value;
    const strides = isDense(layout) ? '' : `:${layout.strides.join(',')}`;
    const offset = layout.offset === 0 ? '' : `+${layout.offset}`;
    return `${name(lowered.buffers[value.buffer.id]!.origin)}${value.buffer.id}[${layout.shape.join(',')}${strides}${offset}]`;
  };
  return lowered.instructions
    .map(({ row, outputs, inputs, attrs }) => {
      const detail = row === ELEMENTWISE ? elementwise(attrs, inputs.length, outputs.length, opcodeName) : attrs.join(' ');
      return `${outputs.map(show).join(' ')} = ${row}(${inputs.map(show).join(' ')})${detail === '' ? '' : ` {${detail}}`}`;
    })
    .join('\n');
}

const SIGILS: { readonly [K in BufferOrigin['in']]: string } = { arena: '%', leaf: '@', constant: '#', result: '>' };

function name(origin: BufferOrigin): string {
  return SIGILS[origin.in];
}

function elementwise(attrs: readonly number[], inputs: number, outputs: number, opcodeName: (opcode: number) => string): string {
  const count = attrs[0]!;
  const ops = Array.from({ length: count }, (_, k) => {
    const [opcode, ...operands] = attrs.slice(1 + 4 * k, 5 + 4 * k) as [number, ...number[]];
    return `r${inputs + k}=${opcodeName(opcode)}(${operands.filter((r) => r !== codes.format.none).map((r) => `r${r}`).join(' ')})`;
  });
  return `${ops.join(' ')} -> ${attrs.slice(1 + 4 * count, 1 + 4 * count + outputs).map((r) => `r${r}`).join(' ')}`;
}
