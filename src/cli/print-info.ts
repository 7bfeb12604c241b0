import { factsHere, type Facts } from './facts.js';

/** Prints what runs here, in lines or as JSON. Without an addon the process ends with 1. */
export async function printInfo(json: boolean): Promise<void> {
  const facts = await factsHere();
  process.stdout.write(json ? `${JSON.stringify(facts, undefined, 2)}\n` : linesOf(facts));
  if ('missing' in facts.binary) process.exitCode = 1;
}

function linesOf({ version, node, platform, libc, binary }: Facts): string {
  const lines = [
    ['anneal', version],
    ['Node.js', `${node}, ${platform}${libc === undefined ? '' : `, ${libc}`}`],
  ];
  if ('missing' in binary) lines.push(['binary', `none: ${binary.missing}`]);
  else {
    const { file, compiler, cpu, target, targets, threads, threadsFrom, gflops, gbytes } = binary;
    lines.push(
      ['binary', `${file}, by compiler ${compiler}`],
      ['CPU', cpu],
      ['kernels', `${target}; this CPU could also use ${targets.filter((other) => other !== target && other !== 'reference').join(', ') || 'no other'}`],
      ['threads', `${threads}: ${threadsFrom}`],
      ['speed', `${gflops.toFixed(0)} GFLOP/s in a product of 1024 x 1024 matrices, ${gbytes.toFixed(0)} GB/s read from memory`],
    );
  }
  return lines.map(([name, value]) => `${name!.padEnd(8)}  ${value}\n`).join('');
}
