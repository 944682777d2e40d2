/**
 * The servers that there are. A `dns:///` name stands for every address it resolves to, each with an Exchange stream of its own:
 * gRPC's own balancing would put all lookups of a stream on one replica. Names are resolved again every 30 s and when a server fails.
 */
import { lookup } from 'node:dns/promises';
import { PannierError } from '../errors.ts';
import { parseServerAddress, placeOf } from './server-address.ts';
import type { ServerAddress } from './server-address.ts';
import { ServerLink } from './server-link.ts';
import type { TransportEvent } from './transport.ts';
import type { TransportSettings } from './transport-settings.ts';

/** Every address of a name. */
export type ResolveName = (name: string) => Promise<readonly string[]>;

const REFRESH_MS = 30_000;
/** Names are not asked more often than this, whatever fails. */
const REFRESH_PAUSE_MS = 1_000;
/** Links whose address is gone may finish what is under way; beyond so many the oldest is cut off. */
const RETIRED_MAX = 64;

async function everyAddress(name: string): Promise<readonly string[]> {
  const addresses = await lookup(name, { all: true });
  return addresses.map(({ address }) => address);
}

/** The servers of one transport. */
export class ServerDirectory {
  readonly #settings: TransportSettings;
  readonly #addresses: readonly ServerAddress[];
  readonly #resolve: ResolveName;
  readonly #placesOfName = new Map<string, readonly string[]>();
  readonly #links = new Map<string, ServerLink>();
  #list: readonly ServerLink[] = [];
  readonly #retired: ServerLink[] = [];
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> | undefined;
  #refreshedAtMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  /** @throws PannierError `bad-request` for an address that is none, or no address at all */
  constructor(settings: TransportSettings, resolve: ResolveName = everyAddress) {
    const onEvent = (event: TransportEvent): void => {
      settings.onEvent(event);
      // Its address may be gone and another one have taken its place.
      if (event.kind === 'server-down') void this.#refresh();
    };
    this.#settings = { ...settings, onEvent };
    this.#resolve = resolve;
    this.#addresses = settings.servers.map(parseServerAddress);
    if (this.#addresses.length === 0)
      throw new PannierError('bad-request', 'servers: at least one is needed');
    this.#update();
    this.#timer = setInterval(() => void this.#refresh(), REFRESH_MS);
    this.#timer.unref();
  }

  /** Every server known now. */
  get links(): readonly ServerLink[] {
    return this.#list;
  }

  /** Waits for the first addresses; returns as well when there are none to be had. */
  async ready(): Promise<void> {
    if (this.#links.size > 0) return;
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#settings.connectTimeoutMs);
    });
    await Promise.race([this.#refresh(), tooLong]);
    clearTimeout(timer);
  }

  close(reason: PannierError): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const link of [...this.#list, ...this.#retired]) link.close(reason);
  }

  /** One resolution at a time, and none shortly after the last. Never rejects. */
  #refresh(): Promise<void> {
    if (this.#refreshing !== undefined) return this.#refreshing;
    if (performance.now() - this.#refreshedAtMs < REFRESH_PAUSE_MS) return Promise.resolve();
    this.#refreshing = this.#resolveNames().finally(() => {
      this.#refreshing = undefined;
      this.#refreshedAtMs = performance.now();
    });
    return this.#refreshing;
  }

  async #resolveNames(): Promise<void> {
    const names = this.#addresses.filter((address) => address.kind === 'name');
    await Promise.all(
      names.map(async ({ name, port }) => {
        try {
          const addresses = await this.#resolve(name);
          this.#placesOfName.set(
            `${name}:${port}`,
            addresses.map((address) => placeOf(address, port)),
          );
        } catch (error) {
          this.#settings.onEvent({
            kind: 'resolve-failed',
            server: `${name}:${port}`,
            reason: String(error),
          });
        }
      }),
    );
    if (!this.#closed) this.#update();
  }

  #update(): void {
    const places = this.#addresses.flatMap((address) =>
      address.kind === 'place'
        ? [address.server]
        : (this.#placesOfName.get(`${address.name}:${address.port}`) ?? []),
    );
    for (const server of places) {
      if (!this.#links.has(server)) this.#links.set(server, new ServerLink(server, this.#settings));
    }
    for (const [server, link] of this.#links) {
      if (!places.includes(server)) this.#retire(server, link);
    }
    this.#list = [...this.#links.values()];
  }

  #retire(server: string, link: ServerLink): void {
    this.#links.delete(server);
    link.retire();
    this.#retired.push(link);
    if (this.#retired.length <= RETIRED_MAX) return;
    this.#retired.shift()?.close(new PannierError('unavailable', 'its address is gone'));
  }
}
