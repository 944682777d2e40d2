/**
 * Whether the connection of the Exchange stream holds the process open. grpc-js holds it while a call is open, and this call never
 * ends: a program that has its answers would not end either. So the socket is held only while somebody waits for an answer.
 */
import type { Socket } from 'node:net';
import { credentials } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';

/** The hold of one connection. */
export class ProcessHold {
  #socket: Socket | undefined;

  /** Plain-text credentials that tell us the socket: the one place where grpc-js hands it out. */
  readonly credentials: ChannelCredentials;

  constructor() {
    this.credentials = credentials.createInsecure();
    const create = this.credentials._createSecureConnector.bind(this.credentials);
    this.credentials._createSecureConnector = (...args) => {
      const connector = create(...args);
      return {
        ...connector,
        connect: (socket) => {
          this.#socket = socket;
          return connector.connect(socket);
        },
      };
    };
  }

  /** Somebody waits, or nobody does. Before the connection stands, grpc-js itself holds the process for the call. */
  set(waitedFor: boolean): void {
    if (waitedFor) this.#socket?.ref();
    else this.#socket?.unref();
  }
}
