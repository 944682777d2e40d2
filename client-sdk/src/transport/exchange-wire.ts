/** Between frames and what callers know. Header bytes become latin1 strings, so that obs-text survives. */
import type { HeaderList } from '@pannier/http-semantics';
import type { BypassFrame, EntryInfo, HeadFrame, Ticket } from '@pannier/proto';
import { PannierError } from '../errors.ts';
import type { LookupBypass, LookupRequest, LookupResponse } from './lookup-answer.ts';
import type { ClientFrameInit } from './frame-outbox.ts';

/** A lookup's answer as it stands on the wire: a body at hand, or the ticket for one. */
export type ExchangeAnswer =
  | { readonly kind: 'whole'; readonly head: ResponseHeadInfo; readonly bytes: Uint8Array }
  | { readonly kind: 'ticket'; readonly head: ResponseHeadInfo; readonly ticket: Ticket }
  | LookupBypass;

/** A response without its body. */
export type ResponseHeadInfo = Omit<LookupResponse, 'body'>;

/** The frame that asks, and about how many bytes it takes. */
export function lookupFrame(
  id: bigint,
  { method, url, headers }: LookupRequest,
  deadlineMs: number,
): { frame: ClientFrameInit; bytes: number } {
  let bytes = method.length + url.length + 16;
  const fields = headers.map(([name, value]) => {
    bytes += name.length + value.length + 8;
    return { name: Buffer.from(name, 'latin1'), value: Buffer.from(value, 'latin1') };
  });
  const head = { method: Buffer.from(method, 'latin1'), url: Buffer.from(url, 'latin1'), headers: fields };
  return { frame: { id, frame: { case: 'lookup', value: { request: head, deadlineMs } } }, bytes };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function headerList(fields: readonly { name: Uint8Array; value: Uint8Array }[]): HeaderList {
  return fields.map(({ name, value }) => [latin1(name), latin1(value)] as const);
}

/** @throws PannierError `protocol` when the head or its status is not there. */
export function responseHead({ response, entry }: HeadFrame): ResponseHeadInfo {
  if (response === undefined || response.status < 200 || response.status > 599) {
    throw new PannierError('protocol', `a head with status ${response?.status ?? 'none'}`);
  }
  return {
    kind: 'response',
    status: response.status,
    headers: headerList(response.headers),
    ...entryInfo(entry),
  };
}

function entryInfo(entry: EntryInfo | undefined): Omit<ResponseHeadInfo, 'kind' | 'status' | 'headers'> {
  const fresh = entry?.shareable === true ? Number(entry.freshForMs) : 0;
  return {
    outcome: entry?.outcome ?? '',
    key: entry?.key ?? '',
    version: entry?.version ?? '',
    freshForMs: fresh,
    generation: entry?.generation && {
      epoch: entry.generation.epoch,
      sequence: Number(entry.generation.sequence),
    },
    entryUrl: entry?.url ?? '',
    bodyBytes: entry?.bodyBytes === undefined ? undefined : Number(entry.bodyBytes),
  };
}

/** What a bypass frame says. */
export function bypass({ reason, rememberOriginMs }: BypassFrame): LookupBypass {
  return { kind: 'bypass', reason, rememberOriginMs };
}
