/** What a server that asks the upstream tells the others, record by record; as bytes, one MessagePack map each. */
import type { HeaderList, Outcome } from '@pannier/http-semantics';
import type { Generation } from '@pannier/proto/generation';
import { decodeValue, encodeValue } from '@pannier/proto/partition-format';
import { CacheServerError } from '../errors.ts';
import type { CacheServerErrorCode } from '../errors.ts';

/**
 * - `head`      what the upstream answered
 * - `bytes`     of the body, from a position on
 * - `partition` of the body, which can be read from the store; its bytes may or may not have been told before
 * - `end`       the body is whole, and so long
 * - `settled`   look into the store: it has what answers, at least as new as this
 * - `released`  no more comes, ask for yourselves: `uncacheable` what came is for one caller, `alone` it cannot be told, or
 *   is not worth waiting for
 * - `failed`    the fetch failed, for all who wait
 */
export type FlightRecord =
  | HeadRecord
  | BytesRecord
  | PartitionRecord
  | { readonly kind: 'end'; readonly bodyBytes: number }
  | SettledRecord
  | ReleasedRecord
  | FailedRecord;

/** The head of a response that is told in full, and all that was found out about it. */
export interface HeadRecord {
  readonly kind: 'head';
  readonly status: number;
  readonly headers: HeaderList;
  readonly requestTimeMs: number;
  readonly responseTimeMs: number;
  /** Name of the content. */
  readonly version: string;
  /** Captured before the upstream was asked. */
  readonly generation: Generation;
  readonly outcome: Extract<Outcome, 'miss' | 'refreshed'>;
  /** What the response was found to vary by, and the values that it is for. */
  readonly variant: { readonly names: readonly string[]; readonly values: string } | undefined;
  /** Length of the body; undefined when only its end will tell. */
  readonly bodyBytes: number | undefined;
  /** Bytes of each partition but the last. */
  readonly partitionBytes: number;
  /** Whether its partitions go into the store. */
  readonly isStored: boolean;
}

export interface BytesRecord {
  readonly kind: 'bytes';
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface PartitionRecord {
  readonly kind: 'partition';
  readonly index: number;
  readonly digest: Uint8Array;
  /** Bytes of the body in it. */
  readonly bodyBytes: number;
}

export interface SettledRecord {
  readonly kind: 'settled';
  readonly outcome: Extract<Outcome, 'hit' | 'revalidated'>;
  /** When the upstream said what the stored entry says, by the clock of the server that asked. */
  readonly responseTimeMs: number;
}

export interface ReleasedRecord {
  readonly kind: 'released';
  readonly why: 'uncacheable' | 'alone';
  /** Whether this will hold for the next response, too. */
  readonly isRemembered: boolean;
}

export interface FailedRecord {
  readonly kind: 'failed';
  readonly code: string;
  readonly message: string;
  readonly proxyError: string;
  readonly retryAfterMs: number;
}

/** Whether nothing comes behind a record. */
export function isLast({ kind }: FlightRecord): boolean {
  return kind === 'end' || kind === 'settled' || kind === 'released' || kind === 'failed';
}

/** Codes that mean the same to another server's waiters. */
const TOLD_CODES: Readonly<Record<string, CacheServerErrorCode>> = Object.fromEntries(
  (
    [
      'forbidden-target',
      'upstream-unreachable',
      'upstream-timeout',
      'upstream-truncated',
      'upstream-protocol',
      'upstream-limited',
      'upstream-paused',
      'limit-exceeded',
    ] as const
  ).map((code) => [code, code]),
);

/** Whether a failure is everybody's: any other one is of the server that asked, which the others need not share. */
export function isForAll({ code }: CacheServerError): boolean {
  return code in TOLD_CODES;
}

/** The error that the flight failed with. */
export function failureOf({ code, message, proxyError, retryAfterMs }: FailedRecord): CacheServerError {
  return new CacheServerError(TOLD_CODES[code] ?? 'internal', message, { proxyError, retryAfterMs });
}

export function encodeRecord(record: FlightRecord): Buffer {
  // What is absent is absent, since MessagePack would read undefined back as null.
  return encodeValue(Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)));
}

/** @throws CacheServerError `bad-data` for what a server of another version may have written */
export function decodeRecord(bytes: Uint8Array): FlightRecord {
  try {
    return recordOf(fieldsOf(decodeValue(bytes)));
  } catch (cause) {
    throw new CacheServerError('bad-data', 'a record of a flight cannot be read', { cause });
  }
}

function recordOf(fields: Fields): FlightRecord {
  const kind = text(fields['kind']);
  switch (kind) {
    case 'head':
      return headOf(fields);
    case 'bytes':
      return { kind, offset: count(fields['offset']), bytes: binary(fields['bytes']) };
    case 'partition': {
      const { index, digest, bodyBytes } = fields;
      return { kind, index: count(index), digest: binary(digest), bodyBytes: count(bodyBytes) };
    }
    case 'end':
      return { kind, bodyBytes: count(fields['bodyBytes']) };
    case 'settled': {
      const outcome = fields['outcome'] === 'hit' ? 'hit' : 'revalidated';
      return { kind, outcome, responseTimeMs: count(fields['responseTimeMs']) };
    }
    case 'released': {
      const why = fields['why'] === 'uncacheable' ? 'uncacheable' : 'alone';
      return { kind, why, isRemembered: fields['isRemembered'] === true };
    }
    case 'failed':
      return {
        kind,
        code: text(fields['code']),
        message: text(fields['message']),
        proxyError: text(fields['proxyError']),
        retryAfterMs: count(fields['retryAfterMs']),
      };
    default:
      throw new TypeError(`no record of a flight is called ${kind}`);
  }
}

function headOf(fields: Fields): HeadRecord {
  const generation = fieldsOf(fields['generation']);
  const variant = fields['variant'] === undefined ? undefined : fieldsOf(fields['variant']);
  return {
    kind: 'head',
    status: count(fields['status']),
    headers: list(fields['headers']).map((pair) => {
      const [name, value] = list(pair);
      return [text(name), text(value)] as const;
    }),
    requestTimeMs: count(fields['requestTimeMs']),
    responseTimeMs: count(fields['responseTimeMs']),
    version: text(fields['version']),
    generation: { epoch: text(generation['epoch']), sequence: count(generation['sequence']) },
    outcome: fields['outcome'] === 'refreshed' ? 'refreshed' : 'miss',
    variant: variant && { names: list(variant['names']).map(text), values: text(variant['values']) },
    bodyBytes: fields['bodyBytes'] === undefined ? undefined : count(fields['bodyBytes']),
    partitionBytes: Math.max(1, count(fields['partitionBytes'])),
    isStored: fields['isStored'] === true,
  };
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not a map');
  return value as Fields;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError('not a list');
  return value;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('not a text');
  return value;
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new TypeError('not a count');
  return value;
}

function binary(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError('not binary');
  return value;
}
