/** `failed`: it does not work like this. `warning`: it works and somebody ought to look. */
export type Severity = 'ok' | 'warning' | 'failed';

/** What one check came to. */
export interface Finding {
  readonly name: string;
  readonly severity: Severity;
  /** A full sentence. */
  readonly sentence: string;
  /** What to do, unless all is well. */
  readonly todo?: string | undefined;
}

/** A finding without its name, as a check gives it. */
export type Found = Omit<Finding, 'name'>;

export function ok(sentence: string): Found {
  return { severity: 'ok', sentence };
}

export function warning(sentence: string, todo: string): Found {
  return { severity: 'warning', sentence, todo };
}

export function failed(sentence: string, todo: string): Found {
  return { severity: 'failed', sentence, todo };
}
