import { readFile } from 'node:fs/promises';
import { Command, CommanderError, Option } from 'commander';
import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import { nearestName } from '../nearestName.ts';
import type { Interview } from './interview.ts';
import { errnoOf } from './storeError.ts';

declare module 'zod' {
  interface GlobalMeta {
    /** A one-letter flag, `u` for `-u`. */
    flag?: string;
    /** A variable of another tool that is honoured below our own flag and variable, such as `ANCHOR_WALLET`. */
    alsoEnv?: string;
    /** What `--help` shows for the value, `url` for `--rpc <url>`. */
    placeholder?: string;
  }
}

/** A program's settings: one strict zod object, flat, whose fields carry `.meta({ description })` and a default where they have one. */
export type ConfigSchema = z.ZodObject<z.ZodRawShape>;

export type ReadConfigOptions<S extends ConfigSchema> = {
  /** What a person types, `karmesh worker start`. */
  readonly program: string;
  /** One sentence for `--help`. */
  readonly summary: string;
  /** The program's part of karmesh.config.json, such as `worker`. */
  readonly section: string;
  readonly schema: S;
  /** Of other commands that read the same part of a file: their keys are passed over there. */
  readonly sharedWith?: readonly ConfigSchema[];
  /** What stands beside the flags, in order; a name that ends in `...` takes all that is left. */
  readonly positionals?: readonly {
    readonly name: string;
    readonly description: string;
    readonly optional?: boolean;
  }[];
  /** The settings that a person is asked for, if some that is required was not given. */
  readonly questions?: readonly string[];
  /** Asks its questions even if nothing required is missing, unless the setting `yes` is true. */
  readonly wizard?: boolean;
  /** Whom to ask; nobody unless told. */
  readonly interview?: Pick<Interview, 'ask' | 'say'> | undefined;
  /** The arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Config files, the first of them wins; one that does not exist is passed over. `--config` names one that must exist. */
  readonly files?: readonly string[];
};

/** Where a setting came from. */
export type ConfigSource = 'flag' | 'env' | 'file' | 'default';

export type ReadConfigResult<S extends ConfigSchema> =
  | { readonly kind: 'help'; readonly text: string }
  | {
      readonly kind: 'config';
      readonly config: Readonly<z.output<S>>;
      readonly positionals: readonly string[];
      readonly sources: Readonly<Record<string, ConfigSource>>;
    };

type Found = { readonly value: unknown; readonly source: ConfigSource; readonly where: string };
type Faults = Record<string, string>;

/**
 * Reads a program's settings: flag over `KARMESH_*` variable over config file over default. Variables of other programs are
 * passed over, since one environment serves several; an unknown flag or key in the program's part of a file is refused.
 *
 * @throws KarmeshError `CONFIG_INVALID`, whose facts name every fault by the place where it stands.
 */
export async function readConfig<S extends ConfigSchema>(options: ReadConfigOptions<S>): Promise<ReadConfigResult<S>> {
  const { schema, env } = options;
  const command = commandFor(options);
  try {
    command.parse([...options.argv], { from: 'user' });
  } catch (cause) {
    if (!(cause instanceof CommanderError)) throw cause;
    if (cause.code === 'commander.helpDisplayed') return { kind: 'help', text: command.helpInformation() };
    const sentence = cause.message.replace(/^error: /, '').split('\n', 1)[0] ?? '';
    const [, typed] = /^unknown option '(--[^']*)'$/.exec(sentence) ?? [];
    const known = command
      .createHelp()
      .visibleOptions(command)
      .flatMap(({ long }) => long ?? []);
    throw new KarmeshError('CONFIG_INVALID', 'The command line is not understood.', {
      fault: sentence,
      didYouMean: typed === undefined ? undefined : nearestName(typed, known),
    });
  }

  const faults: Faults = {};
  const flags: Readonly<Record<string, unknown>> = command.opts();
  const named = typeof flags.config === 'string' && !('config' in schema.shape) ? flags.config : undefined;
  const files = await readFiles(options, named, faults);

  const found = new Map<string, Found>();
  for (const key of Object.keys(schema.shape)) {
    const value = find(key, schema, { command, flags, env, files });
    if (value !== undefined) found.set(key, value);
  }
  await askForMissing(options, found);
  const parsed = schema.strict().safeParse(Object.fromEntries([...found].map(([key, { value }]) => [key, value])));
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const [key] = issue.path;
      const name = String(key);
      faults[found.get(name)?.where ?? `--${kebab(name)}`] = found.has(name) ? issue.message : 'is required';
    }
  }
  if (Object.keys(faults).length > 0 || !parsed.success) {
    throw new KarmeshError('CONFIG_INVALID', 'The configuration has faults.', faults);
  }
  const sources: Record<string, ConfigSource> = {};
  for (const key of Object.keys(schema.shape)) sources[key] = found.get(key)?.source ?? 'default';
  return { kind: 'config', config: parsed.data as z.output<S>, positionals: command.args, sources };
}

