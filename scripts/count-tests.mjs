// Adds up the reports that vitest (JSON) and doctest (XML) left in a folder, and prints "N passed, N failed" as the last line.
// A command that failed without a failing test in any report (a build, the linter, a missing report) counts as one failure.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, status = '0'] = process.argv.slice(2);

/** vitest --reporter=json; skipped tests are neither passed nor failed. */
function fromVitest(text) {
  const report = JSON.parse(text);
  // A file that fails to load fails without a single test of its own.
  const broken = report.testResults.filter((file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'));
  return { passed: report.numPassedTests, failed: report.numFailedTests + broken.length };
}

/** doctest -r=xml of some of the cases; the closing summary, which a crash leaves out, counts those of other processes too. Prints what failed, which went nowhere else. */
function fromDoctest(text) {
  for (const ended of text.split('<TestCase ').filter((test) => test.includes('test_case_success="false"'))) console.log(`failed: ${ended.trim()}`);
  const count = (success) => text.split(`test_case_success="${success}"`).length - 1;
  const crashed = text.includes('<OverallResultsTestCases') ? 0 : 1;
  return { passed: count(true), failed: count(false) + crashed };
}

/** The suite that a report is of: one that ran in several processes left a numbered report of each. */
const suiteOf = (file) => file.replace(/(-\d+)?\.\w+$/, '');

const suites = new Map();
for (const name of readdirSync(folder).sort()) {
  const text = readFileSync(join(folder, name), 'utf8');
  const { passed, failed } = name.endsWith('.json') ? fromVitest(text) : fromDoctest(text);
  const before = suites.get(suiteOf(name)) ?? { passed: 0, failed: 0 };
  suites.set(suiteOf(name), { passed: before.passed + passed, failed: before.failed + failed });
}
const total = { passed: 0, failed: 0 };
for (const [suite, { passed, failed }] of suites) {
  console.log(`${suite}: ${passed} passed, ${failed} failed`);
  total.passed += passed;
  total.failed += failed;
}
if (total.failed === 0 && (status !== '0' || total.passed === 0)) {
  console.log(`a command ended with status ${status} outside of any test: see its output above`);
  total.failed = 1;
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);
