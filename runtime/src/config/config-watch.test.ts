import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigError } from '../errors.ts';
import { loadConfig } from './config-source.ts';
import { watchConfig } from './config-watch.ts';
import type { ConfigWatch } from './config-watch.ts';
import type { Config } from './schema.ts';

type Event = { port: number } | { refused: string };

let folder: string;
let path: string;
let watch: ConfigWatch | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pannier-config-'));
  path = join(folder, 'pannier.yaml');
});
afterEach(() => {
  watch?.close();
  rmSync(folder, { recursive: true });
});

/** Watches the file and hands out what happens, one event at a time. */
function events(current?: Config): { next(): Promise<Event>; seen: Event[] } {
  const seen: Event[] = [];
  let wake = (): void => {};
  const push = (event: Event): void => {
    seen.push(event);
    wake();
  };
  let taken = 0;
  watch = watchConfig(
    { path, env: {}, intervalMs: 5, current },
    (config) => push({ port: config.server.port }),
    (error: ConfigError) => push({ refused: error.message.replace(folder, '') }),
  );
  return {
    seen,
    next: async () => {
      while (seen.length <= taken) await new Promise<void>((resolve) => (wake = resolve));
      return seen[taken++]!;
    },
  };
}

describe('a watched config', () => {
  it('is reloaded when the file is written', async () => {
    writeFileSync(path, 'server: {port: 1}');
    const watched = events();
    writeFileSync(path, 'server: {port: 2}');
    expect(await watched.next()).toEqual({ port: 2 });
    writeFileSync(path, 'server: {port: 3}');
    expect(await watched.next()).toEqual({ port: 3 });
  });

  it('is reloaded when an editor puts a new file in the place of the old', async () => {
    writeFileSync(path, 'server: {port: 1}');
    const watched = events();
    for (const port of [2, 3]) {
      writeFileSync(`${path}~`, `server: {port: ${port}}`);
      renameSync(`${path}~`, path);
      expect(await watched.next()).toEqual({ port });
    }
  });

  it('is reloaded when Kubernetes swaps the folder behind a ConfigMap', async () => {
    const publish = (version: string, port: number): void => {
      const versioned = mkdtempSync(join(folder, `..${version}-`));
      writeFileSync(join(versioned, 'pannier.yaml'), `server: {port: ${port}}`);
      symlinkSync(versioned, join(folder, '..data_tmp'));
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    publish('v1', 1);
    symlinkSync(join('..data', 'pannier.yaml'), path);
    const watched = events();
    publish('v2', 2);
    expect(await watched.next()).toEqual({ port: 2 });
    publish('v3', 3);
    expect(await watched.next()).toEqual({ port: 3 });
  });

  it('refuses an invalid file once, keeps the old config, and goes on', async () => {
    writeFileSync(path, 'server: {port: 1}');
    const watched = events();
    writeFileSync(path, 'server: {port: x}');
    expect(await watched.next()).toEqual({
      refused: '/pannier.yaml:1: server.port: found "x", expected a port from 0 to 65535',
    });
    rmSync(path);
    expect(await watched.next()).toEqual({ refused: '/pannier.yaml: no such file' });
    writeFileSync(path, 'server: {port: 2}');
    expect(await watched.next()).toEqual({ port: 2 });
    expect(watched.seen).toHaveLength(3);
  });

  it('sees a change that came between the loading and the watch', async () => {
    writeFileSync(path, 'server: {port: 1}');
    const current = loadConfig({ path, env: {} });
    writeFileSync(path, 'server: {port: 2}');
    expect(await events(current).next()).toEqual({ port: 2 });
  });

  it('says nothing of a change that changes no key', async () => {
    writeFileSync(path, 'server: {port: 1}');
    const watched = events();
    writeFileSync(path, '# a comment\nserver: {port: 1}');
    writeFileSync(path, 'server: {port: 1} # another');
    writeFileSync(path, 'server: {port: 2}');
    expect(await watched.next()).toEqual({ port: 2 });
    expect(watched.seen).toHaveLength(1);
  });

  it('needs a valid file to begin with', () => {
    writeFileSync(path, 'server: {port: x}');
    expect(() => events()).toThrow('server.port: found "x"');
  });
});
