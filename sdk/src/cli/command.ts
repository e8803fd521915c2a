/** One command of `karmesh`. */
export interface Command {
  /** What the list of commands says. */
  readonly summary: string;
  /** Runs it with the arguments after its name and resolves to the exit code; an error is shown by the caller. */
  run(call: {
    readonly argv: readonly string[];
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly signal: AbortSignal;
  }): Promise<number>;
}
