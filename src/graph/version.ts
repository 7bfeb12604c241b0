/** Counts submitted updates, so that a node can tell whether a parameter has changed since it was recorded. */
let version = 0;

/** The number of updates submitted so far. */
export function currentVersion(): number {
  return version;
}

/** Counts an update that is submitted; returns the new version. */
export function bumpVersion(): number {
  return ++version;
}

let moves = 0;

/** Changes where a leaf that programs may know gets other memory, or loses its own: what was found out of where leaves are holds no longer. */
export function bumpPlacement(): void {
  moves++;
}

export function currentPlacement(): number {
  return moves;
}
