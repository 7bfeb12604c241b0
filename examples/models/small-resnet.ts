// A residual network for small images, after He et al., "Deep Residual Learning for Image Recognition" (arXiv:1512.03385).
import { add, nn, relu, type Tensor } from 'anneal';
import { through } from './layers.js';

export interface ResNetOptions {
  /** Channels of the stages; each but the first halves height and width. */
  readonly widths: readonly number[];
  /** Blocks of a stage. Default 1. */
  readonly blocks?: number | undefined;
  /** Puts batch norm behind every convolution. Default true. */
  readonly norm?: boolean | undefined;
  /** Stride of the first convolution. Default 1. */
  readonly stride?: number | undefined;
}

/** A convolution, with batch norm or a bias. */
function convolution(from: number, to: number, size: number, stride: number, norm: boolean): nn.Module[] {
  const conv = nn.conv2d(from, to, size, { stride, padding: (size - 1) / 2, bias: !norm });
  return norm ? [conv, nn.batchNorm2d(to)] : [conv];
}

/** Two convolutions, to which their input is added. */
class Block extends nn.Module {
  readonly body: nn.Module[];
  /** Brings the input to the shape of the result, where that is another. */
  readonly shortcut: nn.Module[];

  constructor(from: number, to: number, stride: number, norm: boolean) {
    super();
    this.body = [...convolution(from, to, 3, stride, norm), nn.relu(), ...convolution(to, to, 3, 1, norm)];
    this.shortcut = from === to && stride === 1 ? [] : convolution(from, to, 1, stride, norm);
  }

  override forward(x: Tensor): Tensor {
    return relu(add(through(this.body, x), through(this.shortcut, x)));
  }
}

/** Images [channels, H, W] to logits of `classes` classes. */
export function smallResNet<C extends number>([channels, height, width]: readonly [channels: C, height: number, width: number], classes: number, { widths, blocks = 1, norm = true, stride = 1 }: ResNetOptions): nn.Module<[C, number, number], [number]> {
  const stages = widths.flatMap((to, stage) =>
    Array.from({ length: blocks }, (_, block) => new Block(block > 0 || stage === 0 ? to : widths[stage - 1]!, to, block === 0 && stage > 0 ? 2 : 1, norm)),
  );
  const layers = [...convolution(channels, widths[0]!, 3, stride, norm), nn.relu(), ...stages, nn.adaptiveAvgPool2d(1), nn.flatten(), nn.linear(widths.at(-1)!, classes)];
  return nn.sequential([channels, height, width], ...layers) as unknown as nn.Module<[C, number, number], [number]>;
}
