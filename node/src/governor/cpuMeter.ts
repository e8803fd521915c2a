/** The least time that one measurement covers; a shorter one would say more of the moment than of the load. */
const WINDOW_MS = 2_000;

/** How much of its threads a process used over the last seconds in which it was asked, in thousandths. */
export const cpuMeter =
  ({ threads }: { readonly threads: number }) =>
  (parts: {
    readonly nowMs: () => number;
    /** Microseconds of processor time that the process has used. */
    readonly cpuMicros: () => number;
  }): { permille(): number } => {
    let start = { atMs: parts.nowMs(), cpu: parts.cpuMicros() };
    let permille = 0;
    return {
      permille() {
        const now = { atMs: parts.nowMs(), cpu: parts.cpuMicros() };
        const elapsedMs = now.atMs - start.atMs;
        if (elapsedMs >= WINDOW_MS) {
          permille = Math.max(0, Math.round((now.cpu - start.cpu) / elapsedMs / threads));
          start = now;
        }
        return permille;
      },
    };
  };
