import { programErrorName } from '@karmesh/sdk/program';

/** By which name a contract refuses a call, or `accepted`. */
export async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'accepted';
  } catch (error) {
    const name = programErrorName(error);
    if (name === undefined) throw error;
    return name;
  }
}
