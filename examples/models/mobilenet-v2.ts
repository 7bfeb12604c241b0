/** MobileNetV2 (Sandler et al., arXiv:1801.04381) for images [3, H, W], whose state has the names of torchvision's. */
import { adaptiveAvgPool2d, add, clamp, flatten, nn, type Tensor } from 'anneal';
import { through, type Layers } from './layers.js';

class Relu6 extends nn.Module {
  override forward(x: Tensor): Tensor {
    return clamp(x, 0, 6);
  }
}

/** A convolution, its norm and min(max(y, 0), 6). */
function convNormRelu(from: number, to: number, kernel: number, options: { readonly stride?: number; readonly groups?: number } = {}): nn.Module[] {
  return [conv(from, to, kernel, options), nn.batchNorm2d(to), new Relu6()];
}

function conv(from: number, to: number, kernel: number, options: { readonly stride?: number; readonly groups?: number } = {}): nn.Conv<2> {
  const layer = new nn.Conv(2, from, to, kernel, { ...options, padding: (kernel - 1) / 2, bias: false });
  layer.weight.initialize(nn.init.kaimingNormal(0, 'fanOut'));
  return layer;
}

/** Channels are widened by 1x1, each filtered by 3x3 for itself, and made fewer by 1x1; x is added where nothing changes its shape. */
class InvertedResidual extends nn.Module {
  readonly conv: Layers;
  readonly #adds: boolean;

  constructor(from: number, to: number, stride: number, expansion: number) {
    super();
    const wide = from * expansion;
    const widened = expansion === 1 ? [] : [convNormRelu(from, wide, 1)];
    this.conv = [...widened, convNormRelu(wide, wide, 3, { stride, groups: wide }), conv(wide, to, 1), nn.batchNorm2d(to)];
    this.#adds = from === to && stride === 1;
  }

  override forward(x: Tensor): Tensor {
    const y = through(this.conv, x);
    return this.#adds ? add(x, y) : y;
  }
}

/** Expansion, channels, number of blocks and stride of the first one. */
const STAGES = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]] as const;

export class MobileNetV2 extends nn.Module {
  readonly features: Layers;
  readonly classifier: Layers;

  constructor(classes: number) {
    super();
    const blocks: nn.Module[] = [];
    let from = 32;
    for (const [expansion, channels, count, stride] of STAGES) {
      for (let i = 0; i < count; i++, from = channels) blocks.push(new InvertedResidual(from, channels, i === 0 ? stride : 1, expansion));
    }
    this.features = [convNormRelu(3, 32, 3, { stride: 2 }), ...blocks, convNormRelu(from, 1280, 1)];
    const head = nn.linear(1280, classes);
    head.weight.initialize(nn.init.normal(0, 0.01));
    head.bias!.initialize(nn.init.zeros());
    this.classifier = [nn.dropout(0.2), head];
  }

  override forward(x: Tensor): Tensor {
    return through(this.classifier, flatten(adaptiveAvgPool2d(through(this.features, x), 1), 1));
  }
}

export const mobilenetV2 = (classes = 1000): MobileNetV2 => new MobileNetV2(classes);
