import { nn } from 'anneal';

/**
 * A network of two convolutions for digits [1, 28, 28], after LeNet-5 (LeCun et al., Proceedings of the IEEE, 1998) with today's layers: 32 and 64 channels by 3x3,
 * ReLU, max pooling.
 */
export function lenet(classes = 10) {
  return nn.sequential([1, 28, 28],
    nn.conv2d(1, 32, 3, { padding: 1 }), nn.relu(), nn.maxPool2d(2),
    nn.conv2d(32, 64, 3, { padding: 1 }), nn.relu(), nn.maxPool2d(2),
    nn.flatten(), nn.linear(3136, 128), nn.relu(), nn.linear(128, classes));
}
