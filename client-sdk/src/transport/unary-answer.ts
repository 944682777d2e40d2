import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { Client, Metadata } from '@grpc/grpc-js';
import { unaryCall } from '@pannier/proto';
import { PannierError } from '../errors.ts';
import { isConnected } from './channel.ts';
import { callFailure } from './server-failure.ts';
import { SilenceWatch } from './silence-watch.ts';

/** A unary call to be made. Times in milliseconds. */
export interface UnaryAnswerCall<I extends DescMessage, O extends DescMessage> {
  readonly client: Client;
  readonly server: string;
  readonly metadata: Metadata;
  readonly method: DescMethodUnary<I, O>;
  readonly request: MessageInitShape<I>;
  readonly signal: AbortSignal;
  readonly connectTimeoutMs: number;
  readonly deadlineMs: number;
}

/**
 * Makes one call to one server.
 *
 * @throws PannierError `unavailable` when it cannot be reached, `deadline`, else the server's failure; the signal's reason
 */
export async function unaryAnswer<I extends DescMessage, O extends DescMessage>({
  client,
  server,
  ...call
}: UnaryAnswerCall<I, O>): Promise<MessageShape<O>> {
  const unreached = new AbortController();
  const watch = new SilenceWatch({
    isConnected: () => isConnected(client),
    connectTimeoutMs: call.connectTimeoutMs,
    silenceMs: undefined,
    onSilence: (reason) => unreached.abort(new PannierError('unavailable', `${server}: ${reason}`)),
  });
  const signal = AbortSignal.any([call.signal, unreached.signal]);
  watch.start();
  try {
    return await unaryCall(client, {
      method: call.method,
      request: call.request,
      metadata: call.metadata.clone(),
      deadline: new Date(Date.now() + call.deadlineMs),
      signal,
    });
  } catch (error) {
    throw signal.aborted ? signal.reason : callFailure(error, server);
  } finally {
    watch.stop();
  }
}
