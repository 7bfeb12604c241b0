/** Manner in which an image is brought to its size: cut to it, fitted into it, or stretched. */
export type ImageFit = 'cover' | 'contain' | 'fill';
export const FITS: readonly ImageFit[] = ['cover', 'contain', 'fill'];

export type ImageKernel = 'nearest' | 'linear' | 'cubic' | 'mitchell' | 'lanczos2' | 'lanczos3';
export const KERNELS: readonly ImageKernel[] = ['nearest', 'linear', 'cubic', 'mitchell', 'lanczos2', 'lanczos3'];

/** Size and colours that images are brought to. */
export interface ImageRecipe {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly fit: ImageFit;
  readonly kernel: ImageKernel;
  /** Red, green and blue, 0 to 255. */
  readonly background: readonly [number, number, number];
  readonly maxPixels: number;
}
