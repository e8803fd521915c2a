/** One command of `karmesh-validator`. */
export interface Command {
  /** Resolves to the exit code; an error is shown by the caller. */
  run(call: {
    readonly argv: readonly string[];
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly signal: AbortSignal;
  }): Promise<number>;
}
