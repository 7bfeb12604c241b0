import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { withFigures } from '../../bench/readme.js';

test('the figures in the README are those of bench/results', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  expect(readme, 'npm run bench -- readme writes them').toBe(withFigures(readme));
});
