/**
 * What the upstream counts. A request falls in every kind that fits it.
 *
 * - `full`: a GET answered 200, body and all (a body that is cut later included)
 * - `conditional`: carried If-None-Match or If-Modified-Since
 * - `notModified`: answered 304
 * - `range`: answered 206
 * - `head`: a HEAD
 * - `unsafe`: a method that may change something (not GET, HEAD, OPTIONS or TRACE)
 * - `upgrade`: a WebSocket handshake
 * - `error`: answered 400 or above
 * - `cut`: body cut on purpose
 * - `aborted`: the client left before the end
 */
const requestKinds = [
  'full',
  'conditional',
  'notModified',
  'range',
  'head',
  'unsafe',
  'upgrade',
  'error',
  'cut',
  'aborted',
] as const;

export type RequestKind = (typeof requestKinds)[number];

/** Counts since the start or the last reset; the pages below `/__` are not counted. */
export interface UpstreamStats {
  /** Requests that arrived. */
  total: number;
  byKind: Record<RequestKind, number>;
  /** GETs answered in full, per path without its query. Paths beyond the first 10,000 are counted as `(other)`. */
  byPath: Record<string, number>;
  /** Bytes of bodies handed to the sockets, heads and framing not included. */
  bytesSent: number;
  /** Requests whose answer has not ended; a reset leaves it as it is. */
  open: number;
}

const pathsMax = 10_000;
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** One request on its way through the counts. */
export interface Visit {
  count(kind: RequestKind): void;
  /** Called once, when the status is known and before the head goes out. */
  answered(status: number): void;
  sent(bytes: number): void;
  /** @param finished whether the whole answer went out; if not, and nothing was cut, the client left */
  end(finished: boolean): void;
}

export interface VisitStart {
  method: string;
  path: string;
  conditional: boolean;
}

interface Counts extends Omit<UpstreamStats, 'open' | 'byPath'> {
  byPath: Map<string, number>;
}

function emptyCounts(): Counts {
  const byKind = Object.fromEntries(requestKinds.map((kind) => [kind, 0])) as Record<RequestKind, number>;
  return { total: 0, byKind, byPath: new Map(), bytesSent: 0 };
}

function countPath(byPath: Map<string, number>, path: string): void {
  const key = byPath.has(path) || byPath.size < pathsMax ? path : '(other)';
  byPath.set(key, (byPath.get(key) ?? 0) + 1);
}

/** Counts the requests of one upstream. */
export class RequestCounts {
  #stats = emptyCounts();
  #open = 0;

  begin({ method, path, conditional }: VisitStart): Visit {
    // A visit keeps the counts it began in: what an older request still does never shows up after a reset.
    const stats = this.#stats;
    let wasCut = false;
    const count = (kind: RequestKind): void => {
      stats.byKind[kind] += 1;
      wasCut ||= kind === 'cut';
    };
    stats.total += 1;
    this.#open += 1;
    if (conditional) count('conditional');
    if (method === 'HEAD') count('head');
    if (!safeMethods.has(method)) count('unsafe');
    return {
      count,
      answered(status) {
        if (status === 304) count('notModified');
        if (status === 206) count('range');
        if (status >= 400) count('error');
        if (method === 'GET' && status === 200) {
          count('full');
          countPath(stats.byPath, path);
        }
      },
      sent(bytes) {
        stats.bytesSent += bytes;
      },
      end: (finished) => {
        this.#open -= 1;
        if (!finished && !wasCut) count('aborted');
      },
    };
  }

  snapshot(): UpstreamStats {
    const { byKind, byPath, ...rest } = this.#stats;
    return { ...rest, byKind: { ...byKind }, byPath: Object.fromEntries(byPath), open: this.#open };
  }

  reset(): void {
    this.#stats = emptyCounts();
  }
}
