import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MEASURED, type PinnedProcess, startPinned } from './pinnedProcess.ts';
import { MODEL_NAME } from './upstream.ts';

export const LITELLM_VERSION = '1.106.2';
export const LITELLM_KEY = 'sk-bench';
const root = fileURLToPath(new URL('../../../', import.meta.url));
const run = promisify(execFile);
const INSTALL_MS = 480_000;
const READY_MS = 120_000;

/** The folder of LiteLLM's programs in a virtual environment, made by pip once; else why there is none. */
export async function installLitellm(): Promise<{ readonly bin: string } | { readonly reason: string }> {
  const tools = join(root, '.tools', 'litellm');
  const bin = join(tools, LITELLM_VERSION, 'bin');
  if (existsSync(join(bin, 'litellm'))) return { bin };
  // An installation that was cut off must not look like a whole one.
  const fresh = join(tools, `${LITELLM_VERSION}.${process.pid}`);
  try {
    await mkdir(tools, { recursive: true });
    await run('python3', ['-m', 'venv', fresh], { timeout: 60_000 });
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--retries', '1', '--timeout', '30'];
    const named = `litellm[proxy]==${LITELLM_VERSION}`;
    await run(join(fresh, 'bin', 'python'), [...pip, named], { timeout: INSTALL_MS });
    await rename(fresh, join(tools, LITELLM_VERSION));
    return { bin };
  } catch (cause) {
    return { reason: String(cause).split('\n')[0]?.slice(0, 200) ?? '' };
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** Starts LiteLLM's proxy as its manual says for one worker without a database. Its URL ends with `/v1`. */
export async function startLitellm(
  stack: AsyncDisposableStack,
  options: { readonly bin: string; readonly upstream: string; readonly folder: string; readonly logFile: string },
): Promise<{ readonly process: PinnedProcess; readonly url: string }> {
  const { bin, folder, logFile, upstream } = options;
  const config = join(folder, 'litellm.json');
  await writeFile(
    config,
    // JSON is YAML.
    JSON.stringify({
      model_list: [
        {
          model_name: MODEL_NAME,
          litellm_params: { model: `openai/${MODEL_NAME}`, api_base: upstream, api_key: 'sk-upstream' },
        },
      ],
      general_settings: { master_key: LITELLM_KEY },
      litellm_settings: { telemetry: false, num_retries: 0 },
    }),
  );
  const port = await freePort();
  const flags = ['--config', config, '--host', '127.0.0.1', '--port', String(port), '--num_workers', '1'];
  const started = stack.use(
    startPinned({
      command: [join(bin, 'python'), join(bin, 'litellm'), ...flags, '--telemetry', 'False'],
      processor: MEASURED,
      logFile,
      ipc: false,
      // Production's settings; the list of prices is the installed one, since nothing is fetched.
      env: {
        LITELLM_MODE: 'PRODUCTION',
        LITELLM_LOG: 'ERROR',
        LITELLM_LOCAL_MODEL_COST_MAP: 'True',
        LITELLM_TELEMETRY: 'False',
        NO_PROXY: '127.0.0.1',
      },
    }),
  );
  const untilMs = performance.now() + READY_MS;
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/health/liveliness`).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.ok === true) return { process: started, url: `http://127.0.0.1:${port}/v1` };
    if (started.child.exitCode !== null || performance.now() > untilMs)
      throw new Error(`LiteLLM did not start: see ${logFile}.`);
    await pause(200);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
