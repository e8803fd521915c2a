import { byteString, type Decoded, decode, encode, struct, u32, vector } from '../protocol/codec.ts';
import { maxAnnouncementBytes } from './announcement.ts';

/** The largest answer of `/karmesh/peers/2`. */
export const peersFrameBytes = 262_144;
const maxEntries = 1_024;

/** An announcement as it was gossiped, and how many milliseconds ago it was heard, so that nobody's word outlives its time by being passed on. */
const heardCodec = struct({ ageMs: u32, announcement: byteString(maxAnnouncementBytes) });
const answerCodec = vector(heardCodec, maxEntries);
export type HeardAnnouncement = Decoded<typeof heardCodec>;

/** What a peer answers: what fits into a frame, drawn at random if that is not all. */
export function encodePeers(heard: readonly HeardAnnouncement[], random: () => number): Uint8Array {
  const left = [...heard];
  const chosen: HeardAnnouncement[] = [];
  let bytes = 4;
  while (left.length > 0 && chosen.length < maxEntries) {
    const [next] = left.splice(Math.floor(random() * left.length), 1);
    if (next === undefined) break;
    bytes += 8 + next.announcement.length;
    if (bytes > peersFrameBytes) break;
    chosen.push(next);
  }
  return encode(answerCodec, chosen);
}

/** The announcements in an answer, or undefined when it is malformed. */
export function parsePeers(answer: Uint8Array): readonly HeardAnnouncement[] | undefined {
  try {
    return decode(answerCodec, answer);
  } catch {
    // Whatever the codec dislikes, the sender wrote.
    return undefined;
  }
}
