export { load, loadFile, loadMetadata, parseSafetensors, type LoadFileOptions, type TensorFile } from './load.js';
export { loadModel, type LoadModelOptions, type SavedParts } from './load-model.js';
export { loadLora, saveLora } from './lora-folder.js';
export type { FilePath } from './path.js';
export type { Savable, Stateful, TensorsByName } from './savable.js';
export { save, type SaveOptions } from './save.js';
export type { HostTensor, StoredTensor } from './tensor-data.js';
export { openTensors } from './open-tensors.js';
export { TensorReader, type NameFilter, type TensorInfo } from './tensor-reader.js';
