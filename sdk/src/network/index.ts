export { type AnnouncedRole, type Announcement, announcedRoles } from './announcement.ts';
export { answerOnce, askOnce } from './askOnce.ts';
export { type CreateHostOptions, createHost, type HostLog } from './createHost.ts';
export { type Lookup, maxBodyBytes } from './fetchByHash.ts';
export type { FrameStream } from './frameStream.ts';
export type { GossipCheck, GossipMessage, GossipVerdict } from './gossip.ts';
export type { ConnectedPeer, HandleOptions, Host, OpenStreamOptions, PeerEvent, PeerName } from './host.ts';
export { defaultLimits, type NetworkLimits } from './limits.ts';
export { protocolIds, topics } from './protocolIds.ts';
