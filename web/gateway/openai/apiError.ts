import { KarmeshError, type KarmeshErrorCode } from '@karmesh/sdk/errors';
import { toHex } from '@karmesh/sdk/protocol';

/** The HTTP statuses that the API answers with when it does not answer with what was asked. */
export const ERROR_STATUSES = [
  400, 401, 402, 404, 405, 408, 409, 413, 415, 422, 426, 429, 499, 500, 502, 503, 504,
] as const;
export type ErrorStatus = (typeof ERROR_STATUSES)[number];

export const ERROR_TYPES = ['invalid_request_error', 'rate_limit_error', 'insufficient_quota', 'server_error'] as const;

/** A header of 402. */
const VOUCHER_NEEDED = 'x-karmesh-voucher-needed';

type ApiErrorOptions = {
  readonly status: ErrorStatus;
  readonly type: (typeof ERROR_TYPES)[number];
  readonly code: string | null;
  readonly message: string;
  readonly param?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** The requests of an answer that failed, in hexadecimal. */
  readonly requestIds?: readonly string[];
};

/** An error as OpenAI's API reports one (https://platform.openai.com/docs/guides/error-codes). */
export class ApiError extends Error {
  readonly status: ErrorStatus;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: {
    readonly error: {
      readonly message: string;
      readonly type: ApiErrorOptions['type'];
      readonly param: string | null;
      readonly code: string | null;
      readonly karmesh?: { readonly requestIds: readonly string[] };
    };
  };

  constructor(options: ApiErrorOptions, cause?: unknown) {
    super(options.message, cause === undefined ? undefined : { cause });
    this.name = 'ApiError';
    this.status = options.status;
    this.headers = options.headers ?? {};
    const { code, message, param = null, requestIds, type } = options;
    this.body = {
      error: { message, type, param, code, ...(requestIds === undefined ? {} : { karmesh: { requestIds } }) },
    };
  }
}

/** A request that can never succeed as it stands. */
export function invalidRequest(message: string, param: string | null, code: string | null = null): ApiError {
  return new ApiError({ status: 400, type: 'invalid_request_error', code, message, param });
}

export function modelNotFound(model: string): ApiError {
  return new ApiError({
    status: 404,
    type: 'invalid_request_error',
    code: 'model_not_found',
    message: `The model \`${model}\` does not exist or you do not have access to it.`,
    param: 'model',
  });
}

/** A parameter that exists, with a value that is not to be had here. */
export function unsupportedParameter(param: string, where = 'by this market with this value'): ApiError {
  return invalidRequest(`Unsupported parameter: '${param}' is not supported ${where}.`, param, 'unsupported_parameter');
}

type Shape = Pick<ApiErrorOptions, 'status' | 'type' | 'code'> & Partial<Pick<ApiErrorOptions, 'param' | 'headers'>>;

