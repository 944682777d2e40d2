/** The gRPC port: our two services, health and reflection, with their limits. */
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { AdminService, CacheService, grpcServiceDefinition } from '@pannier/proto';
import { HealthImplementation } from 'grpc-health-check';
import type { AdminServiceDeps } from './admin-service.ts';
import { adminServiceHandlers } from './admin-service.ts';
import type { CacheServiceDeps } from './cache-service.ts';
import { cacheServiceHandlers } from './cache-service.ts';
import { addReflection } from './reflection.ts';

/** What the port serves, and where. */
export interface GrpcServerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Calls open at once on one connection. */
  readonly streamsMax: number;
  /** Largest message accepted, in bytes: an object and what surrounds it. */
  readonly messageBytesMax: number;
  readonly deps: CacheServiceDeps & AdminServiceDeps;
}

/** A bound gRPC port. */
export interface GrpcPort {
  readonly port: number;
  /** Says "not serving" and lets calls finish; resolves when the last has, or after `graceMs`. */
  drain(graceMs: number): Promise<void>;
}

// What grpc-js would print by itself, such as a busy port, is told by whoever gets the error.
setLogVerbosity(logVerbosity.NONE);

/** Binds the port. Rejects with what the system says when it cannot. */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcPort> {
  const server = new Server({
    'grpc.max_concurrent_streams': options.streamsMax,
    'grpc.max_receive_message_length': options.messageBytesMax,
    // A caller that vanished without a FIN is noticed by pings, so that its lookups and readers are given up.
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 10_000,
  });
  const health = new HealthImplementation({ '': 'SERVING', [CacheService.typeName]: 'SERVING' });
  server.addService(grpcServiceDefinition(CacheService), { ...cacheServiceHandlers(options.deps) });
  server.addService(grpcServiceDefinition(AdminService), { ...adminServiceHandlers(options.deps) });
  health.addToServer(server);
  addReflection(server);

  const address = options.host.includes(':')
    ? `[${options.host}]:${options.port}`
    : `${options.host}:${options.port}`;
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    port,
    async drain(graceMs) {
      health.setStatus('', 'NOT_SERVING');
      health.setStatus(CacheService.typeName, 'NOT_SERVING');
      await shutDown(server, graceMs);
    },
  };
}

function shutDown(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
  });
}
