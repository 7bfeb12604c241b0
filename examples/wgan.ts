/**
 * Trains a Wasserstein GAN with gradient penalty (Gulrajani et al., 2017) on points of two dimensions: eight clusters on a ring. The penalty is a function of the
 * critic's slope at points between true and generated ones, so that its gradient is a gradient of a gradient. Writes a picture.
 *
 *     npm run example:wgan
 *     npm run example:wgan -- --iterations 500 --seed 2 --out points.svg
 *
 * Expected: after 2,000 iterations all eight clusters have points, and most points lie in one.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { add, grad, mean, mul, nn, noGrad, normal, optim, pow, random, seed, sqrt, sub, sum, tensor, uniform, type Tensor } from 'anneal';
import { init } from 'echarts';

const { values: args } = parseArgs({ options: { iterations: { type: 'string', default: '2000' }, seed: { type: 'string', default: '1' }, out: { type: 'string', default: 'wgan.svg' } } });
const [CLUSTERS, RADIUS, SPREAD] = [8, 2, 0.1];
const [BATCH, NOISE, CRITIC_STEPS, PENALTY] = [256, 2, 5, 0.1];
type Points = Tensor<[number, 2], 'float32'>;

seed(Number(args.seed));
const generator = nn.sequential([NOISE], nn.linear(NOISE, 64), nn.relu(), nn.linear(64, 64), nn.relu(), nn.linear(64, 2));
const critic = nn.sequential([2], nn.linear(2, 64), nn.relu(), nn.linear(64, 64), nn.relu(), nn.linear(64, 1));
const options = { lr: 1e-3, betas: [0.5, 0.9] as const };
const optimizers = { generator: optim.adam(generator.parameters(), options), critic: optim.adam(critic.parameters(), options) };

const centres = tensor(Array.from({ length: CLUSTERS }, (_, i) => [RADIUS * Math.cos((2 * Math.PI * i) / CLUSTERS), RADIUS * Math.sin((2 * Math.PI * i) / CLUSTERS)]));

/** Points of the ring, each in a cluster by chance. */
function real(count: number): Points {
  const cluster = mul(uniform([count], random.key('cluster')), CLUSTERS).cast('int32');
  return add(centres.gather(cluster), normal([count, 2], random.key('spread'), 0, SPREAD)) as Points;
}

function fake(count: number): Points {
  return generator.forward(normal([count, NOISE], random.key('noise')));
}

/** Mean of (|slope of the critic| - 1)² on lines between true and generated points. */
function gradientPenalty(truth: Points, made: Points): Tensor<[], 'float32'> {
  const share = uniform([BATCH, 1], random.key('share'));
  const between = add(mul(truth, share), mul(made, sub(1, share))).detach().requireGrad();
  const [slope] = grad(sum(critic.forward(between)), [between], { createGraph: true });
  const norm = sqrt(add(sum(mul(slope, slope), { axis: 1 }), 1e-12));
  return mean(pow(sub(norm, 1), 2));
}

async function trainCritic(): Promise<Tensor> {
  const [truth, made] = [real(BATCH), noGrad(() => fake(BATCH))];
  const distance = sub(mean(critic.forward(truth)), mean(critic.forward(made)));
  const loss = sub(mul(gradientPenalty(truth, made), PENALTY), distance);
  optimizers.critic.zeroGrad();
  loss.backward();
  await optimizers.critic.step();
  return distance;
}

async function trainGenerator(): Promise<void> {
  // The critic's parameters get no gradients meanwhile.
  for (const parameter of critic.parameters()) parameter.requiresGrad = false;
  const loss = mul(mean(critic.forward(fake(BATCH))), -1);
  for (const parameter of critic.parameters()) parameter.requiresGrad = true;
  optimizers.generator.zeroGrad();
  loss.backward();
  await optimizers.generator.step();
}

const iterations = Number(args.iterations);
for (let i = 1; i <= iterations; i++) {
  let distance: Tensor | undefined;
  for (let k = 0; k < CRITIC_STEPS; k++) distance = await trainCritic();
  await trainGenerator();
  if (i % Math.ceil(iterations / 10) === 0) console.log(`iteration ${i}: the critic tells them apart by ${(await distance!.item()).toFixed(3)}`);
}

const [truth, made] = await Promise.all([real(1000).array(), noGrad(() => fake(1000)).array()]);
const inside = (await centres.array()).map(([x, y]) => made.filter((point) => Math.hypot(point[0]! - x!, point[1]! - y!) < 3 * SPREAD).length);
console.log(`${inside.filter((count) => count >= 10).length} of ${CLUSTERS} clusters have points; ${(inside.reduce((a, b) => a + b) / 10).toFixed(0)} % of all points lie within three deviations of one`);

const chart = init(null, null, { renderer: 'svg', ssr: true, width: 560, height: 520 });
const series = (name: string, data: number[][], color: string) => ({ name, type: 'scatter' as const, data, symbolSize: 3, itemStyle: { color } });
chart.setOption({ animation: false, legend: {}, xAxis: { min: -3, max: 3 }, yAxis: { min: -3, max: 3 }, series: [series('true', truth, '#aaa'), series('generated', made, '#d2552c')] });
writeFileSync(args.out, chart.renderToSVGString());
chart.dispose();
console.log(`wrote ${args.out}`);
