import { isDeepStrictEqual } from 'node:util';

type Schema = Readonly<Record<string, unknown>>;

/** Steps that one check may take, since references let a small schema ask for endless ones. */
const MAX_STEPS = 100_000;
/** Characters, items and values that one step may look at; of more it counts as several. */
const PARTS_OF_STEP = 64;
const MAX_DEPTH = 128;

/**
 * Whether a JSON value fits a JSON Schema (draft 2020-12), as far as its words for types, values, sizes, properties, items, references
 * within the schema and combinations go. `pattern` and `format` are not looked at: both would run what a buyer wrote against what
 * the buyer's prompt had written.
 */
export function jsonFits(value: unknown, schema: Schema): boolean {
  let steps = 0;

  const fits = (it: unknown, rule: unknown, depth: number): boolean => {
    steps += 1;
    if (isObject(rule)) steps += partsOf(it, rule) / PARTS_OF_STEP;
    if (steps > MAX_STEPS || depth > MAX_DEPTH) return false;
    if (typeof rule === 'boolean') return rule;
    if (!isObject(rule)) return true;
    const deeper = (child: unknown, childRule: unknown): boolean => fits(child, childRule, depth + 1);
    if (typeof rule.$ref === 'string' && !deeper(it, pointed(schema, rule.$ref))) return false;
    return (
      fitsType(it, rule) &&
      fitsSize(it, rule) &&
      fitsCombination(it, rule, deeper) &&
      (!Array.isArray(it) || fitsItems(it, rule, deeper)) &&
      (!isObject(it) || fitsProperties(it, rule, deeper))
    );
  };
  return fits(value, schema, 0);
}

type Deeper = (value: unknown, schema: unknown) => boolean;

const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** How much a rule has to look at, but for the rules within it. */
function partsOf(value: unknown, schema: Schema): number {
  const values = Array.isArray(schema.enum) ? schema.enum.length : 'const' in schema ? 1 : 0;
  const isDeep = values > 0 && typeof value === 'object' && value !== null;
  const compared = values * (isDeep ? JSON.stringify(value).length : 1);
  return widthOf(value) + widthOf(schema.$ref) + widthOf(schema.required) + compared;
}

function widthOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return isObject(value) ? Object.keys(value).length : 0;
}

function fitsType(value: unknown, schema: Schema): boolean {
  const { type, enum: values } = schema;
  const types = Array.isArray(type) ? type : type === undefined ? undefined : [type];
  if (types !== undefined && !types.some((each) => isOfType(value, each))) return false;
  if (Array.isArray(values) && !values.some((each) => isDeepStrictEqual(each, value))) return false;
  return !('const' in schema) || isDeepStrictEqual(schema.const, value);
}

function isOfType(value: unknown, type: unknown): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function fitsSize(value: unknown, schema: Schema): boolean {
  const within = (size: number, least: string, most: string): boolean => {
    const [low, high] = [schema[least], schema[most]];
    return !(typeof low === 'number' && size < low) && !(typeof high === 'number' && size > high);
  };
  if (typeof value === 'string') return within([...value].length, 'minLength', 'maxLength');
  if (Array.isArray(value)) return within(value.length, 'minItems', 'maxItems');
  if (isObject(value)) return within(Object.keys(value).length, 'minProperties', 'maxProperties');
  if (typeof value !== 'number') return true;
  const { exclusiveMinimum: above, exclusiveMaximum: below } = schema;
  if ((typeof above === 'number' && value <= above) || (typeof below === 'number' && value >= below)) return false;
  return within(value, 'minimum', 'maximum');
}

function fitsCombination(value: unknown, schema: Schema, deeper: Deeper): boolean {
  const { anyOf, oneOf, allOf, not } = schema;
  if (Array.isArray(anyOf) && !anyOf.some((each) => deeper(value, each))) return false;
  if (Array.isArray(oneOf) && oneOf.filter((each) => deeper(value, each)).length !== 1) return false;
  if (!listOf(allOf).every((each) => deeper(value, each))) return false;
  return not === undefined || !deeper(value, not);
}

function fitsItems(items: readonly unknown[], { prefixItems, items: rule }: Schema, deeper: Deeper): boolean {
  const first = listOf(prefixItems);
  return items.every((item, index) => {
    const own = index < first.length ? first[index] : rule;
    return own === undefined || deeper(item, own);
  });
}

function fitsProperties(value: Schema, schema: Schema, deeper: Deeper): boolean {
  const properties = isObject(schema.properties) ? schema.properties : {};
  if (listOf(schema.required).some((key) => typeof key === 'string' && !Object.hasOwn(value, key))) return false;
  return Object.entries(value).every(([key, child]) => {
    const own = Object.hasOwn(properties, key) ? properties[key] : schema.additionalProperties;
    return own === undefined || deeper(child, own);
  });
}

/** What a reference within the schema names; nothing fits one that leads nowhere. */
function pointed(schema: Schema, reference: string): unknown {
  if (!reference.startsWith('#')) return false;
  let here: unknown = schema;
  for (const part of reference.slice(1).split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, key)) return false;
    here = (here as Schema)[key];
  }
  return here;
}
