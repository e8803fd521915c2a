export type { AuditOutcome } from './auditSession.ts';
export type { Pause, SessionLimits, SessionOutcome } from './inferSession.ts';
export { type AuditRecord, type AuditStore, auditRecordCodec, type ReceiptLog } from './stores.ts';
export { type Worker, type WorkerLoad, type WorkerOptions, type WorkerParts, worker } from './worker.ts';
export type { WorkerChain } from './workerChain.ts';
