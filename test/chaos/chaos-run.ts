/**
 * Kills at random under load. Three servers over one Redis, two proxies, clients that check every body against its seal, an upstream that publishes new
 * versions all the time. What breaks off visibly is counted; what is short, mixed or foreign and passes for whole must not be, neither at a client nor in the store.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { IMPATIENT, startMesh } from '../fixture/mesh.ts';
import { startSealedUpstream } from '../fixture/sealed-upstream.ts';
import { SteadyLoad } from '../load/steady-load.ts';
import type { SteadyReport } from '../load/steady-load.ts';
import { seededRandom } from '../simulation/random.ts';
import { readStored } from './stored-entries.ts';
import type { StoredReport } from './stored-entries.ts';
import { partOf, victimsOf } from './victims.ts';
import type { Victim } from './victims.ts';

/** How much, and how it is told. */
export interface ChaosOptions {
  readonly kills: number;
  /** Decides victims, order and pauses; not what the processes make of it. */
  readonly seed: number;
  readonly progress: (line: string) => void;
}

/** What came of it. */
export interface ChaosReport {
  readonly load: SteadyReport;
  readonly stored: StoredReport;
  readonly victims: Readonly<Record<string, number>>;
}

/** Some ride in the manifest, some in a message, some have partitions and take a second. */
const TARGETS = Array.from(
  { length: 24 },
  (_, index) => `/${[3000, 40_000, 600_000, 2_000_000][index % 4]}/c${index}`,
);
const CLIENTS = 12;
const BYTES_PER_S = 3_000_000;
/** Between two hits; a server needs longer than that to come back, so that often more than one thing is broken. */
const PAUSE_MS_MAX = 700;
/** Answers after everything is back. */
const ANSWERS_AFTER = 100;

/** Hits so many victims, waits until all are back, and reads what is stored. */
export async function runChaos({ kills, seed, progress }: ChaosOptions): Promise<ChaosReport> {
  const random = seededRandom(seed).next;
  await using upstream = await startSealedUpstream({
    cacheControl: 'max-age=1, stale-while-revalidate=5',
    bytesPerS: BYTES_PER_S,
  });
  await using mesh = await startMesh({
    store: 'redis',
    servers: 3,
    proxies: 2,
    hasLinks: true,
    config: {
      upstreams: { sealed: { url: upstream.url } },
      proxy: { nearEntryBytesMax: 10_000 },
      limits: IMPATIENT,
    },
  });
  const counts: Record<string, number> = {};
  let load: SteadyReport;
  {
    await using clients = new SteadyLoad({
      upstream,
      targets: TARGETS,
      proxyUrls: [mesh.proxyUrl(0), mesh.proxyUrl(1)],
      clients: CLIENTS,
      random: Math.random,
    });
    const storm = new KillStorm(victimsOf(mesh), random);
    for (let kill = 1; kill <= kills; kill += 1) {
      const { name } = await storm.hitOne();
      counts[name] = (counts[name] ?? 0) + 1;
      progress(`${kill}/${kills} ${name}`);
      if (kill % 2 === 0) upstream.publish();
      await delay(random() * PAUSE_MS_MAX);
    }
    await storm.allBack();
    progress('all are back');
    await clients.moreAnswers(ANSWERS_AFTER);
    load = clients.report;
  }
  progress('what is stored is read');
  return { load, stored: await readStored(mesh, upstream), victims: counts };
}

/** Chooses and hits; who is hit comes back by itself after a while. */
class KillStorm {
  readonly #victims: readonly Victim[];
  readonly #random: () => number;
  readonly #away = new Map<string, Promise<void>>();

  constructor(victims: readonly Victim[], random: () => number) {
    this.#victims = victims;
    this.#random = random;
  }

  /** Whoever is chosen is waited for when it is still away, so that the seed alone decides who comes next. */
  async hitOne(): Promise<Victim> {
    const victim = this.#choose();
    const awayMs = this.#random() * victim.awayMsMax;
    const part = partOf(victim);
    await this.#away.get(part);
    await victim.hit();
    const back = delay(awayMs).then(async () => void (await victim.comeBack()));
    this.#away.set(part, back);
    return victim;
  }

  async allBack(): Promise<void> {
    await Promise.all(this.#away.values());
  }

  #choose(): Victim {
    let at = this.#random() * this.#victims.reduce((sum, { weight }) => sum + weight, 0);
    const chosen = this.#victims.find(({ weight }) => (at -= weight) < 0) ?? this.#victims[0];
    if (chosen === undefined) throw new Error('there is nobody to be hit');
    return chosen;
  }
}
