import type { Server, Socket } from 'node:net';

/** Every TCP connection of the server, upgraded ones included, which node:http itself stops knowing. */
export class OpenSockets {
  readonly #sockets = new Set<Socket>();

  track(server: Server): void {
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** The TCP socket below a TLS socket: the one with the same peer. */
  below(tlsSocket: Socket): Socket | undefined {
    const { remoteAddress, remotePort } = tlsSocket;
    return [...this.#sockets].find(
      (raw) => raw.remotePort === remotePort && raw.remoteAddress === remoteAddress,
    );
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
