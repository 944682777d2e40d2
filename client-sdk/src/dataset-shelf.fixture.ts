/** For tests: scripted servers that have versions of a dataset, and lose them when they are told to. */
import { create } from '@bufbuild/protobuf';
import { DescribeDatasetResponseSchema } from '@pannier/proto';
import { contentDigest, encodeFrame, encodeRecords } from '@pannier/proto/partition-format';
import { scriptedError } from './transport/scripted-server.fixture.ts';
import type { ScriptedServer, ServerScript } from './transport/scripted-server.fixture.ts';

/** A record of them. */
export interface ShelfRow {
  readonly part: string;
  readonly edition: number;
}

/** A version as the servers have it: its partitions, of one row each, and the edition of these. */
export interface ShelfVersion {
  readonly names: readonly string[];
  readonly edition: number;
}

/** What the servers have, and what they were asked for. */
export class DatasetShelf {
  readonly versions = new Map<string, ShelfVersion>();
  current = '';
  /** `read v1`, `describe v1`; a version that was not named is `-`. */
  readonly asked: string[] = [];
  /** Called before a version is looked up. */
  before: (call: string) => void = () => undefined;
  /** Called before a partition is sent. */
  sending: (name: string, server: ScriptedServer) => Promise<void> | void = () => undefined;

  publish(version: string, content: ShelfVersion): void {
    this.versions.set(version, content);
    this.current = version;
  }

  /** Loses the current one and cuts another. */
  replace(version: string, content: ShelfVersion): void {
    this.versions.clear();
    this.publish(version, content);
  }

  find(call: string, named: string): ShelfVersion & { readonly version: string } {
    this.asked.push(`${call} ${named || '-'}`);
    this.before(this.asked.at(-1) ?? '');
    const version = named || this.current;
    const found = this.versions.get(version);
    if (found === undefined)
      throw scriptedError('not-found', `dataset rows has no version ${version || 'at all'}`);
    return { ...found, version };
  }
}

function partOf(part: string, edition: number): { content: Buffer; digest: Uint8Array } {
  const content = Buffer.from(encodeRecords([{ part, edition }]));
  return { content, digest: contentDigest(content, 'dataset') };
}

/** What a version gives. */
export function rowsOf({ names, edition }: ShelfVersion): ShelfRow[] {
  return names.map((part) => ({ part, edition }));
}

/** A server of it. */
export function shelfScript(shelf: DatasetShelf): ServerScript {
  return {
    async *readPartitions(request, server) {
      const { names, edition, version } = shelf.find('read', request.version);
      const wanted = names.filter(
        (name) => request.partitions.length === 0 || request.partitions.includes(name),
      );
      const coming = wanted.slice(request.skipPartitions);
      const records = BigInt(coming.length);
      yield { case: 'start', value: { version, partitions: coming.length, records } };
      for (const name of coming) {
        await shelf.sending(name, server);
        const { content, digest } = partOf(name, edition);
        const frame = await encodeFrame(content, { scope: 'rows', digest, compress: false });
        const stored = { scope: 'rows', digest, frame };
        yield { case: 'partition', value: { name, stored, digest, records: 1n } };
      }
      yield { case: 'complete', value: { version, records } };
    },
    cache: {
      describeDataset: ({ request }, reply) => {
        try {
          const { names, edition, version } = shelf.find('describe', request.version);
          const partitions = names.map((name) => {
            const { digest } = partOf(name, edition);
            return { name, records: 1n, contentBytes: 100n, digest };
          });
          reply(null, create(DescribeDatasetResponseSchema, { description: { version, partitions } }));
        } catch (error) {
          reply(error as Error);
        }
      },
    },
  };
}
