/** Returns the number of examples of each label that occurs. */
export function labelCounts(labels: Int32Array): Map<number, number> {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}

/** Returns whether there are several classes, and the examples of each stand together: all of one, then all of another. */
export function isSortedByClass(labels: Int32Array): boolean {
  if (labels[0] === labels.at(-1)) return false;
  const ended = new Set<number>();
  for (let i = 1; i < labels.length; i++) {
    if (labels[i] === labels[i - 1]) continue;
    ended.add(labels[i - 1]!);
    if (ended.has(labels[i]!)) return false;
  }
  return ended.size + 1 < labels.length;
}
