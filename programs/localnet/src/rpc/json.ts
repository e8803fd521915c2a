declare global {
  interface JSON {
    /** ECMAScript's JSON.rawJSON (stage 4, in V8 since 11.4): text that `stringify` puts out as it is. */
    rawJSON(text: string): object;
  }
}

/** JSON with `bigint` as digits: u64 fields such as `rentEpoch` exceed what a double holds, and Agave prints them exactly. */
export function toRpcJson(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'bigint' ? JSON.rawJSON(each.toString()) : each,
  );
}
