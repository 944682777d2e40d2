import { z } from 'zod';
import { byteSize, count, duration } from './fields.ts';

/** Everything that could grow has a bound here; each process heeds those that concern it. */
export const limitsSection = z.strictObject({
  entryBytesMax: byteSize()
    .prefault('2GiB')
    .describe('The largest body that is stored; a larger one is relayed.'),
  partitionBytes: byteSize({ min: 4096, max: 16 * 1024 ** 2 })
    .prefault('512KiB')
    .describe('The size that a body is cut into, before compression.'),
  partitionsMax: count().default(10_000).describe('Partitions per entry.'),
  inlineBytesMax: byteSize({ min: 0, max: 1024 ** 2 })
    .prefault('64KiB')
    .describe(
      'The largest body that rides inside the answer to a lookup; a larger one gets a stream of its own.',
    ),
  objectBytesMax: byteSize().prefault('16MiB').describe("The largest object of a caller's own."),
  recordBytesMax: byteSize().prefault('1MiB').describe('The largest single record of a dataset, as JSON.'),
  ingestBytesMax: byteSize({ min: 16 * 1024 ** 2 })
    .prefault('128MiB')
    .describe('Memory for the records of one dataset that is being cut; beyond, they wait in a file.'),
  ingestThreadsMax: count()
    .default(4)
    .describe('Datasets that are cut at once, each in a thread with memory of its own; others wait.'),
  ingestWaitMs: duration()
    .prefault('5m')
    .describe('How long a dataset may wait for its thread; then the old version stays.'),
  ruleTimeoutMs: duration()
    .prefault('10s')
    .describe("How long a transform or partitioner of the operator's own may take for one batch of records."),
  decompressedBytesMax: byteSize()
    .prefault('2GiB')
    .describe(
      'What a compressed body may expand to where it has to be read; beyond, it is refused as a bomb.',
    ),
  waitersPerFlightMax: count()
    .default(16_384)
    .describe(
      'Requests of one server that may wait for one fetch, or read what it brings; for more, see waitersBeyond.',
    ),
  waitDeadlineMs: duration({ min: 0 })
    .prefault(0)
    .describe(
      'How long a request may wait for the head of a response that another one has begun to fetch, here or at another server; then see waitersBeyond. 0: as long as that fetch may take, see queueTimeoutMs and fetchTimeoutMs of its upstream.',
    ),
  waitersBeyond: z
    .enum(['alone', 'refuse'])
    .default('alone')
    .describe(
      '`alone`: who may not wait, or waited for waitDeadlineMs, has the server fetch for it alone, within the concurrencyMax and rate of the upstream; that response is not stored. `refuse`: it gets what is stale, if that may stand in for an error, else 503 with Retry-After.',
    ),
  followerBytesMax: byteSize()
    .prefault('1MiB')
    .describe(
      'Bytes of a large body that may wait for the connection of one reader; until it takes them no more is read for it, from the store or from a fetch under way. One partition where that is more. At most four further partitions are read ahead from the store.',
    ),
  relayWindowBytes: byteSize()
    .prefault('4MiB')
    .describe('How far the readers of a relayed body may lie apart before the last is let go.'),
  flightBytesBufferedMax: byteSize()
    .prefault('8MiB')
    .describe(
      'Bytes of one flight that may wait to be compressed and stored; beyond, the upstream is read more slowly.',
    ),
  headerBytesMax: byteSize({ min: 1024, max: 1024 ** 2 })
    .prefault('64KiB')
    .describe('Bytes of one request or response head.'),
  connectionsMax: count().default(12_000).describe('Connections open at once on one port.'),
  streamsMax: count().default(4096).describe('Calls open at once on one gRPC connection.'),
  lookupsPerStreamMax: count()
    .default(1024)
    .describe('Lookups that may await their answer on one Exchange stream.'),
  fetchDeadlineMs: duration().prefault('10m').describe('How long one upstream fetch may take in all.'),
  jobsMax: count()
    .default(1000)
    .describe('Jobs of Warm that wait or run in the whole mesh; a call beyond is refused.'),
  jobItemsMax: count({ max: 10_000 }).default(1000).describe('URLs and datasets of one job.'),
  jobsAtOnceMax: count().default(4).describe('Jobs that one process runs at once.'),
  jobItemsAtOnceMax: count().default(4).describe('URLs and datasets of one job that are fetched at once.'),
  jobDeadlineMs: duration()
    .prefault('1h')
    .describe('How long a job may take from its first attempt on; then it is given up.'),
  ackTimeoutMs: duration()
    .prefault('250ms')
    .describe('How long a cache server may leave a lookup unacknowledged before the proxy asks elsewhere.'),
  heartbeatMs: duration().prefault('1s').describe('How often a fetch in progress says that it still is.'),
  drainMs: duration({ min: 0 })
    .prefault('10s')
    .describe('How long open requests may take to finish after SIGTERM.'),
});
