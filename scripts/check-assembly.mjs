// Disassembles the register tiles of gemm and looks into their loops: multiply-adds on the target's widest registers, and no
// accumulator that is kept on the stack. A CPU or emulator without AVX-512 cannot show either.
import { spawnSync } from 'node:child_process';

const X86 = {
  objdump: 'objdump',
  multiplyAdd: /^vfn?madd\w*ps$/,
  jump: /^j\w+$/,
  /** Returns whether this makes a frame. Without one its register is like others. */
  frame: ({ name, operands }) => name === 'mov' && operands === '%rsp,%rbp',
  stack: (framed) => (framed ? /\(%r[sb]p\b/ : /\(%rsp\b/),
  /** Memory stands last where it is written. */
  writes: ({ operands }) => operands.endsWith(')'),
};

const ARM = {
  objdump: 'aarch64-linux-gnu-objdump',
  multiplyAdd: /^fml[as]$/,
  jump: /^(b\.?\w*|cbn?z|tbn?z)$/,
  frame: ({ operands }) => operands.startsWith('x29, sp'),
  stack: (framed) => (framed ? /\[(sp|x29)\b/ : /\[sp\b/),
  writes: ({ name }) => name.startsWith('st'),
};

/** The tiles that read B as it is, with accumulators only, fit everywhere. Those that transpose it on the way want 32 registers. */
const PLAIN = /\b(Panel)?TileKernel<\d+, \d+>(?=::run\b)|\bdot_tile<\d+, \d+>/;
const ANY = /\b(TileKernel|PanelTileKernel|TransposingTileKernel)<\d+, \d+>(?=::run\b)|\bdot_tile<\d+, \d+>/;

const targets = {
  avx512: { ...X86, register: /%zmm\d/, tiles: ANY },
  avx2: { ...X86, register: /%ymm\d/, tiles: PLAIN },
  neon: { ...ARM, register: /\b[vq]\d/, tiles: PLAIN },
};

/** Instructions by function: their address, name and operands. */
function disassemble({ objdump }, object) {
  const { status, stdout, error } = spawnSync(objdump, ['-d', '-C', '--no-show-raw-insn', object], { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${objdump} ${object}: ${error?.message ?? `ended with ${status}`}`);
  const functions = new Map();
  let instructions;
  for (const line of stdout.split('\n')) {
    const start = /^[0-9a-f]+ <(.*)>:$/.exec(line);
    if (start) functions.set(start[1], (instructions = []));
    const one = /^ *([0-9a-f]+):\t(\S+)\s*(.*?)\s*$/.exec(line);
    if (one && instructions) instructions.push({ at: parseInt(one[1], 16), name: one[2], operands: one[3] });
  }
  return functions;
}

/** The bodies of innermost loops: from the target of a jump backwards to that jump, with no other one within. */
function innermostLoops(instructions, { jump }) {
  const loops = [];
  for (const { at, name, operands } of instructions) {
    const to = jump.test(name) ? parseInt(/\b([0-9a-f]+)(?= <)/.exec(operands)?.[1], 16) : NaN;
    if (to <= at) loops.push([to, at]);
  }
  const within = ([a, b], [c, d]) => (a !== c || b !== d) && a <= c && d <= b;
  const innermost = loops.filter((loop) => !loops.some((other) => within(loop, other)));
  return innermost.map(([from, to]) => instructions.filter(({ at }) => at >= from && at <= to));
}

/**
 * Throws where a tile's main loop, the shortest of those with the most multiply-adds, reads a vector from the stack, or uses no wide register. The last few k
 * may: loads of less than a vector go through the stack on ARM. Returns what it saw.
 */
export function checkAssembly(target, object) {
  const kind = targets[target];
  let tiles = 0;
  let longest = 0;
  for (const [name, instructions] of disassemble(kind, object)) {
    const tile = kind.tiles.exec(name)?.[0];
    if (tile === undefined) continue;
    const stack = kind.stack(instructions.slice(0, 40).some(kind.frame));
    const loops = innermostLoops(instructions, kind).map((body) => body.filter(({ operands }) => kind.register.test(operands)));
    const sums = (body) => body.filter(({ name }) => kind.multiplyAdd.test(name)).length;
    const most = Math.max(0, ...loops.map(sums));
    if (most === 0) throw new Error(`${target}: ${tile} has no loop of multiply-adds on ${kind.register.source}`);
    const main = loops.filter((body) => sums(body) === most).reduce((a, b) => (b.length < a.length ? b : a));
    const reloads = main.filter((one) => stack.test(one.operands) && !kind.writes(one));
    if (reloads.length > 0) throw new Error(`${target}: ${tile} keeps vectors on the stack: ${reloads.map((one) => `${one.name} ${one.operands}`).join('; ')}`);
    tiles++;
    longest = Math.max(longest, most);
  }
  if (tiles === 0) throw new Error(`${target}: no register tiles in ${object}`);
  return `${target}: ${tiles} register tiles, up to ${longest} multiply-adds a loop, no vector kept on the stack`;
}

/** Throws where AVX-512 split over AVX2 has other tiles than the real one. */
export function checkSplit(avx2, avx512) {
  const [split, real] = [avx2, avx512].map((object) => {
    const names = [...disassemble(X86, object).keys()].map((name) => /\b(TileKernel|TransposingTileKernel)<\d+, [12]>(?=::run\b)/.exec(name)?.[0]);
    return [...new Set(names.filter((name) => name !== undefined))].sort().join('; ');
  });
  if (split !== real) throw new Error(`avx2_w16 has the tiles ${split}, avx512 has ${real}`);
}
