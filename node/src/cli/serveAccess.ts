import { answerOnce, type Host } from '@karmesh/sdk/network';
import { type ChainView, ROLE, toBase58 } from '@karmesh/sdk/program';
import {
  ACCESS_PROTOCOL,
  accessAnswerCodec,
  accessAskCodec,
  decode,
  encode,
  MAX_ACCESS_FRAME_BYTES,
} from '@karmesh/sdk/protocol';
import { participantName } from '../access/accessFiles.ts';
import type { AccessGate } from '../access/accessGate.ts';

/** W-20: lets registered gateways ask for access. The result stops that. */
export function serveAccess(parts: {
  readonly host: Pick<Host, 'handle'>;
  readonly gate: Pick<AccessGate, 'ask'>;
  readonly view: Pick<ChainView, 'participantByIdentity'>;
}): Promise<() => Promise<void>> {
  const { host, gate, view } = parts;
  return answerOnce(host, {
    protocol: ACCESS_PROTOCOL,
    maxStreams: 16,
    maxStreamsPerPeer: 1,
    maxFrameBytes: MAX_ACCESS_FRAME_BYTES,
    async answer(ask, remote) {
      decode(accessAskCodec, ask);
      const account = view.participantByIdentity(remote);
      if (account?.role !== ROLE.gateway) return encode(accessAnswerCodec, 'unknown');
      return encode(accessAnswerCodec, await gate.ask(participantName.parse(toBase58(account.address))));
    },
  });
}
