import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Child } from '../../../programs/localnet/src/up/child.ts';
import { openPreload } from '../preload.ts';
import { CUTS_VARIABLE } from './cutFiles.ts';

export interface Cuts extends AsyncDisposable {
  /** Cuts the sides off from each other; within a side everybody is reached, and the cluster's RPC is by all. */
  cut(...sides: readonly (readonly Child[])[]): Promise<void>;
  heal(): Promise<void>;
}

const peerReady = z.object({ multiaddrs: z.array(z.string()).min(1) });

/** The ports on which a program listens for its peers. */
function portsOf(child: Child): readonly string[] {
  return peerReady.parse(child.ready).multiaddrs.flatMap((address) => /\/tcp\/(\d+)/.exec(address)?.[1] ?? []);
}

/** Every program that is started from here on can be cut off from others, until this is disposed. */
export async function openCuts(): Promise<Cuts> {
  const preload = await openPreload({ script: new URL('./cutPoint.ts', import.meta.url), variable: CUTS_VARIABLE });
  const fileOf = (child: Child): string => join(preload.folder, `${child.pid}`);
  let cutOff: readonly Child[] = [];
  return {
    async cut(...sides) {
      cutOff = sides.flat();
      const written = sides.flatMap((side) => {
        const others = sides.filter((each) => each !== side).flat();
        return side.map(async (child) => {
          await writeFile(`${fileOf(child)}.new`, others.flatMap(portsOf).join());
          await rename(`${fileOf(child)}.new`, fileOf(child));
        });
      });
      await Promise.all(written);
    },
    async heal() {
      await Promise.all(cutOff.map((child) => rm(fileOf(child), { force: true })));
      cutOff = [];
    },
    [Symbol.asyncDispose]: () => preload[Symbol.asyncDispose](),
  };
}
