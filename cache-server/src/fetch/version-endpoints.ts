/** Upstreams that tell by a cheap request whether responses have changed. */
import { getHeader } from '@pannier/http-semantics';
import type { Generation } from '@pannier/proto/generation';
import { abortable } from '@pannier/runtime';
import { CacheServerError } from '../errors.ts';
import { versionIn } from './told-version.ts';
import type { UpstreamTarget, VersionEndpoint } from '../upstream/upstream-registry.ts';
import type { UpstreamResponse } from '../upstream/upstream-response.ts';
import { decodedBody } from '../entry/whole-body.ts';

/** Sends a GET to an upstream, past the cache. */
export type AskVersion = (target: UpstreamTarget, signal: AbortSignal) => Promise<UpstreamResponse>;

const BODY_BYTES_MAX = 1024 * 1024;
/** How long after a question others may still share its answer, in milliseconds: as long as a server may be behind in what was invalidated. */
const SHARED_MS_MAX = 1000;
const NEVER = new AbortController().signal;

/** Who asks, and what is known of invalidations. */
export interface VersionRequest {
  /** Captured before. */
  readonly generation: Generation;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly ask: AskVersion;
  readonly signal: AbortSignal;
}

/** A question under way. */
interface Asking {
  readonly askedAtMs: number;
  readonly version: Promise<string | undefined>;
}

/**
 * One request at a time to each of them, however many responses it speaks for; but nobody who knows of a later invalidation is told what was
 * asked for before it.
 */
export class VersionEndpoints {
  readonly #onFailure: (url: string, error: unknown) => void;
  readonly #asking = new Map<string, Asking>();

  constructor(onFailure: (url: string, error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /**
   * The version of what is at a URL, as its upstream tells it now.
   *
   * @returns undefined where no endpoint speaks for it, or it could not be read: then it has to be fetched
   */
  async told(
    { upstream, url }: UpstreamTarget,
    { generation, now, ask, signal }: VersionRequest,
  ): Promise<string | undefined> {
    const endpoint = upstream.versionEndpoints.find(({ speaksFor }) => speaksFor(url));
    if (endpoint === undefined) return undefined;
    const { epoch, sequence } = generation;
    const name = JSON.stringify([endpoint.url, endpoint.header, endpoint.pointer, epoch, sequence]);
    const former = this.#asking.get(name);
    if (former !== undefined && now - former.askedAtMs <= SHARED_MS_MAX)
      return await abortable(former.version, signal);
    const version = this.#read(endpoint, async () => await ask({ upstream, url: endpoint.url }, NEVER));
    const asking = { askedAtMs: now, version };
    this.#asking.set(name, asking);
    const done = (): void => {
      if (this.#asking.get(name) === asking) this.#asking.delete(name);
    };
    void version.then(done);
    return await abortable(version, signal);
  }

  /** Never rejects. */
  async #read(endpoint: VersionEndpoint, ask: () => Promise<UpstreamResponse>): Promise<string | undefined> {
    try {
      const { status, headers, body } = await ask();
      const bytes = await wholeBytes(body);
      if (status !== 200) throw new CacheServerError('bad-data', `the version endpoint answered ${status}`);
      if (endpoint.header === undefined) {
        const coding = getHeader(headers, 'content-encoding')?.toLowerCase() ?? '';
        return versionIn(await decodedBody(bytes, coding, BODY_BYTES_MAX), endpoint.pointer);
      }
      const value = getHeader(headers, endpoint.header);
      if (value === undefined) throw new CacheServerError('bad-data', `there is no ${endpoint.header}`);
      return value;
    } catch (error) {
      this.#onFailure(endpoint.url, error);
      return undefined;
    }
  }
}

async function wholeBytes(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > BODY_BYTES_MAX)
      throw new CacheServerError('limit-exceeded', `a version of over ${BODY_BYTES_MAX} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
