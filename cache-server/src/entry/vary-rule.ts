/**
 * What is stored under a key whose responses vary: not a response, but the names of the request headers that tell them apart, and where
 * they are. A response that varies by nothing else than its key stands under the key itself, and costs one read.
 *
 * As bytes: `PNRV`, the format version (1 byte), a CRC-32 over the key and what follows (4 bytes, big-endian), then one MessagePack map.
 */
import { createHash } from 'node:crypto';
import type { Generation } from '@pannier/proto/generation';
import { CacheServerError } from '../errors.ts';
import { isOfKind, sealRecord, unsealRecord } from '../sealed-record.ts';

/** The rule of one key. */
export interface VaryRule {
  /** Lower case, sorted: every name that any of the responses has named. https://www.rfc-editor.org/rfc/rfc9111#section-4.1 */
  readonly names: readonly string[];
  /** Keys of the responses, the one that was published last at the end. */
  readonly variants: readonly string[];
  /** When it was written, in milliseconds since 1970. */
  readonly writtenAtMs: number;
  /** Scope and URL of the responses, by which invalidations name them. */
  readonly scope: string;
  readonly url: string;
  /** Before the last of the responses was asked for. */
  readonly generation: Generation;
}

/** Variants of one key; the oldest goes when there is one too many. */
export const VARIANTS_MAX = 64;

const KIND = { magic: 'PNRV', version: 3 };

/** Whether what is stored under a key is a rule. */
export function isVaryRule(bytes: Buffer): boolean {
  return isOfKind(KIND, bytes);
}

/** The rule's bytes, bound to its key. */
export function encodeVaryRule(keyText: string, rule: VaryRule): Buffer {
  const { names, variants, writtenAtMs, scope, url } = rule;
  const generation = { ...rule.generation };
  return sealRecord(KIND, keyText, { names, variants, writtenAtMs, scope, url, generation });
}

/** @throws CacheServerError `bad-data` */
export function decodeVaryRule(keyText: string, bytes: Buffer): VaryRule {
  const record = unsealRecord(KIND, keyText, bytes);
  if (record === undefined) throw refusal('another format, damaged, or of another key');
  const fields = (record ?? {}) as Partial<Record<keyof VaryRule, unknown>>;
  const { names, variants, writtenAtMs, scope, url, generation } = fields;
  if (typeof writtenAtMs !== 'number') throw refusal('not a time');
  if (typeof scope !== 'string' || typeof url !== 'string') throw refusal('not a scope and a URL');
  return {
    names: texts(names),
    variants: texts(variants),
    writtenAtMs,
    scope,
    url,
    generation: generationOf(generation),
  };
}

/** Names the rule's content, for the comparison when it is swapped. */
export function ruleVersion({ names, variants, writtenAtMs, generation }: VaryRule): string {
  return createHash('sha256')
    .update(JSON.stringify([names, variants, writtenAtMs, generation.epoch, generation.sequence]))
    .digest('base64url');
}

function generationOf(value: unknown): Generation {
  const { epoch, sequence } = (value ?? {}) as Partial<Record<keyof Generation, unknown>>;
  if (typeof epoch !== 'string' || typeof sequence !== 'number') throw refusal('not a generation');
  return { epoch, sequence };
}

function texts(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw refusal('not a list of texts');
}

function refusal(why: string): CacheServerError {
  return new CacheServerError('bad-data', `the stored rule of a varying entry cannot be read: ${why}`);
}
