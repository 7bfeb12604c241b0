// Augmentation of one image in plain JavaScript: the formulas of torchvision.transforms.v2, drawn as the kernels draw.

/** An image of C channels. */
export interface Image {
  readonly C: number;
  readonly H: number;
  readonly W: number;
  readonly data: readonly number[];
}

export const pixel = ({ H, W, data }: Image, c: number, y: number, x: number): number => data[(c * H + y) * W + x]!;

export function imageOf(C: number, H: number, W: number, at: (c: number, y: number, x: number) => number): Image {
  return { C, H, W, data: Array.from({ length: C * H * W }, (_, i) => at(Math.floor(i / (H * W)), Math.floor(i / W) % H, i % W)) };
}

const STREAM = 0x6175676d;

/** Philox4x32-10 with the counter (example, epoch, stream, place of the transform and number of the block). */
export class Draws {
  #used = 0;
  #words: number[] = [];

  constructor(
    readonly seed: number,
    readonly epoch: number,
    readonly example: number,
    readonly place: number,
  ) {}

  uniform(): number {
    if (this.#used % 4 === 0) this.#words = this.#block(this.#used / 4);
    return (this.#words[this.#used++ % 4]! >>> 8) / 2 ** 24;
  }

  between(low: number, high: number): number {
    return Math.fround(low) + (Math.fround(high) - Math.fround(low)) * this.uniform();
  }

  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  #block(number: number): number[] {
    const word = (value: bigint): bigint => BigInt.asUintN(32, value);
    let [a, b, c, d] = [this.example, this.epoch, STREAM, (this.place ^ (number << 16)) >>> 0].map(BigInt) as [bigint, bigint, bigint, bigint];
    let [k, l] = [word(BigInt(this.seed)), BigInt(Math.floor(this.seed / 2 ** 32))];
    for (let round = 0; round < 10; round++) {
      const [p, q] = [a * 0xd2511f53n, c * 0xcd9e8d57n];
      [a, b, c, d] = [(q >> 32n) ^ b ^ k, word(q), (p >> 32n) ^ d ^ l, word(p)];
      [k, l] = [word(k + 0x9e3779b9n), word(l + 0xbb67ae85n)];
    }
    return [a, b, c, d].map(Number);
  }
}

export function flip(image: Image, draws: Draws, p: number, vertical: boolean): Image {
  if (!(draws.uniform() < Math.fround(p))) return image;
  const { C, H, W } = image;
  return imageOf(C, H, W, (c, y, x) => pixel(image, c, vertical ? H - 1 - y : y, vertical ? x : W - 1 - x));
}

export function crop(image: Image, draws: Draws | undefined, [h, w]: readonly [number, number], padding: readonly [number, number], mode: string, fill: number): Image {
  const { C, H, W } = image;
  const free = [H + 2 * padding[0] - h, W + 2 * padding[1] - w] as const;
  const top = draws === undefined ? Math.floor(free[0] / 2) : draws.below(free[0] + 1);
  const left = draws === undefined ? Math.floor(free[1] / 2) : draws.below(free[1] + 1);
  const within = (i: number, n: number): number => {
    if (i >= 0 && i < n) return i;
    if (mode === 'edge') return Math.min(Math.max(i, 0), n - 1);
    if (mode === 'reflect') return i < 0 ? -i : 2 * n - 2 - i;
    return mode === 'symmetric' ? (i < 0 ? -i - 1 : 2 * n - 1 - i) : NaN;
  };
  return imageOf(C, h, w, (c, y, x) => {
    const [row, column] = [within(y + top - padding[0], H), within(x + left - padding[1], W)];
    return Number.isNaN(row + column) ? fill : pixel(image, c, row, column);
  });
}

/** Top, left, height and width. */
type Box = readonly [top: number, left: number, height: number, width: number];

function drawBox({ H, W }: Image, draws: Draws, scale: readonly number[], ratio: readonly number[], most: number): Box | undefined {
  for (let i = 0; i < 10; i++) {
    const area = H * W * draws.between(scale[0]!, scale[1]!);
    const logs = ratio.map((one) => Math.log(Math.fround(one)));
    const aspect = Math.exp(logs[0]! + (logs[1]! - logs[0]!) * draws.uniform());
    const [w, h] = [Math.round(Math.sqrt(area * aspect)), Math.round(Math.sqrt(area / aspect))];
    if (w >= 1 && h >= 1 && w <= W - most && h <= H - most) return [draws.below(H - h + 1), draws.below(W - w + 1), h, w];
  }
  return undefined;
}

/** Weights of the elements of an axis for each of `out` results: a triangle as wide as the image is made smaller. */
function triangles(n: number, out: number): number[][] {
  const ratio = n / out;
  const width = Math.max(ratio, 1);
  return Array.from({ length: out }, (_, i) => {
    const weights = Array.from({ length: n }, (__, j) => Math.max(0, 1 - Math.abs(j + 0.5 - (i + 0.5) * ratio) / width));
    const sum = weights.reduce((a, b) => a + b);
    return weights.map((weight) => weight / sum);
  });
}

/** Bytes are rounded after rows, and after columns. */
export function resizedCrop(image: Image, draws: Draws, [h, w]: readonly [number, number], scale: readonly number[], ratio: readonly number[]): Image {
  const [top, left, height, width] = drawBox(image, draws, scale, ratio, 0)!;
  const [across, down] = [triangles(width, w), triangles(height, h)];
  const sum = (weights: readonly number[], at: (i: number) => number): number => Math.round(weights.reduce((total, weight, i) => total + (weight === 0 ? 0 : weight * at(i)), 0));
  const rows = imageOf(image.C, height, w, (c, y, x) => sum(across[x]!, (i) => pixel(image, c, top + y, left + i)));
  return imageOf(image.C, h, w, (c, y, x) => sum(down[y]!, (i) => pixel(rows, c, i, x)));
}

export interface Moves {
  readonly degrees: readonly [number, number];
  readonly translate: readonly [number, number];
  readonly scale: readonly [number, number];
  readonly shear: readonly [number, number, number, number];
}

/** By torchvision's matrices; elements are looked up bilinearly, or the nearest one. */
export function affine(image: Image, draws: Draws, { degrees, translate, scale, shear }: Moves, bilinear: boolean, fill: number): Image {
  const { C, H, W } = image;
  const radians = Math.PI / 180;
  const angle = draws.between(...degrees) * radians;
  const tx = Math.round(draws.between(-translate[0], translate[0]) * W);
  const ty = Math.round(draws.between(-translate[1], translate[1]) * H);
  const size = draws.between(...scale);
  const [sx, sy] = [draws.between(shear[0], shear[1]) * radians, draws.between(shear[2], shear[3]) * radians];
  const a = Math.cos(angle - sy) / Math.cos(sy);
  const b = (-Math.cos(angle - sy) * Math.tan(sx)) / Math.cos(sy) - Math.sin(angle);
  const c = Math.sin(angle - sy) / Math.cos(sy);
  const d = (-Math.sin(angle - sy) * Math.tan(sx)) / Math.cos(sy) + Math.cos(angle);
  const [cx, cy] = [(W - 1) / 2, (H - 1) / 2];
  return imageOf(C, H, W, (channel, y, x) => {
    const [dx, dy] = [x - cx - tx, y - cy - ty];
    const [column, row] = [(d * dx - b * dy) / size + cx, (-c * dx + a * dy) / size + cy];
    const at = (i: number, j: number): number => (i >= 0 && i < H && j >= 0 && j < W ? pixel(image, channel, i, j) : fill);
    if (!bilinear) return at(Math.floor(row + 0.5), Math.floor(column + 0.5));
    const [i, j] = [Math.floor(row), Math.floor(column)];
    const [down, right] = [row - i, column - j];
    return (at(i, j) * (1 - right) + at(i, j + 1) * right) * (1 - down) + (at(i + 1, j) * (1 - right) + at(i + 1, j + 1) * right) * down;
  });
}

export function erase(image: Image, draws: Draws, p: number, scale: readonly number[], ratio: readonly number[], value: number): Image {
  const box = draws.uniform() < Math.fround(p) ? drawBox(image, draws, scale, ratio, 1) : undefined;
  if (box === undefined) return image;
  const [top, left, h, w] = box;
  return imageOf(image.C, image.H, image.W, (c, y, x) => (y >= top && y < top + h && x >= left && x < left + w ? value : pixel(image, c, y, x)));
}

type Factors = Readonly<Record<'brightness' | 'contrast' | 'saturation' | 'hue', readonly [number, number]>>;

/** Three channels of bytes; the hue by HSV, as colorsys has it. */
export function jitter(image: Image, draws: Draws, factors: Factors): Image {
  const order = ['brightness', 'contrast', 'saturation', 'hue'] as const;
  const shuffled = [...order];
  for (let i = 3; i > 0; i--) {
    const j = draws.below(i + 1);
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  const drawn = Object.fromEntries(order.map((name) => [name, draws.between(...factors[name])])) as Record<(typeof order)[number], number>;
  let now = image;
  const { C, H, W } = image;
  for (const name of shuffled) {
    const factor = drawn[name];
    const before = now;
    const grey = (y: number, x: number): number => Math.floor(0.2989 * pixel(before, 0, y, x) + 0.587 * pixel(before, 1, y, x) + 0.114 * pixel(before, 2, y, x));
    const mean = imageOf(1, H, W, (_, y, x) => grey(y, x)).data.reduce((a, b) => a + b) / (H * W);
    const blend = (other: (y: number, x: number) => number): Image => imageOf(C, H, W, (c, y, x) => Math.floor(Math.min(255, Math.max(0, factor * pixel(before, c, y, x) + (1 - factor) * other(y, x)))));
    if (name === 'brightness') now = blend(() => 0);
    else if (name === 'contrast') now = blend(() => mean);
    else if (name === 'saturation') now = blend(grey);
    else now = imageOf(C, H, W, (c, y, x) => turned(pixel(before, 0, y, x), pixel(before, 1, y, x), pixel(before, 2, y, x), factor)[c]!);
  }
  return now;
}

function turned(red: number, green: number, blue: number, shift: number): number[] {
  const [r, g, b] = [red / 255, green / 255, blue / 255];
  const [most, least] = [Math.max(r, g, b), Math.min(r, g, b)];
  if (most === least) return [red, green, blue];
  const [s, dr, dg, db] = [(most - least) / most, (most - r) / (most - least), (most - g) / (most - least), (most - b) / (most - least)];
  const h = ((most === r ? db - dg : most === g ? 2 + dr - db : 4 + dg - dr) / 6 + 2 + shift) % 1;
  const i = Math.floor(h * 6);
  const f = h * 6 - i;
  const [p, q, t] = [most * (1 - s), most * (1 - s * f), most * (1 - s * (1 - f))];
  return [[most, t, p], [q, most, p], [p, most, t], [p, q, most], [t, p, most], [most, p, q]][i % 6]!.map((x) => Math.floor(x * 255.999));
}
