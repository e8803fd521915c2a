// Starts every `npm run …` of this repository. Plain JavaScript without dependencies, because it runs before anything is
// installed and on whatever Node (20 or newer) started npm. It installs what the lockfile names, then hands over to the
// Node 24 that came with that install.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const modules = join(root, 'node_modules');
const stampFile = join(modules, '.karmesh-lock');
const pageLock = join(modules, '.karmesh-page-lock');

/** What each script runs, as arguments to Node 24. `check` is a list: all of them run, the first failure is the exit code. */
const bin = (name) => join('node_modules', name);
const buildPage = [bin('vite/bin/vite.js'), 'build', join('web', 'dashboard')];
const scripts = {
  up: [['programs/localnet/src/up.ts']],
  karmesh: [['sdk/src/cli/karmesh.ts']],
  bench: [['test/bench/main.ts']],
  'build:dashboard': [],
  test: [[bin('vitest/vitest.mjs'), 'run']],
  'test:long': [[bin('vitest/vitest.mjs'), 'run']],
  // One file after another: on a live cluster they share whoever pays.
  'test:program': [[bin('vitest/vitest.mjs'), 'run', '--no-file-parallelism', '--testTimeout=600000']],
  check: [
    [bin('typescript/bin/tsc'), '--noEmit'],
    [bin('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '.'],
    [
      bin('dependency-cruiser/bin/dependency-cruiser.mjs'),
      '--config',
      'config/dependency-rules.cjs',
      'sdk/src',
      'circuits/src',
      'node/src',
      'validator/src',
      'web',
      'programs/localnet/src',
      'test',
    ],
    [bin('knip/bin/knip.js'), '--config', 'config/knip.json'],
  ],
};

function fail(sentence, code = 1) {
  process.stderr.write(`✖ ${sentence}\n`);
  process.exit(code);
}

function installIfLockfileChanged() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lock) return;
  process.stderr.write('Installing the packages that package-lock.json names (npm ci) …\n');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  // npm talks on stdout; here stdout belongs to the program that runs afterwards. No package of the tree needs its install script.
  const done = spawnSync(npm, ['ci', '--ignore-scripts', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (done.status !== 0) fail('npm ci failed; its output is above.');
  writeFileSync(stampFile, lock);
  process.stderr.write(`Installed ${Math.round(sizeOf(modules) / 2 ** 20)} MiB of packages.\n`);
}

/**
 * Builds the page that the gateway serves if it is missing or its sources have changed; `up` needs it, most tests do not. A market
 * without a page is still a market, so that a build that fails does not stop it. Returns whether the page is there.
 */
function buildPageIfSourcesChanged(node) {
  takePageLock();
  try {
    return buildChangedPage(node);
  } finally {
    rmSync(pageLock, { force: true });
  }
}

/** Waits for a build that another process is at: it empties the folder first. What a killed process left is taken over. */
function takePageLock() {
  for (;;) {
    try {
      writeFileSync(pageLock, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!isRunning(pageLockHolder())) rmSync(pageLock, { force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
}

function pageLockHolder() {
  try {
    return Number(readFileSync(pageLock, 'utf8'));
  } catch {
    return 0;
  }
}

function isRunning(pid) {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}

function buildChangedPage(node) {
  const sources = ['web/dashboard/index.html', 'web/dashboard/src', 'web/dashboard/vite.config.ts', 'sdk/src'];
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
  for (const path of sources.flatMap((source) => filesOf(join(root, source))))
    hash.update(path).update(readFileSync(path));
  const digest = hash.digest('hex');
  const stamp = join(root, 'web', 'dashboard', 'dist', '.karmesh-sources');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return true;
  process.stderr.write('Building the page that the gateway serves …\n');
  const [script, ...rest] = buildPage;
  const done = spawnSync(node, [join(root, script), ...rest, '--logLevel', 'warn'], {
    cwd: root,
    // Within a test run NODE_ENV is `test`, with which React's far larger development build would be served.
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 2, 2],
  });
  if (done.status === 0) writeFileSync(stamp, digest);
  return done.status === 0;
}

/** A file, or the files below a folder in an order that is the same everywhere. */
function filesOf(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesOf(join(path, name)));
}

function sizeOf(folder) {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += sizeOf(path);
    else if (entry.isFile()) bytes += statSync(path).size;
  }
  return bytes;
}

/** The Node 24 of this platform's package, else the running Node if it is new enough. */
function node24() {
  const exe = process.platform === 'win32' ? 'node.exe' : 'bin/node';
  const packages = [
    `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`,
    `node-bin-${process.platform}-${process.arch}`,
  ];
  const found = packages.map((name) => join(modules, name, exe)).find((path) => existsSync(path));
  if (found) return found;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  return fail(`No Node 24 package exists for ${process.platform}-${process.arch}; start npm with Node 24 or newer.`);
}

/** Takes `--url URL` and `--keypair FILE` out of the arguments: where the program's tests run, and who pays there. */
function takeLiveCluster(args) {
  const taken = {};
  for (const [flag, variable] of [
    ['--url', 'KARMESH_TEST_RPC_URL'],
    ['--keypair', 'KARMESH_TEST_KEYPAIR'],
  ]) {
    const at = args.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
    if (at < 0) continue;
    const [found, next] = args.slice(at, at + 2);
    const joined = found.includes('=');
    const value = joined ? found.slice(found.indexOf('=') + 1) : next;
    if (!value) fail(`${flag} needs a value.`, 2);
    args.splice(at, joined ? 1 : 2);
    taken[variable] = flag === '--keypair' ? resolve(process.env.INIT_CWD ?? root, value) : value;
  }
  return taken;
}

const [name, ...args] = process.argv.slice(2);
const commands = scripts[name];
if (!commands) fail(`Unknown script "${name ?? ''}"; known: ${Object.keys(scripts).join(', ')}.`, 2);
installIfLockfileChanged();
const node = node24();
if (name === 'test:program' && !args.some((arg) => arg.includes('test/program'))) args.push('test/program/');
if (name === 'build:dashboard' && !buildPageIfSourcesChanged(node))
  fail('The page could not be built; its output is above.');
if (name === 'up' && !args.some((arg) => /^(--once|--help|-h)(=|$)/.test(arg)) && !buildPageIfSourcesChanged(node))
  process.stderr.write('The page could not be built; its output is above. The market runs without it.\n');
const env = {
  // Programs that were started before start in about half the processor's time. It goes with node_modules.
  NODE_COMPILE_CACHE: join(modules, '.cache', 'compiled'),
  ...process.env,
  ...(name === 'test:long' ? { LONG: '1' } : {}),
  ...(name === 'test:program' ? takeLiveCluster(args) : {}),
};
const cwd = name === 'up' || name === 'karmesh' ? (process.env.INIT_CWD ?? root) : root;
/** Runs one command in this terminal; signals that reach only this process are passed on, and its end takes the command along. */
function run(command) {
  const script = command.map((part, index) => (index === 0 ? join(root, part) : part));
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', ...script, ...args], {
    cwd,
    env,
    stdio: 'inherit',
  });
  const parent = process.ppid;
  const pass = (signal) => child.kill(signal);
  const passed = ['SIGTERM', 'SIGHUP'];
  for (const signal of passed) process.on(signal, pass);
  // A Ctrl-C reaches the whole process group; the command ends itself in order and this process waits for it.
  const wait = () => {};
  process.on('SIGINT', wait);
  // npm starts this process through a shell that passes no signal on: whoever ends npm leaves an orphan here.
  const watch = setInterval(() => {
    if (process.ppid !== parent) child.kill('SIGTERM');
  }, 1000);
  return new Promise((resolve) => {
    const done = (code) => {
      clearInterval(watch);
      for (const signal of passed) process.off(signal, pass);
      process.off('SIGINT', wait);
      resolve(code);
    };
    child.once('error', (error) => fail(`Node could not be started: ${error.message}`));
    child.once('exit', (code, signal) => done(code ?? (signal ? 1 : 0)));
  });
}

for (const command of commands) {
  const code = await run(command);
  if (code !== 0) process.exit(code);
}
