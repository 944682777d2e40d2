/** Reads everything that is stored, from the store alone. */
import type { PannierClient } from '@pannier/client';
import type { Mesh } from '../fixture/mesh.ts';
import { pinnedClient } from '../fixture/pinned-clients.ts';
import { openSealed } from '../fixture/sealed-body.ts';
import type { SealedUpstream } from '../fixture/sealed-upstream.ts';

/** What was found. */
export interface StoredReport {
  /** Entries that a server listed. */
  readonly entries: number;
  /** Bodies that were read whole and are what the upstream once sent, by any server. */
  readonly good: number;
  /** Short, mixed or changed bodies that were given as whole: what must never be. */
  readonly wrong: readonly string[];
  /** Entries that were not given: what they need is not there any more. */
  readonly notGiven: number;
}

/** However stale it is, and without asking anybody. */
const FROM_THE_STORE = { 'cache-control': 'only-if-cached, max-stale=86400' };

/** A busy machine may stop any process for seconds; an entry that needs what is not there is given up after so long. */
const PATIENCE_MS = 20_000;

/** The name of an entry is its method, its URL, and the headers that tell it apart. */
const URL_IN_NAME = /(?<=^GET )\S+/;

async function readEntry(client: PannierClient, url: string): Promise<Buffer | undefined> {
  try {
    const response = await client.fetch(url, { headers: FROM_THE_STORE });
    return response.status === 200 ? Buffer.from(await response.arrayBuffer()) : undefined;
  } catch {
    // A body that breaks off is not given.
    return undefined;
  }
}

/** Reads every entry through every server, while the upstream answers nobody. */
export async function readStored(mesh: Mesh, upstream: SealedUpstream): Promise<StoredReport> {
  upstream.hold();
  const urls = new Set<string>();
  const wrong: string[] = [];
  let good = 0;
  let notGiven = 0;
  for (const [server] of mesh.servers.entries()) {
    using client = pinnedClient(mesh.serverAddress(server), PATIENCE_MS);
    const listed: string[] = [];
    for await (const { name } of client.admin.entries()) listed.push(...(URL_IN_NAME.exec(name) ?? []));
    for (const url of listed) {
      urls.add(url);
      const body = await readEntry(client, url);
      if (body === undefined) {
        notGiven += 1;
        continue;
      }
      try {
        openSealed(new URL(url).pathname, body);
        good += 1;
      } catch (error) {
        wrong.push(String(error));
      }
    }
  }
  upstream.release();
  return { entries: urls.size, good, wrong, notGiven };
}
