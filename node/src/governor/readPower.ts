import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What the machine runs on. `percent` is what the batteries still hold on average, undefined if none of them says so sensibly. */
export type Power = { readonly kind: 'mains' } | { readonly kind: 'battery'; readonly percent: number | undefined };

const LINUX_FOLDER = '/sys/class/power_supply';

/**
 * Reads Linux's power supplies (https://docs.kernel.org/power/power_supply_class.html). A machine that names none has no battery. What
 * a mouse or a headset holds (`scope` Device) does not count.
 */
export async function readPower(folder: string = LINUX_FOLDER): Promise<Power> {
  const names = await readdir(folder).catch((): readonly string[] => []);
  const supplies = await Promise.all(names.map((name) => readSupply(join(folder, name))));
  const batteries = supplies.filter(({ type, scope }) => (type === 'Battery' || type === 'UPS') && scope !== 'Device');
  const sources = supplies.filter(({ type }) => type === 'Mains' || type === 'USB');
  const isPlugged = sources.some(({ online }) => online === '1');
  if (isPlugged || !batteries.some(({ status }) => status !== 'Charging' && status !== 'Full'))
    return { kind: 'mains' };
  const known = batteries.flatMap(({ capacity }) => percentOf(capacity) ?? []);
  const percent = known.length === 0 ? undefined : known.reduce((sum, each) => sum + each, 0) / known.length;
  return { kind: 'battery', percent };
}

const FIELDS = ['type', 'scope', 'online', 'status', 'capacity'] as const;
type Supply = Readonly<Record<(typeof FIELDS)[number], string | undefined>>;

async function readSupply(folder: string): Promise<Supply> {
  const read = async (field: string) => [field, await readLine(join(folder, field))] as const;
  return Object.fromEntries(await Promise.all(FIELDS.map(read))) as Supply;
}

/** A field that the driver does not have, or cannot read now, is undefined. */
async function readLine(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text?.trim();
}

function percentOf(text: string | undefined): number | undefined {
  const percent = /^\d{1,3}$/.test(text ?? '') ? Number(text) : undefined;
  return percent !== undefined && percent <= 100 ? percent : undefined;
}
