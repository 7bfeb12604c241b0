export * from 'anneal';
export * as ops from '../../src/ops/index.js';
