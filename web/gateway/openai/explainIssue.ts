import type { z } from 'zod';
import { type ApiError, invalidRequest, unsupportedParameter } from './apiError.ts';

/**
 * The first issue of a body in OpenAI's words: which parameter, and whether it is unknown, unsupported or of a wrong value.
 * `unsupported` names the parameters whose other values exist elsewhere, but not here.
 */
export function explainIssue(body: unknown, error: z.ZodError, unsupported: ReadonlySet<string>): ApiError {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return invalidRequest('The body of the request must be a JSON object.', null);
  }
  const issue = deepest(error.issues[0]);
  if (issue === undefined) return invalidRequest('The request is invalid.', null);
  const path = dotted(issue.path);
  const top = issue.path[0];
  if (typeof top === 'string' && unsupported.has(top)) return unsupportedParameter(top);
  if (issue.code === 'unrecognized_keys') {
    const key = [path, issue.keys[0]].filter((part) => part !== '').join('.');
    return invalidRequest(`Unrecognized request argument supplied: ${key}`, key, 'unknown_parameter');
  }
  // JSON has no undefined.
  if (at(body, issue.path) === undefined) {
    return invalidRequest(`Missing required parameter: '${path}'.`, path, 'missing_required_parameter');
  }
  return invalidRequest(`Invalid value for '${path}': ${issue.message}.`, path, 'invalid_value');
}

/** The branch of a union that got furthest says best what is wrong. */
function deepest(
  issue: z.core.$ZodIssue | undefined,
  above: readonly PropertyKey[] = [],
): z.core.$ZodIssue | undefined {
  if (issue === undefined) return undefined;
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const branches = issue.errors.map((branch) => deepest(branch[0], path));
    const furthest = branches.reduce((a, b) => ((b?.path.length ?? 0) > (a?.path.length ?? 0) ? b : a));
    if (furthest !== undefined && furthest.path.length > path.length) return furthest;
  }
  return { ...issue, path };
}

function dotted(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? String(part) : `.${String(part)}`))
    .join('');
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Readonly<Record<PropertyKey, unknown>>)[part];
  }
  return current;
}
