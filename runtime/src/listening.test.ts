import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { explainBusyPort, listenOrExplain } from './listening.ts';

const servers: Server[] = [];
const newServer = (): Server => {
  const server = createServer();
  servers.push(server);
  return server;
};
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const place = { host: '127.0.0.1', port: 0, flag: '--port' };

describe('listenOrExplain', () => {
  it('returns the port that was picked', async () => {
    const server = newServer();
    const address = await listenOrExplain(server, place);
    expect(address.port).toBeGreaterThan(0);
    expect(server.address()).toEqual(address);
  });

  it('says in one line that a port is busy, and which flag changes it', async () => {
    const { port } = await listenOrExplain(newServer(), place);
    await expect(listenOrExplain(newServer(), { ...place, port })).rejects.toMatchObject({
      name: 'PortBusyError',
      code: 'PORT_BUSY',
      exitCode: 1,
      message: `port ${port} on 127.0.0.1 is busy: another process listens there; choose another with --port, or 0 for any free one`,
      cause: { code: 'EADDRINUSE' },
    });
  });

  it("says that a host is not this machine's", async () => {
    await expect(listenOrExplain(newServer(), { ...place, host: '192.0.2.1' })).rejects.toMatchObject({
      code: 'ADDRESS_UNUSABLE',
      message: 'cannot listen on 192.0.2.1: it is no address of this machine',
    });
  });
});

describe('explainBusyPort', () => {
  it('reads the error of a gRPC server, which has a text and no code', () => {
    const error = new Error(
      'No address added out of total 1 resolved errors: [listen EADDRINUSE: address already in use 127.0.0.1:7070]',
    );
    expect(explainBusyPort(error, { ...place, port: 7070 })).toMatchObject({
      code: 'PORT_BUSY',
      cause: error,
    });
  });

  it('explains a port that needs privileges', () => {
    const error = new Error('listen EACCES: permission denied 127.0.0.1:80');
    expect(explainBusyPort(error, { ...place, port: 80 }).message).toBe(
      'port 80 on 127.0.0.1 needs privileges; choose another with --port, or 0 for any free one',
    );
  });

  it('leaves any other error as it is', () => {
    const error = new Error('something else');
    expect(explainBusyPort(error, place)).toBe(error);
  });
});
