import { idl } from '@karmesh/sdk/program';

/** The program's errors by number. */
export const programErrorNames: ReadonlyMap<number, string> = new Map(
  (idl.errors ?? []).map(({ code, name }) => [code, name.charAt(0).toUpperCase() + name.slice(1)]),
);
