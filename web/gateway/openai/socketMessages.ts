import { z } from 'zod';
import { chatSchema } from './chatSchema.ts';
import { chatChunkSchema, chatCompletionSchema, errorSchema } from './responseSchemas.ts';

const id = z.string().min(1).max(64);

/** What a client says on `/v1/socket`: its key first, then requests under ids of its own, and which of them to cancel. */
export const socketMessageSchema = z.union([
  z.strictObject({ key: z.string().min(1).max(256) }),
  z.strictObject({ id, request: chatSchema, progress: z.boolean().optional() }),
  z.strictObject({ cancel: id }),
]);

/** The same before its request is looked at, whose faults are told as those of any other request. */
export const socketEnvelopeSchema = z.union([
  z.strictObject({ key: z.string().min(1).max(256) }),
  z.strictObject({ id, request: z.unknown(), progress: z.boolean().optional() }),
  z.strictObject({ cancel: id }),
]);

/** What the gateway says: that the key is known, chunks or whole answers under the id of their request, and its end. */
export const socketAnswerSchema = z.union([
  z.strictObject({ ready: z.literal(true) }),
  z.strictObject({ id, chunk: chatChunkSchema }),
  z.strictObject({ id, completion: chatCompletionSchema }),
  z.strictObject({ id, done: z.literal(true) }),
  z.strictObject({ id: id.nullable(), error: errorSchema.shape.error }),
]);
