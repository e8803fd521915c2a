import type { Context, Hono } from 'hono';
import { ApiError } from '../openai/apiError.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** What no route answers: 405 with the methods that the path has, 404 where it has none. */
export function unanswered(app: Hono, context: Context): ApiError {
  const { method, path } = context.req;
  const known = METHODS.filter((each) => app.router.match(each, path)[0].some(([[, route]]) => route.method === each));
  if (known.length === 0) {
    return new ApiError({
      status: 404,
      type: 'invalid_request_error',
      code: 'unknown_url',
      message: `Unknown request URL: ${method} ${path}.`,
    });
  }
  const allow = known.flatMap((each) => (each === 'GET' ? ['GET', 'HEAD'] : [each])).join(', ');
  return new ApiError({
    status: 405,
    type: 'invalid_request_error',
    code: 'method_not_allowed',
    message: `The request URL ${path} has no method ${method}; it has ${allow}.`,
    headers: { allow },
  });
}