/** Asks for what was not given, if something required was not, and says how to give it all without being asked. */
async function askForMissing<S extends ConfigSchema>(
  { program, schema, questions = [], wizard = false, interview, argv }: ReadConfigOptions<S>,
  found: Map<string, Found>,
): Promise<void> {
  const fields = Object.entries(schema.shape).map(([key, type]) => [key, type as z.ZodType] as const);
  const isRequired = (type: z.ZodType): boolean => !type.safeParse(undefined).success;
  const missing = fields.filter(([key, type]) => !found.has(key) && isRequired(type));
  const isAsking = wizard && found.get('yes')?.value !== true;
  if (interview === undefined || (missing.length === 0 && !isAsking)) return;
  const given = argv.map(quoted);
  const asked = fields.filter(([key]) => questions.includes(key) && !found.has(key));
  for (const [key, type] of [...new Map([...asked, ...missing])]) {
    const { kind, default: fallback } = kindOf(type);
    const flag = `--${kebab(key)}`;
    const answer = await interview.ask({
      flag,
      description: type.meta()?.description ?? key,
      fallback: isRequired(type) ? undefined : fallback === undefined ? 'none' : String(fallback),
      fault: (text) => type.safeParse(fromText(text, kind)).error?.issues[0]?.message,
    });
    if (answer === '') continue;
    found.set(key, { value: fromText(answer, kind), source: 'flag', where: flag });
    given.push(flag, quoted(answer));
  }
  interview.say(`Without questions: ${[program, ...given].join(' ')}`);
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** What `--help` prints. */
export function configHelp<S extends ConfigSchema>(
  options: Pick<ReadConfigOptions<S>, 'program' | 'summary' | 'section' | 'schema' | 'positionals'>,
): string {
  return commandFor(options).helpInformation();
}

/** One width everywhere, since the reference page shows the same text. */
const helpColumns = 110;

type Kind = 'text' | 'number' | 'bigint' | 'boolean' | 'list';

/** How a field's value is written in a flag or variable. */
function kindOf(type: z.core.$ZodType): {
  readonly kind: Kind;
  readonly default?: unknown;
  readonly choices?: readonly string[];
} {
  const def = (type as z.ZodType).def as z.core.$ZodTypeDef & {
    readonly innerType?: z.core.$ZodType;
    readonly in?: z.core.$ZodType;
    readonly defaultValue?: unknown;
    readonly entries?: Readonly<Record<string, string>>;
  };
  if (def.type === 'default' && def.innerType !== undefined)
    return { ...kindOf(def.innerType), default: def.defaultValue };
  if (def.innerType !== undefined) return kindOf(def.innerType);
  if (def.in !== undefined) return kindOf(def.in);
  if (def.type === 'enum') return { kind: 'text', choices: Object.values(def.entries ?? {}) };
  if (def.type === 'number' || def.type === 'bigint' || def.type === 'boolean') return { kind: def.type };
  if (def.type === 'array') return { kind: 'list' };
  return { kind: 'text' };
}

function commandFor<S extends ConfigSchema>({
  program,
  summary,
  section,
  schema,
  positionals = [],
}: Pick<ReadConfigOptions<S>, 'program' | 'summary' | 'section' | 'schema' | 'positionals'>): Command {
  const command = new Command(program)
    .description(summary)
    .helpOption('-h, --help', 'Show this text.')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {}, getOutHelpWidth: () => helpColumns });
  for (const { name, description, optional } of positionals) {
    command.argument(optional === true ? `[${name}]` : `<${name}>`, description);
  }
  for (const [key, type] of Object.entries(schema.shape)) {
    const { kind, default: value, choices } = kindOf(type);
    const meta = (type as z.ZodType).meta() ?? {};
    const short = meta.flag === undefined ? '' : `-${meta.flag}, `;
    const placeholder =
      meta.placeholder ?? (choices === undefined ? (kind === 'bigint' ? 'number' : kind) : choices.join('|'));
    const flag = kind === 'boolean' ? `${short}--${kebab(key)}` : `${short}--${kebab(key)} <${placeholder}>`;
    const notes = [`env: ${envName(key)}`];
    if (meta.alsoEnv !== undefined) notes.push(meta.alsoEnv);
    if (value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0))
      notes.push(`default: ${Array.isArray(value) ? value.join(',') : value}`);
    const option = new Option(flag, `${meta.description ?? ''} (${notes.join(', ')})`.trim());
    if (kind === 'list')
      option.argParser((text: string, before: readonly string[] = []) => [...before, ...items(text)]);
    const negated = new Option(`--no-${kebab(key)}`, option.description);
    // A switch shows the form that changes something.
    if (kind === 'boolean') command.addOption(value === true ? negated : negated.hideHelp());
    command.addOption(kind === 'boolean' && value === true ? option.hideHelp() : option);
  }
  if (!('config' in schema.shape)) {
    command.option('--config <path>', `A karmesh.config.json; its part "${section}" is read.`);
  }
  return command;
}

