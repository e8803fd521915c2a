import { connect, createServer } from 'node:net';
import { errnoOf } from '@karmesh/sdk/runtime';
import { type Found, failed, ok, warning } from './finding.ts';

/** A place that TCP reaches. */
export interface TcpPlace {
  readonly host: string;
  readonly port: number;
}

const DIAL_MS = 3_000;

/** The TCP part of a multiaddr, `/ip4/127.0.0.1/tcp/4001` or a name in place of the address; undefined for others, such as a relay's. */
export function tcpPlaceOf(multiaddr: string): TcpPlace | undefined {
  const [, host, port] = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})(?:\/|$)/.exec(multiaddr) ?? [];
  return host === undefined ? undefined : { host, port: Number(port) };
}

/** Whether what is to be listened on is free, or taken by the validator that runs. */
export async function checkPorts(
  places: readonly TcpPlace[],
  { isRunning }: { readonly isRunning: boolean },
): Promise<Found> {
  const fixed = places.filter(({ port }) => port !== 0);
  const taken: string[] = [];
  for (const place of fixed) {
    const fault = await listenOnce(place);
    if (fault === undefined || (fault === 'EADDRINUSE' && isRunning)) continue;
    taken.push(`${place.host}:${place.port} (${fault})`);
  }
  if (taken.length > 0)
    return failed(`Cannot be listened on: ${taken.join(', ')}.`, 'Choose others with --listen and --health-port.');
  if (fixed.length === 0) return ok('The ports are any that are free.');
  return ok(
    `${isRunning ? 'The validator runs and has its' : 'Free are all'} ports: ${fixed.map(({ port }) => port).join(', ')}.`,
  );
}

/** Whether the peers that it begins with answer. */
export async function checkBootstrap(
  bootstrap: readonly string[],
  { isLocal, signal }: { readonly isLocal: boolean; readonly signal: AbortSignal },
): Promise<Found> {
  const todo = 'Name a gateway or validator that runs with --bootstrap; its first line says its addresses.';
  if (bootstrap.length === 0)
    return isLocal
      ? warning('No peer is named to begin with.', todo)
      : failed('No peer is named to begin with, and on a public cluster nobody finds this one.', todo);
  const answers = await Promise.all(
    bootstrap.map(async (text) => {
      const place = tcpPlaceOf(text);
      return { text, isUp: place !== undefined && (await dials(place, signal)) };
    }),
  );
  const silent = answers.filter(({ isUp }) => !isUp).map(({ text }) => text);
  if (silent.length === 0) return ok(`All ${answers.length} bootstrap peers answer.`);
  const sentence = `${silent.length} of ${answers.length} bootstrap peers do not answer: ${silent.join(', ')}.`;
  return silent.length === answers.length ? failed(sentence, todo) : warning(sentence, todo);
}

function listenOnce({ host, port }: TcpPlace): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(errnoOf(error) ?? 'unknown'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function dials({ host, port }: TcpPlace, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_MS)]) });
    const end = (isUp: boolean): void => {
      socket.destroy();
      resolve(isUp);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
