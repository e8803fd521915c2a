/** How long a paced worker takes for a request, in milliseconds. */
export const RUN_MS = 1_000;
