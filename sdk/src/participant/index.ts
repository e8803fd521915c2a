export * from './registration.ts';
export * from './settings.ts';
