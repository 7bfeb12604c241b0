/**
 * Residual networks (He et al., arXiv:1512.03385) whose state has the names of torchvision's, so that its weights load:
 *
 *     const model = resnet18();
 *     await model.loadStateDict(await load('resnet18.safetensors'));
 */
import { adaptiveAvgPool2d, add, flatten, maxPool2d, nn, relu, type Tensor } from 'anneal';
import { through, type Layers } from './layers.js';

/** A convolution without bias, which the norm behind it has, with the initial values of torchvision's. */
function conv(from: number, to: number, kernel: number, stride = 1): nn.Conv<2> {
  const layer = nn.conv2d(from, to, kernel, { stride, padding: (kernel - 1) / 2, bias: false });
  layer.weight.initialize(nn.init.kaimingNormal(0, 'fanOut'));
  return layer;
}

/** The way past a block: x, or, where sizes change, a convolution of 1x1. */
function shortcut(from: number, to: number, stride: number): Layers | undefined {
  return from === to && stride === 1 ? undefined : [conv(from, to, 1, stride), nn.batchNorm2d(to)];
}

/** y = relu(norm(conv3x3(relu(norm(conv3x3(x))))) + shortcut(x)). */
export class BasicBlock extends nn.Module {
  static readonly expansion = 1;
  readonly conv1: nn.Module;
  readonly bn1: nn.Module;
  readonly conv2: nn.Module;
  readonly bn2: nn.Module;
  readonly downsample: Layers | undefined;

  constructor(from: number, channels: number, stride: number) {
    super();
    this.conv1 = conv(from, channels, 3, stride);
    this.bn1 = nn.batchNorm2d(channels);
    this.conv2 = conv(channels, channels, 3);
    this.bn2 = nn.batchNorm2d(channels);
    this.downsample = shortcut(from, channels, stride);
  }

  override forward(x: Tensor): Tensor {
    const y = through([this.conv2, this.bn2], relu(through([this.conv1, this.bn1], x)));
    return relu(add(y, through(this.downsample ?? [], x)));
  }
}

/** The same by convolutions of 1x1, 3x3 and 1x1, of which the last has four times the channels. */
export class Bottleneck extends nn.Module {
  static readonly expansion = 4;
  readonly conv1: nn.Module;
  readonly bn1: nn.Module;
  readonly conv2: nn.Module;
  readonly bn2: nn.Module;
  readonly conv3: nn.Module;
  readonly bn3: nn.Module;
  readonly downsample: Layers | undefined;

  constructor(from: number, channels: number, stride: number) {
    super();
    const to = channels * Bottleneck.expansion;
    this.conv1 = conv(from, channels, 1);
    this.bn1 = nn.batchNorm2d(channels);
    this.conv2 = conv(channels, channels, 3, stride);
    this.bn2 = nn.batchNorm2d(channels);
    this.conv3 = conv(channels, to, 1);
    this.bn3 = nn.batchNorm2d(to);
    this.downsample = shortcut(from, to, stride);
  }

  override forward(x: Tensor): Tensor {
    const y = relu(through([this.conv2, this.bn2], relu(through([this.conv1, this.bn1], x))));
    return relu(add(through([this.conv3, this.bn3], y), through(this.downsample ?? [], x)));
  }
}

type Block = typeof BasicBlock | typeof Bottleneck;

/** `count` blocks, of which the first has the stride and changes the channels. */
function stage(block: Block, from: number, channels: number, count: number, stride: number): nn.Module[] {
  return Array.from({ length: count }, (_, i) => new block(i === 0 ? from : channels * block.expansion, channels, i === 0 ? stride : 1));
}

export interface ResNetOptions {
  /** Channels of the images. Default 3. */
  readonly channels?: number;
  /** Channels of the first stage; each further one has twice as many. Default 64. */
  readonly width?: number;
  /** Begins with a convolution of 3x3 that leaves the size of the images, for those of about 32x32, in place of 7x7 and a pooling, which leave a quarter. Default false. */
  readonly small?: boolean;
}

/** For images [channels, H, W] of about 224x224, or of about 32x32. */
export class ResNet extends nn.Module {
  readonly conv1: nn.Module;
  readonly bn1: nn.Module;
  readonly layer1: nn.Module[];
  readonly layer2: nn.Module[];
  readonly layer3: nn.Module[];
  readonly layer4: nn.Module[];
  readonly fc: nn.Module;
  readonly #small: boolean;

  constructor(block: Block, counts: readonly [number, number, number, number], classes: number, { channels = 3, width = 64, small = false }: ResNetOptions = {}) {
    super();
    const { expansion } = block;
    this.#small = small;
    this.conv1 = small ? conv(channels, width, 3) : conv(channels, width, 7, 2);
    this.bn1 = nn.batchNorm2d(width);
    this.layer1 = stage(block, width, width, counts[0], 1);
    this.layer2 = stage(block, width * expansion, 2 * width, counts[1], 2);
    this.layer3 = stage(block, 2 * width * expansion, 4 * width, counts[2], 2);
    this.layer4 = stage(block, 4 * width * expansion, 8 * width, counts[3], 2);
    this.fc = nn.linear(8 * width * expansion, classes);
  }

  override forward(x: Tensor): Tensor {
    const stem = relu(through([this.conv1, this.bn1], x));
    const features = through([this.layer1, this.layer2, this.layer3, this.layer4], this.#small ? stem : maxPool2d(stem, 3, { stride: 2, padding: 1 }));
    return this.fc.forward(flatten(adaptiveAvgPool2d(features, 1), 1));
  }
}

export const resnet18 = (classes = 1000, options?: ResNetOptions): ResNet => new ResNet(BasicBlock, [2, 2, 2, 2], classes, options);
export const resnet34 = (classes = 1000, options?: ResNetOptions): ResNet => new ResNet(BasicBlock, [3, 4, 6, 3], classes, options);
export const resnet50 = (classes = 1000, options?: ResNetOptions): ResNet => new ResNet(Bottleneck, [3, 4, 6, 3], classes, options);
