import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A module that is loaded into every program before its own code, and the folder by which a test speaks to it. */
export interface Preload extends AsyncDisposable {
  readonly folder: string;
}

/** Loads `script` into every program that is started from here on, with a new folder's path in `variable`, until this is disposed. */
export async function openPreload({
  script,
  variable,
}: {
  readonly script: URL;
  readonly variable: string;
}): Promise<Preload> {
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-preload-'));
  const before = process.env.NODE_OPTIONS;
  const preload = `--import=${script.href} --disable-warning=ExperimentalWarning`;
  process.env.NODE_OPTIONS = before === undefined ? preload : `${before} ${preload}`;
  process.env[variable] = folder;
  return {
    folder,
    async [Symbol.asyncDispose]() {
      delete process.env[variable];
      if (before === undefined) delete process.env.NODE_OPTIONS;
      else process.env.NODE_OPTIONS = before;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
