import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CacheServerError } from '../errors.ts';
import { bodyBytesOf, decodeManifest, encodeManifest } from './manifest.ts';
import type { Manifest } from './manifest.ts';

const time = fc.integer({ min: 0, max: 4e12 });
const inline = fc.uint8Array({ maxLength: 300 }).map((bytes) => ({ kind: 'inline' as const, bytes }));
const partitions = fc
  .tuple(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 4096 }), fc.boolean())
  .map(([count, partitionBytes, paged]) => ({
    kind: 'partitions' as const,
    bodyBytes: count * partitionBytes,
    storedBytes: 5,
    partitionBytes,
    paged,
    digests: new Uint8Array(32 * (paged ? Math.ceil(count / 256) : count)).fill(count),
  }));
const pieces = fc
  .array(fc.tuple(fc.nat(1000), fc.nat(50), fc.oneof(inline, partitions)), { maxLength: 4 })
  .map((all) => ({
    kind: 'pieces' as const,
    bodyBytes: 100_000,
    pieces: all.flatMap(([first, skipBytes, held]) => {
      const bytes = bodyBytesOf({ body: held }) - skipBytes;
      return bytes < 1 ? [] : [{ first, last: first + bytes - 1, skipBytes, held }];
    }),
  }));
const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
const manifests: fc.Arbitrary<Manifest> = fc.record({
  scope: fc.string(),
  version: fc.string(),
  status: fc.integer({ min: 100, max: 599 }),
  headers: fc.array(fc.tuple(latin1, latin1)),
  requestTimeMs: time,
  responseTimeMs: time,
  policy: fc.record({
    credentials: fc.constantFrom('never', 'rfc'),
    setCookie: fc.constantFrom('never-share', 'rfc'),
    doubtfulAge: fc.constantFrom('stale', 'rfc'),
    forcedTtlS: fc.option(fc.nat(), { nil: undefined }),
    minTtlS: fc.nat(),
    defaultTtlS: fc.option(fc.nat(), { nil: undefined }),
    heuristicShare: fc.double({ min: 0, max: 1, noNaN: true }).map(Math.abs),
    heuristicTtlMaxS: fc.nat(),
    negativeTtlS: fc.dictionary(fc.constantFrom('404', '410', '503'), fc.nat()),
    staleIfErrorS: fc.nat(),
  }),
  framesExpireAtMs: time,
  url: fc.webUrl(),
  generation: fc.record({ epoch: fc.string(), sequence: fc.nat() }),
  body: fc.oneof(inline, partitions, pieces),
});

describe('manifest', () => {
  it('reads back what was written, header bytes included', () => {
    fc.assert(
      fc.property(manifests, fc.string(), (manifest, key) => {
        const read = decodeManifest(key, encodeManifest(key, manifest));
        expect({ ...read, body: comparable(read) }).toEqual({ ...manifest, body: comparable(manifest) });
      }),
    );
  });

  it('refuses a manifest that was written under another key', () => {
    const [manifest] = fc.sample(manifests, 1);
    const bytes = encodeManifest('a', manifest!);
    expect(() => decodeManifest('b', bytes)).toThrow(CacheServerError);
  });

  it('refuses any change of one byte', () => {
    fc.assert(
      fc.property(manifests, fc.nat(), fc.integer({ min: 1, max: 255 }), (manifest, position, change) => {
        const bytes = encodeManifest('key', manifest);
        const at = position % bytes.length;
        bytes[at] = bytes[at]! ^ change;
        expect(() => decodeManifest('key', bytes)).toThrow(CacheServerError);
      }),
    );
  });

  it('refuses a piece that is longer than what is held of it', () => {
    const [manifest] = fc.sample(manifests, 1);
    const held = { kind: 'inline' as const, bytes: new Uint8Array(5) };
    const body = (last: number): Manifest['body'] => ({
      kind: 'pieces',
      bodyBytes: 10,
      pieces: [{ first: 2, last, skipBytes: 1, held }],
    });
    const read = (last: number): Manifest =>
      decodeManifest('key', encodeManifest('key', { ...manifest!, body: body(last) }));
    expect(comparable(read(5))).toEqual(comparable({ body: body(5) }));
    for (const last of [1, 6]) expect(() => read(last)).toThrow('cannot be read');
  });

  it('refuses digests that do not cover the body', () => {
    const [manifest] = fc.sample(manifests, 1);
    const body = {
      kind: 'partitions' as const,
      bodyBytes: 10,
      storedBytes: 1,
      partitionBytes: 5,
      paged: false,
      digests: new Uint8Array(32),
    };
    const bytes = encodeManifest('key', { ...manifest!, body });
    expect(() => decodeManifest('key', bytes)).toThrow('cannot be read');
  });
});

function comparable({ body }: Pick<Manifest, 'body'>): unknown {
  if (body.kind === 'pieces')
    return { ...body, pieces: body.pieces.map(({ held, ...piece }) => [piece, comparable({ body: held })]) };
  return body.kind === 'inline'
    ? Buffer.from(body.bytes).toString('hex')
    : { ...body, digests: Buffer.from(body.digests).toString('hex') };
}
