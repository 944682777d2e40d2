/**
 * The watch of a transport: one call to one live server, at another one as soon as it breaks, and so on for as long as the transport
 * lives. What was missed in between is asked for by the listener's position.
 */
import type { PannierError } from '../errors.ts';
import { BackOff } from './back-off.ts';
import type { ServerLink } from './server-link.ts';
import type { TransportEvent } from './transport.ts';
import type { WatchListener } from './watch-news.ts';
import type { WatchStream } from './watch-stream.ts';

/** What it needs. */
export interface ServerWatchOptions {
  /** Servers to choose from, the best first. */
  readonly links: () => Promise<readonly ServerLink[]>;
  readonly listener: WatchListener;
  readonly onEvent: (event: TransportEvent) => void;
}

/** How long there may be no sign of life, in milliseconds; one is due every 500. */
const SILENCE_MS = 2000;
/** A watch that lived for so long was a good one: another is looked for at once when it breaks. In milliseconds. */
const GOOD_MS = 1000;
/** How long servers that know no Watch are left alone, in milliseconds: newer ones may take their place. */
const REFUSED_PAUSE_MS = 30_000;

/** A watch, from its start to the end of its transport. */
export class ServerWatch {
  readonly #options: ServerWatchOptions;
  readonly #backOff = new BackOff();
  #stream: WatchStream | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastServer = '';
  /** Servers that refused, one after the other. */
  readonly #refusals = new Set<string>();
  #closed = false;

  constructor(options: ServerWatchOptions) {
    this.#options = options;
    void this.#open();
  }

  close(reason: PannierError): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#stream?.end(reason);
  }

  async #open(): Promise<void> {
    const links = await this.#options.links().catch(() => []);
    if (this.#closed) return;
    // Whoever broke off is not the first to be asked again.
    const link = links.find(({ server }) => server !== this.#lastServer) ?? links[0];
    if (link === undefined) this.#openIn(this.#backOff.next());
    else this.#watch(link, links.length);
  }

  #watch(link: ServerLink, servers: number): void {
    const { listener, onEvent } = this.#options;
    const { server } = link;
    let upAtMs = Number.POSITIVE_INFINITY;
    this.#lastServer = server;
    this.#stream = link.watch(listener.position, {
      silenceMs: SILENCE_MS,
      onNews: (news) => {
        if (!Number.isFinite(upAtMs)) {
          upAtMs = performance.now();
          this.#refusals.clear();
          onEvent({ kind: 'watch-up', server });
        }
        listener.onNews(news);
      },
      onEnd: (reason) => {
        this.#stream = undefined;
        if (this.#closed) return;
        onEvent({ kind: 'watch-down', server, reason: reason.message });
        if (reason.code === 'unimplemented') this.#afterRefusal(server, servers);
        else {
          const wasGood = performance.now() - upAtMs > GOOD_MS;
          if (wasGood) this.#backOff.reset();
          this.#openIn(wasGood ? 0 : this.#backOff.next());
        }
      },
    });
  }

  /** While one server can tell, it does not matter that others are too old. */
  #afterRefusal(server: string, servers: number): void {
    this.#refusals.add(server);
    if (this.#refusals.size < servers) {
      this.#openIn(this.#backOff.next());
      return;
    }
    this.#refusals.clear();
    this.#options.listener.onRefused();
    this.#openIn(REFUSED_PAUSE_MS);
  }

  #openIn(delayMs: number): void {
    this.#timer = setTimeout(() => void this.#open(), delayMs);
    this.#timer.unref();
  }
}