function find(
  key: string,
  schema: ConfigSchema,
  from: {
    readonly command: Command;
    readonly flags: Readonly<Record<string, unknown>>;
    readonly env: ReadConfigOptions<ConfigSchema>['env'];
    readonly files: readonly { readonly path: string; readonly values: Readonly<Record<string, unknown>> }[];
  },
): Found | undefined {
  const type = schema.shape[key];
  if (type === undefined) return undefined;
  const { kind } = kindOf(type);
  // Commander sets true for a switch that has a `--no-` form, so only what was typed counts.
  if (from.command.getOptionValueSource(key) === 'cli') {
    const value = from.flags[key];
    return {
      value: typeof value === 'string' ? fromText(value, kind) : value,
      source: 'flag',
      where: `--${kebab(key)}`,
    };
  }
  const names = [envName(key), (type as z.ZodType).meta()?.alsoEnv];
  for (const name of names) {
    const text = name === undefined ? undefined : from.env[name];
    // An empty variable is how a shell unsets one for a single command.
    if (name !== undefined && text !== undefined && text !== '')
      return { value: fromText(text, kind), source: 'env', where: name };
  }
  for (const { path, values } of from.files) {
    if (Object.hasOwn(values, key)) return { value: values[key], source: 'file', where: `${path}: ${key}` };
  }
  return undefined;
}

/** A value as its field's type, or the text itself where it is none, so that the schema names the fault. */
function fromText(text: string, kind: Kind): unknown {
  if (kind === 'number') return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  if (kind === 'bigint') return /^-?\d+$/.test(text) ? BigInt(text) : text;
  if (kind === 'boolean')
    return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : text;
  if (kind === 'list') return items(text);
  return text;
}

function items(text: string): string[] {
  return text.split(',').filter((item) => item !== '');
}

const maxFileBytes = 2 ** 20;

async function readFiles(
  {
    section,
    schema,
    sharedWith = [],
    files = [],
  }: Pick<ReadConfigOptions<ConfigSchema>, 'section' | 'schema' | 'sharedWith' | 'files'>,
  named: string | undefined,
  faults: Faults,
): Promise<readonly { readonly path: string; readonly values: Readonly<Record<string, unknown>> }[]> {
  const out: { path: string; values: Readonly<Record<string, unknown>> }[] = [];
  for (const path of named === undefined ? files : [named]) {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (cause) {
      const errno = errnoOf(cause);
      if (errno !== 'ENOENT' || path === named) faults[path] = `could not be read (${errno ?? 'unknown'})`;
      continue;
    }
    const parsed = fileSchema.safeParse(text.length > maxFileBytes ? undefined : parseJson(text));
    if (!parsed.success) {
      faults[path] = 'must be a JSON object of programs and their settings';
      continue;
    }
    const values = parsed.data[section] ?? {};
    for (const key of Object.keys(values)) {
      if ([schema, ...sharedWith].some(({ shape }) => Object.hasOwn(shape, key))) continue;
      const nearest = nearestName(key, Object.keys(schema.shape));
      const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
      faults[`${path}: ${key}`] = `is no setting of this program${hint}`;
    }
    out.push({ path, values });
  }
  return out;
}

const fileSchema = z.record(z.string(), z.record(z.string(), z.unknown()));

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function envName(key: string): string {
  return `KARMESH_${kebab(key).replaceAll('-', '_').toUpperCase()}`;
}
