/** A long computation that pauses now and then, so that whoever runs it can turn to others in between. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** After how many small items, of some microseconds each, a computation pauses. */
export const ITEMS_IN_A_STEP = 4096;

/** Runs a computation to its end. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
