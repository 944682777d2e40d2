/** A TCP port before another one whose connections a test cuts, all of them at once and in the middle of a message. */
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { listenOnLoopback } from '../fixture/loopback-port.ts';

/** A running relay. */
export interface CuttingRelay extends AsyncDisposable {
  /** `host:port` */
  readonly address: string;
  /** Bytes that were let through to the client so far. */
  received(): number;
  /** Cuts when so many bytes more have come back, and resets whoever connects from then on until `mended` resolves. */
  cutAfter(bytes: number, mended: () => Promise<void> | void): void;
  /** Connections that were refused so far. */
  refused(): number;
}

/** @param target `host:port` on the loopback */
export async function startCuttingRelay(target: string): Promise<CuttingRelay> {
  const port = Number(target.split(':').at(-1));
  const sockets = new Set<Socket>();
  let received = 0;
  let refused = 0;
  let cutAt = Infinity;
  let mended: (() => Promise<void> | void) | undefined;
  let isCut = false;
  const cut = async (): Promise<void> => {
    isCut = true;
    cutAt = Infinity;
    for (const socket of sockets) socket.resetAndDestroy();
    await mended?.();
    isCut = false;
  };
  const server = createServer((near) => {
    if (isCut) {
      refused += 1;
      near.resetAndDestroy();
      return;
    }
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.on('data', (chunk: Buffer) => {
      if (near.destroyed) return;
      const passed = chunk.subarray(0, Math.max(0, cutAt - received));
      received += passed.length;
      const isLast = received >= cutAt;
      // What is let through reaches the client before the reset does.
      const flows = near.write(passed, () => (isLast ? void cut() : undefined));
      if (isLast) far.pause();
      else if (!flows) {
        far.pause();
        near.once('drain', () => far.resume());
      }
    });
  });
  const ownPort = await listenOnLoopback(server);
  return {
    address: `127.0.0.1:${ownPort}`,
    received: () => received,
    refused: () => refused,
    cutAfter(bytes, whenMended) {
      cutAt = received + bytes;
      mended = whenMended;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
