export { load, loadFile, loadMetadata, parseSafetensors, type HostTensor, type TensorFile } from './load.js';
export type { FilePath } from './path.js';
export { save, type Savable, type SaveOptions, type Stateful, type TensorsByName } from './save.js';
