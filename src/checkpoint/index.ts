export { Checkpoints, type CheckpointSaveOptions, type CheckpointsOptions, type LoadedCheckpoint } from './checkpoints.js';
export type { CheckpointFile } from './directory.js';
export type { CheckpointPart, CheckpointParts } from './parts.js';
export type { CheckpointInfo } from './snapshot.js';
