import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';

/** Closes the connection that a request came on, whatever is still to be written to it. Without one, as in tests of routes, it does nothing. */
export function endConnection(context: Context): void {
  const { outgoing } = (context.env ?? {}) as Partial<HttpBindings>;
  if (outgoing?.writableFinished === false) outgoing.destroy();
}

/**
 * Whether what is written now does not reach the connection that a request came on any more. Where its client has ended its side, Node ends ours, keeps
 * what is written after that to itself, and says so only once the connection is closed.
 */
export function hasLeft(context: Context): boolean {
  const { outgoing } = (context.env ?? {}) as Partial<HttpBindings>;
  return outgoing?.destroyed === true || outgoing?.socket?.writable === false;
}
