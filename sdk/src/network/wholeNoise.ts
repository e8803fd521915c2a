import { noise } from '@chainsafe/libp2p-noise';
import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface';

type EncrypterFactory = ReturnType<typeof noise>;

/**
 * libp2p's noise, whose frames reach the socket in one piece. By itself it sends the two bytes of a frame's length on their own, which
 * costs a system call and a packet of TCP on both sides: half of all that small frames cost.
 */
export const wholeNoise =
  (): EncrypterFactory =>
  (components): ReturnType<EncrypterFactory> => {
    const encrypter = noise()(components);
    const secured: Pick<ConnectionEncrypter, 'secureInbound' | 'secureOutbound'> = {
      secureInbound: encrypter.secureInbound.bind(encrypter),
      secureOutbound: encrypter.secureOutbound.bind(encrypter),
    };
    return Object.assign(encrypter, {
      secureInbound: (stream, options) => secured.secureInbound(inWholeWrites(stream), options),
      secureOutbound: (stream, options) => secured.secureOutbound(inWholeWrites(stream), options),
    } satisfies typeof secured) as ReturnType<EncrypterFactory>;
  };

function inWholeWrites(stream: MessageStream): MessageStream {
  const send = stream.send.bind(stream);
  stream.send = (data) => send(data instanceof Uint8Array ? data : data.subarray());
  return stream;
}
