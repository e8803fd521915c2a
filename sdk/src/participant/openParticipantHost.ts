import { type CreateHostOptions, createHost, type Host, isOnLan } from '../network/index.ts';
import type { ChainView } from '../program/index.ts';
import type { Domain } from '../protocol/index.ts';
import { type Keypair, type Logger, nativeVerifySignature } from '../runtime/index.ts';
import type { ObservedPeers } from './observePeers.ts';

/** The peer-to-peer host of a participant, by its settings (`peerSettings`). Throws what `createHost` throws; the caller disposes it. */
export async function openParticipantHost(
  config: {
    readonly listen: readonly string[];
    readonly announce: readonly string[];
    readonly bootstrap: readonly string[];
    readonly lan: boolean;
    readonly relay: boolean;
  },
  parts: {
    readonly keypair: Keypair;
    readonly domain: Domain;
    readonly cluster: { readonly isLocal: boolean };
    readonly log: Logger;
    readonly observed: Pick<ObservedPeers, 'onGossip'>;
    readonly admit?: NonNullable<CreateHostOptions['admit']>;
    /** Called when another process announces itself with this identity (N-10). */
    readonly onTwin?: () => void;
    /** Who is registered, and so may ask more often than a stranger. */
    readonly view: Pick<ChainView, 'participantByIdentity'>;
  },
): Promise<Host> {
  const { keypair, domain, cluster, log, observed, admit, view } = parts;
  const lan = config.lan && config.listen.some(isOnLan);
  // Others may still find it, but on a public network nobody knows where to look.
  if (config.bootstrap.length === 0 && !lan)
    log.warn('There is no peer to connect to: name a gateway or validator with --bootstrap.');
  return createHost({
    keypair,
    domain,
    listen: config.listen,
    ...(config.announce.length === 0 ? {} : { announce: config.announce }),
    bootstrap: config.bootstrap,
    localnet: cluster.isLocal,
    lan,
    dht: !cluster.isLocal,
    relay: config.relay,
    isBonded: (identity) => view.participantByIdentity(identity) !== undefined,
    verify: nativeVerifySignature,
    ...(admit === undefined ? {} : { admit }),
    // Each of the two signs by its own counters, so that neither's work counts while both run.
    onTwin: () => {
      log.error('Another process runs with this identity: stop one of the two.');
      parts.onTwin?.();
    },
    log,
    onGossip: observed.onGossip,
  });
}
