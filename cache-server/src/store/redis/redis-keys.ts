/** Names in Redis. The format version stands in each, so that another format's manifests and frames are misses, not garbage. */

const FORMAT_VERSION = 1;

/** Names under one prefix. */
export class RedisKeys {
  readonly #manifestStart: string;
  readonly #frameStart: string;

  constructor(prefix: string) {
    this.#manifestStart = `${prefix}:${FORMAT_VERSION}:manifest:{`;
    this.#frameStart = `${prefix}:${FORMAT_VERSION}:frame:`;
  }

  /** The key in braces is a hash tag of Redis Cluster: what else belongs to this key can share its slot. */
  manifest(key: string): string {
    return `${this.#manifestStart}${key}}`;
  }

  /** Without a hash tag, so that the frames of one entry spread over the cluster. */
  frame(scope: string, digest: Uint8Array): string {
    return `${this.#frameStart}${escapeScope(scope)}:${Buffer.from(digest).toString('hex')}`;
  }

  /** Matches the manifests whose key contains a text. */
  manifestPattern(contains: string): string {
    return `${escapeGlob(this.#manifestStart)}*${escapeGlob(contains)}*}`;
  }

  /** The key in the name of a manifest. */
  manifestKey(name: string): string {
    return name.slice(this.#manifestStart.length, -1);
  }
}

/** `:` would forge another scope's frame, a brace a hash tag. */
function escapeScope(scope: string): string {
  return Buffer.from(scope, 'utf8')
    .toString('latin1')
    .replace(/[^\w.~-]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\]/g, String.raw`\$&`);
}
