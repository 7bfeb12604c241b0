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

/** For images [3, H, W] of about 224x224. */
export class ResNet extends nn.Module {
  readonly conv1 = conv(3, 64, 7, 2);
  readonly bn1 = nn.batchNorm2d(64);
  readonly layer1: nn.Module[];
  readonly layer2: nn.Module[];
  readonly layer3: nn.Module[];
  readonly layer4: nn.Module[];
  readonly fc: nn.Module;

  constructor(block: Block, counts: readonly [number, number, number, number], classes: number) {
    super();
    const { expansion } = block;
    this.layer1 = stage(block, 64, 64, counts[0], 1);
    this.layer2 = stage(block, 64 * expansion, 128, counts[1], 2);
    this.layer3 = stage(block, 128 * expansion, 256, counts[2], 2);
    this.layer4 = stage(block, 256 * expansion, 512, counts[3], 2);
    this.fc = nn.linear(512 * expansion, classes);
  }

  override forward(x: Tensor): Tensor {
    const stem = maxPool2d(relu(through([this.conv1, this.bn1], x)), 3, { stride: 2, padding: 1 });
    const features = through([this.layer1, this.layer2, this.layer3, this.layer4], stem);
    return this.fc.forward(flatten(adaptiveAvgPool2d(features, 1), 1));
  }
}

export const resnet18 = (classes = 1000): ResNet => new ResNet(BasicBlock, [2, 2, 2, 2], classes);
export const resnet34 = (classes = 1000): ResNet => new ResNet(BasicBlock, [3, 4, 6, 3], classes);
export const resnet50 = (classes = 1000): ResNet => new ResNet(Bottleneck, [3, 4, 6, 3], classes);
