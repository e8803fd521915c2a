import { statfs } from 'node:fs/promises';
import type { Metrics } from '@karmesh/sdk/runtime';

/** Shows what is left of the disk that a folder lies on, whenever the metrics are read. */
export function observeDisk(metrics: Metrics, { folder }: { readonly folder: string }): void {
  metrics.gauge({
    name: 'validator_disk_free_bytes',
    help: 'What a process without privileges can still write where the data folder lies; NaN where that cannot be told.',
    async collect(gauge) {
      gauge.set(await freeBytes(folder).catch(() => Number.NaN));
    },
  });
}

/** Bytes that a process without privileges can still write where the folder lies. Throws what the system throws. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
