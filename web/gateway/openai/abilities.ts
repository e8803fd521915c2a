/** What a model may have been trained for beyond plain text. */
export const ABILITIES = ['tools', 'json'] as const;
export type Ability = (typeof ABILITIES)[number];

/**
 * Which models can what, by name. No manifest says it, since it is no property of a file that anybody could check: the operator of a
 * gateway states it of the models that it sells.
 */
export type Abilities = ReadonlyMap<string, ReadonlySet<Ability>>;

/** As a setting names one: `MODEL=tools` or `MODEL=json`. */
export const ABILITY_PATTERN = /^(.{1,128})=(tools|json)$/;

/** Reads settings that fit `ABILITY_PATTERN`. */
export function readAbilities(settings: readonly string[]): Abilities {
  const read = new Map<string, Set<Ability>>();
  for (const setting of settings) {
    const at = setting.lastIndexOf('=');
    const name = setting.slice(0, at);
    const ability = ABILITIES.find((each) => each === setting.slice(at + 1));
    if (ability !== undefined) read.set(name, (read.get(name) ?? new Set()).add(ability));
  }
  return read;
}
