export * from './openParticipantHost.ts';
export * from './registered.ts';
export * from './registration.ts';
