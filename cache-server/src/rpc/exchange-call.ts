/** An Exchange call: its stream of lookups from opening to end, and the drain of the server. */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { ExchangeRequest, ExchangeResponse } from '@pannier/proto';
import { callerOf } from './call-handlers.ts';
import type { ExchangeDeps } from './exchange-stream.ts';
import { ExchangeStream } from './exchange-stream.ts';
import { grpcError } from './rpc-error.ts';

/** What the call needs beyond its lookups. */
export interface ExchangeCallDeps extends ExchangeDeps {
  /** Aborted when the server begins to drain. */
  readonly draining: AbortSignal;
  readonly drainMs: number;
}

/** How long a stream that is to end must be without lookups, in milliseconds; what was sent before the client knew arrives within it. */
const IDLE_MS = 100;

/** Serves one Exchange call. */
export function exchangeCall(
  call: ServerDuplexStream<ExchangeRequest, ExchangeResponse>,
  deps: ExchangeCallDeps,
): void {
  let stream: ExchangeStream;
  try {
    stream = new ExchangeStream(call, callerOf(call.metadata), deps);
  } catch (error) {
    call.emit('error', grpcError(error));
    return;
  }
  let idle: NodeJS.Timeout | undefined;
  const endWhenIdle = (): void => {
    if (idle !== undefined) return;
    idle = setInterval(() => {
      if (stream.waiting > 0) return;
      finish();
      call.end();
    }, IDLE_MS);
  };
  const drain = (): void => {
    stream.announceDraining(deps.drainMs);
    endWhenIdle();
  };
  const finish = (): void => {
    clearInterval(idle);
    deps.draining.removeEventListener('abort', drain);
    stream.close();
  };

  call.on('data', (message: ExchangeRequest) => {
    for (const frame of message.frames) stream.accept(frame);
  });
  call.on('end', endWhenIdle);
  call.on('cancelled', finish);
  call.on('error', finish);
  if (deps.draining.aborted) drain();
  else deps.draining.addEventListener('abort', drain, { once: true });
}
