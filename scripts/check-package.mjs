// Holds a packed tarball to what a release needs: all binaries, each for its platform and with its C++ library inside; size;
// version and changelog that agree with the tag.
//
//     node scripts/check-package.mjs anneal-1.2.3.tgz [v1.2.3]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MOST_BYTES = 6e6;

/** Beginning of each binary: its format, and the architecture at an offset. */
const binaries = {
  'linux-x64': [[0, 0x464c457f], [18, 62]],
  'linux-arm64': [[0, 0x464c457f], [18, 183]],
  'win32-x64': [[0, 0x5a4d]],
  'darwin-x64': [[0, 0xfeedfacf], [4, 0x01000007]],
  'darwin-arm64': [[0, 0xfeedfacf], [4, 0x0100000c]],
};
const files = ['dist/index.js', 'dist/index.d.ts', 'dist/cli.js', 'native/addon/module.cc', 'native/binding.gyp', 'scripts/build-addon.mjs', 'README.md', 'CHANGELOG.md', 'LICENSE'];

const [tarball, tag] = process.argv.slice(2);
const problems = [];
const folder = mkdtempSync(join(tmpdir(), 'anneal-package-'));
try {
  execFileSync('tar', ['-xzf', tarball, '-C', folder]);
  const read = (file) => {
    try {
      return readFileSync(join(folder, 'package', file));
    } catch {
      problems.push(`${file} is missing`);
      return undefined;
    }
  };
  for (const file of files) read(file);
  for (const [platform, marks] of Object.entries(binaries)) {
    const bytes = read(`prebuilds/anneal-${platform}.node`);
    if (bytes === undefined) continue;
    const wrong = bytes.length < 1e5 || marks.some(([at, value]) => (value > 0xffff ? bytes.readUInt32LE(at) : bytes.readUInt16LE(at)) !== value);
    if (wrong) problems.push(`prebuilds/anneal-${platform}.node is no binary for ${platform}`);
  }
  const { version, scripts = {} } = JSON.parse(read('package.json') ?? '{}');
  for (const script of ['preinstall', 'install', 'postinstall']) if (scripts[script] !== undefined) problems.push(`package.json has the script ${script}`);
  if (tag !== undefined && tag !== '') {
    if (tag !== `v${version}`) problems.push(`the tag is ${tag}, the version ${version}`);
    if (!String(read('CHANGELOG.md')).includes(`## [${version}]`)) problems.push(`CHANGELOG.md has no section for ${version}`);
  }
  const { size } = statSync(tarball);
  if (size > MOST_BYTES) problems.push(`${(size / 1e6).toFixed(2)} MB are more than ${MOST_BYTES / 1e6}`);
  if (problems.length === 0) console.log(`${tarball}: ${(size / 1e6).toFixed(2)} MB, nothing missing`);
} finally {
  rmSync(folder, { recursive: true });
}
if (problems.length > 0) {
  console.error(`${tarball} cannot be released: ${problems.join('; ')}`);
  process.exit(1);
}
