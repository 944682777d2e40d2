/** An upstream of the simulation: one document for each path, of which there are ever newer versions. */
import { createHash } from 'node:crypto';
import type { Dispatcher } from 'undici';
import type { Random } from './random.ts';
import type { SimulatedProcess, Timeline } from './simulated-time.ts';

/** How it behaves. */
export interface UpstreamOptions {
  readonly time: Timeline;
  readonly random: Random;
  /** Of all bodies, in bytes: from, to. */
  readonly bodyBytes: readonly [min: number, max: number];
  /** Pauses before the head and between two pieces of a body, in milliseconds. */
  readonly headMs: readonly [min: number, max: number];
  readonly pieceMs: readonly [min: number, max: number];
  /** Pieces that a body arrives in. */
  readonly pieces: readonly [min: number, max: number];
  /** Share of responses that break off. */
  readonly cutShare: number;
  /** Value of Cache-Control of all responses. */
  readonly cacheControl: string;
}

/** One version of a document. */
export interface Document {
  readonly version: number;
  readonly etag: string;
  readonly body: Buffer;
}

/** A request that was made. */
export interface Asked {
  readonly path: string;
  readonly by: number;
  /** When it was sent, and when it was answered, in milliseconds since the beginning. */
  readonly sentMs: number;
  readonly atMs: number;
  readonly version: number;
  readonly kind: 'whole' | 'not-modified';
}

type Handler = Dispatcher.DispatchHandler;

/** See the head of this file. */
export class SimulatedUpstream {
  readonly asked: Asked[] = [];
  /** Most whole fetches of one path that were under way together. */
  mostAtOnce = 0;
  readonly #underWay = new Map<string, number>();
  #asking: readonly { readonly path: string; readonly by: number }[] = [];
  readonly #options: UpstreamOptions;
  readonly #documents = new Map<string, Document[]>();

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  /** A process that asks for a path now. */
  asking(path: string): number | undefined {
    return this.#asking.find((one) => one.path === path)?.by;
  }

  /** The version that is served now. */
  current(path: string): Document {
    return this.versions(path).at(-1) ?? this.change(path);
  }

  /** All versions there have been. */
  versions(path: string): readonly Document[] {
    return this.#documents.get(path) ?? [];
  }

  /**
   * Whether a request for the newer version was overtaken on its way by one for the older: of the two, the one that was sent later brought what
   * is older. From the times of requests, which are all that a cache has, nobody can tell.
   */
  isOvertaken(path: string, { older, newer }: { older: number; newer: number }): boolean {
    const sent = (version: number): number[] =>
      this.asked.filter((one) => one.path === path && one.version === version).map((one) => one.sentMs);
    return Math.max(...sent(older)) >= Math.min(...sent(newer));
  }

  /** Publishes a new version. Some of its bytes are those of the old one, as in life. */
  change(path: string): Document {
    const { random, bodyBytes } = this.#options;
    const former = this.#documents.get(path) ?? [];
    const version = former.length + 1;
    const last = former.at(-1);
    const body = filled(`${path} ${version}`, random.whole(...bodyBytes));
    // Versions that begin alike are where a mixture would go unnoticed longest.
    if (last !== undefined && random.chance(0.5))
      last.body.copy(body, 0, 0, Math.floor(last.body.length / 2));
    const etag = `"${version}-${createHash('sha256').update(body).digest('hex').slice(0, 8)}"`;
    const document = { version, etag, body };
    this.#documents.set(path, [...former, document]);
    return document;
  }

  /** What a process fetches through: the part of undici's Dispatcher that is used. */
  dispatcherOf(process: SimulatedProcess, by: number): Dispatcher {
    const dispatch = (options: Dispatcher.DispatchOptions, handler: Handler): boolean => {
      this.#serve(options, { handler, process, by });
      return true;
    };
    return { dispatch, destroy: async () => undefined } as unknown as Dispatcher;
  }

  #serve(
    { path, headers }: Dispatcher.DispatchOptions,
    { handler, process, by }: { handler: Handler; process: SimulatedProcess; by: number },
  ): void {
    const { time, random, headMs, pieceMs, pieces, cutShare, cacheControl } = this.#options;
    const sentMs = time.elapsedMs;
    const asking = { path, by };
    this.#asking = [...this.#asking, asking];
    let isOver = false;
    const controller = {
      rawHeaders: [] as Buffer[],
      pause: () => undefined,
      resume: () => undefined,
      abort: (error: Error) => {
        end();
        handler.onResponseError?.(controller as never, error);
      },
    };
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      this.#asking = this.#asking.filter((one) => one !== asking);
      this.#underWay.set(path, (this.#underWay.get(path) ?? 1) - 1);
    };
    const underWay = (this.#underWay.get(path) ?? 0) + 1;
    this.#underWay.set(path, underWay);
    this.mostAtOnce = Math.max(this.mostAtOnce, underWay);
    handler.onRequestStart?.(controller as never, {});
    const isCut = random.chance(cutShare);
    time.at(random.whole(...headMs), () => {
      if (process.isDead) return end();
      const document = this.current(path);
      const isSame = valueOf(headers, 'if-none-match') === document.etag;
      const kind = isSame ? 'not-modified' : 'whole';
      this.asked.push({ path, by, sentMs, atMs: time.elapsedMs, version: document.version, kind });
      const head = [
        ['etag', document.etag],
        ['cache-control', cacheControl],
        // What is compressed already is stored as it is: no thread decides when a step is done.
        ['content-type', 'image/png'],
        ['date', new Date(time.nowMs).toUTCString()],
        ...(isSame ? [] : [['content-length', String(document.body.length)]]),
      ];
      const bytes = isSame ? Buffer.alloc(0) : document.body;
      const count = random.whole(...pieces);
      process.later(0, () => {
        if (isOver) return;
        controller.rawHeaders = head.flat().map((text) => Buffer.from(text, 'latin1'));
        handler.onResponseStart?.(controller as never, isSame ? 304 : 200, {}, '');
      });
      let delayMs = 0;
      for (let piece = 0; piece < count; piece += 1) {
        delayMs += random.whole(...pieceMs);
        const [from, to] = [piece, piece + 1].map((at) => Math.floor((bytes.length * at) / count));
        const isBroken = isCut && piece >= count / 2;
        process.later(delayMs, () => {
          if (isOver) return;
          if (isBroken) controller.abort(new Error('the connection was reset'));
          else if (from !== to)
            handler.onResponseData?.(controller as never, Buffer.from(bytes.subarray(from, to)));
        });
      }
      process.later(delayMs, () => {
        if (isOver) return;
        end();
        handler.onResponseEnd?.(controller as never, {});
      });
    });
  }
}

function valueOf(headers: Dispatcher.DispatchOptions['headers'], name: string): string | undefined {
  const list = Array.isArray(headers) ? headers.map(String) : [];
  const at = list.findIndex((text, position) => position % 2 === 0 && text.toLowerCase() === name);
  return at < 0 ? undefined : list[at + 1];
}

/** Bytes that follow from a text alone, and that say at every place of which text they are. */
function filled(text: string, length: number): Buffer {
  const line = Buffer.from(`${text} `.repeat(1 + Math.ceil(64 / (text.length + 1))));
  const bytes = Buffer.alloc(length);
  for (let at = 0, serial = 0; at < length; serial += 1)
    at += bytes.write(`${serial} ${line.toString()}`, at, 'latin1');
  return bytes;
}
