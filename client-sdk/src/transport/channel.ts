/** A gRPC channel to one server, with the options that every channel of ours needs. */
import { Client, connectivityState, credentials } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';

/** Sizes in bytes. */
export interface ChannelLimits {
  readonly flowControlWindowBytes: number;
  /** Largest message: a partition and what surrounds it, or an object. */
  readonly messageBytesMax: number;
}

/**
 * Makes a client with a connection of its own: a large body on a shared one would hold up every lookup.
 *
 * @param server `host:port`
 * @param plainText credentials without TLS; default grpc-js's own
 */
export function openChannel(
  server: string,
  limits: ChannelLimits,
  plainText: ChannelCredentials = credentials.createInsecure(),
): Client {
  return new Client(server, plainText, {
    // grpc-js obeys `http_proxy`: a sidecar would call itself.
    'grpc.enable_http_proxy': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc-node.flow_control_window': limits.flowControlWindowBytes,
    'grpc.max_receive_message_length': limits.messageBytesMax,
    'grpc.max_send_message_length': limits.messageBytesMax,
    // A server that vanished without a FIN is noticed while calls are open.
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 5_000,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    // Retries are ours: only we know what may be asked twice, and where.
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
  });
}

/** Whether calls leave at once. */
export function isConnected(client: Client): boolean {
  return client.getChannel().getConnectivityState(false) === connectivityState.READY;
}