/** A client's own retry helps only where the market may have room or workers a moment later. */
const shapes: Partial<Record<KarmeshErrorCode, Shape>> = {
  QUEUE_FULL: { status: 429, type: 'rate_limit_error', code: 'rate_limit_exceeded', headers: { 'retry-after': '1' } },
  QUEUE_SHARE_FULL: {
    status: 429,
    type: 'rate_limit_error',
    code: 'too_many_waiting_requests',
    headers: { 'retry-after': '1' },
  },
  CREDIT_SHORT: {
    status: 402,
    type: 'insufficient_quota',
    code: 'insufficient_quota',
    headers: { 'x-should-retry': 'false' },
  },
  VOUCHER_SHORT: {
    status: 402,
    type: 'insufficient_quota',
    code: 'voucher_short',
    headers: { 'x-should-retry': 'false' },
  },
  // The operator's money, not the buyer's; what is set aside comes free again.
  ESCROW_SHORT: { status: 503, type: 'server_error', code: 'escrow_short', headers: { 'retry-after': '5' } },
  CONTEXT_OVERFLOW: { status: 400, type: 'invalid_request_error', code: 'context_length_exceeded', param: 'messages' },
  REQUEST_REFUSED: { status: 400, type: 'invalid_request_error', code: 'request_refused', param: 'messages' },
  NO_PROOFS: { status: 400, type: 'invalid_request_error', code: 'no_proofs', param: 'karmesh.assurance' },
  MODEL_UNKNOWN: { status: 404, type: 'invalid_request_error', code: 'model_not_found', param: 'model' },
  NO_WORKERS: { status: 503, type: 'server_error', code: 'no_workers', headers: { 'retry-after': '2' } },
  NO_QUORUM: { status: 502, type: 'server_error', code: 'no_quorum', headers: { 'x-should-retry': 'false' } },
  WORKER_TIMEOUT: { status: 504, type: 'server_error', code: 'worker_timeout', headers: { 'x-should-retry': 'false' } },
  DISK_FULL: { status: 503, type: 'server_error', code: 'disk_full', headers: { 'retry-after': '30' } },
  RPC_UNREACHABLE: { status: 503, type: 'server_error', code: 'cluster_unreachable', headers: { 'retry-after': '5' } },
  STORE_UNREACHABLE: { status: 503, type: 'server_error', code: 'store_unreachable', headers: { 'retry-after': '2' } },
  CREDIT_HELD: { status: 429, type: 'rate_limit_error', code: 'credit_held', headers: { 'retry-after': '1' } },
  ABORTED: { status: 499, type: 'server_error', code: 'request_cancelled' },
};

/** The longest wait that a client is told of: by then the market may be another. */
const MAX_RETRY_SECONDS = 300;

/** In whole seconds, as RFC 9110 (section 10.2.3) has it; only failures that end by waiting know when. */
function retryAfter({ facts }: KarmeshError): Readonly<Record<string, string>> {
  if (typeof facts.retryAfterMs !== 'number') return {};
  const seconds = Math.ceil(facts.retryAfterMs / 1000);
  return { 'retry-after': String(Math.min(MAX_RETRY_SECONDS, Math.max(1, seconds))) };
}

/** M-09: what the next voucher must name, in lamports. */
function voucherNeeded({ code, facts }: KarmeshError): Readonly<Record<string, string>> {
  return code === 'VOUCHER_SHORT' && facts.needed !== undefined ? { [VOUCHER_NEEDED]: String(facts.needed) } : {};
}

/** PostgreSQL's `disk_full` (its manual, appendix A). */
const DATABASE_DISK_FULL = '53100';

function isDiskFull(cause: unknown): boolean {
  return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === DATABASE_DISK_FULL;
}

/** What a client is told of a failure of one of several requests, with all that had begun. */
export function namingRequests(cause: unknown, requestIds: readonly Uint8Array[]): ApiError {
  const { body, headers, status } = toApiError(cause);
  const { code, message, param, type } = body.error;
  return new ApiError({ status, type, code, message, param, headers, requestIds: requestIds.map(toHex) }, cause);
}

/** What a client is told of a failure. Sentences of `KarmeshError` hold no secrets; anything else is a fault of ours and stays in the log. */
export function toApiError(cause: unknown): ApiError {
  if (cause instanceof ApiError) return cause;
  if (isDiskFull(cause))
    return toApiError(new KarmeshError('DISK_FULL', 'The gateway’s disk is full; nothing was changed.', {}, cause));
  const shape = cause instanceof KarmeshError ? shapes[cause.code] : undefined;
  if (cause instanceof KarmeshError && shape !== undefined) {
    const headers = { ...shape.headers, ...retryAfter(cause), ...voucherNeeded(cause) };
    return new ApiError({ ...shape, headers, message: cause.message }, cause);
  }
  return new ApiError(
    {
      status: 500,
      type: 'server_error',
      code: 'internal_error',
      message: 'The gateway had an internal error while it processed your request.',
    },
    cause,
  );
}
