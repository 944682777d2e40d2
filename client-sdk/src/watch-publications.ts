/** New versions of datasets as they are published by any server, across the ends of connections and servers. */
import { setTimeout as delay } from 'node:timers/promises';
import { CacheService } from '@pannier/proto';
import type { Generation } from '@pannier/proto/generation';
import { PannierError } from './errors.ts';
import { BackOff } from './transport/back-off.ts';
import type { StreamServer, Transport } from './transport/index.ts';

/** A version that became the current one. */
export interface DatasetPublication {
  readonly dataset: string;
  readonly version: string;
  /** '' at first. */
  readonly formerVersion: string;
  /** Names of partitions. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** True when some of the names were too many to be told: compare the versions. */
  readonly namesLeftOut: boolean;
}

/**
 * Publications from now on, until the signal ends it. What was published while no server could be reached is told afterwards, as far as
 * the servers' log goes back.
 *
 * @throws the signal's reason; PannierError when no server answers at first
 */
export async function* watchPublications(
  transport: Transport,
  signal: AbortSignal,
): AsyncGenerator<DatasetPublication, void, undefined> {
  const backOff = new BackOff();
  let position: Generation | undefined;
  async function* attempt(server: StreamServer): AsyncGenerator<DatasetPublication> {
    const { epoch = '', sequence: after = 0 } = position ?? {};
    for await (const message of server.open(CacheService.method.watch, {
      epoch,
      afterSequence: BigInt(after),
    })) {
      backOff.reset();
      position = { epoch: message.epoch, sequence: Number(message.sequence) };
      if (message.published === undefined) continue;
      const { dataset, version, formerVersion, changed, removed, namesLeftOut } = message.published;
      yield { dataset, version, formerVersion, changed, removed, namesLeftOut };
    }
    throw new PannierError('unavailable', 'the server ended the watch');
  }
  const again = async (): Promise<boolean> => {
    await delay(backOff.next(), undefined, { signal });
    return position !== undefined;
  };
  yield* transport.stream(attempt, { signal, again });
}
