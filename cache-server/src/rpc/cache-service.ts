/** CacheService: each method in a line or two; what it means stands in the file that it calls. */

import { CacheService } from '@pannier/proto';
import type { ServiceHandlers } from '@pannier/proto';
import { serverStream, unary } from './call-handlers.ts';
import type { DatasetDeps } from './dataset-calls.ts';
import { describeDataset, readPartitions } from './dataset-calls.ts';
import type { ExchangeCallDeps } from './exchange-call.ts';
import { exchangeCall } from './exchange-call.ts';
import type { FetchDeps } from './fetch-stream.ts';
import { fetchBody } from './fetch-stream.ts';
import type { InvalidateDeps } from './invalidate-call.ts';
import { invalidate } from './invalidate-call.ts';
import type { ObjectDeps } from './object-calls.ts';
import { deleteObject, getObject, getObjects, putObject } from './object-calls.ts';
import { watch } from './watch-call.ts';
import type { WatchDeps } from './watch-call.ts';
import { warm } from './warm-call.ts';
import type { JobCallDeps } from './warm-call.ts';
import { watchJob } from './watch-job-call.ts';

/** What the service's methods need. */
export type CacheServiceDeps = ExchangeCallDeps &
  FetchDeps &
  DatasetDeps &
  ObjectDeps &
  InvalidateDeps &
  JobCallDeps &
  WatchDeps;

/** The handlers for `server.addService`. */
export function cacheServiceHandlers(deps: CacheServiceDeps): ServiceHandlers<typeof CacheService> {
  const { method } = CacheService;
  return {
    exchange: (call) => exchangeCall(call, deps),
    fetch: serverStream(method.fetch, (request, context) => fetchBody(request, context, deps), {
      heldBytesMax: deps.limits.followerBytesMax,
    }),
    describeDataset: unary(method.describeDataset, (request, context) =>
      describeDataset(request, context, deps),
    ),
    readPartitions: serverStream(method.readPartitions, (request, context) =>
      readPartitions(request, context, deps),
    ),
    get: unary(method.get, (request, context) => getObject(request, context, deps)),
    put: unary(method.put, (request, context) => putObject(request, context, deps)),
    delete: unary(method.delete, (request, context) => deleteObject(request, context, deps)),
    getBatch: unary(method.getBatch, (request, context) => getObjects(request, context, deps)),
    invalidate: unary(method.invalidate, (request, context) => invalidate(request, context, deps)),
    watch: serverStream(method.watch, (request, context) => watch(request, context, deps)),
    warm: unary(method.warm, (request) => warm(request, deps)),
    watchJob: serverStream(method.watchJob, (request, context) => watchJob(request, context, deps)),
  };
}
