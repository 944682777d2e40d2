import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { loadConfig } from './config-source.ts';
import type { ConfigSource } from './config-source.ts';

const folder = mkdtempSync(join(tmpdir(), 'pannier-config-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'own.pem'), 'PEM');
writeFileSync(join(folder, 'cut.mjs'), 'export default () => "all"');

function load(text: string, source: ConfigSource = {}): ReturnType<typeof loadConfig> {
  const path = join(folder, 'pannier.yaml');
  writeFileSync(path, text);
  return loadConfig({ path, env: {}, ...source });
}

const dataset = (module: string): string =>
  `upstreams: {a: {url: "http://x"}}\ndatasets:\n  d: {upstream: a, endpoint: /d, partitionBy: [{custom: {module: ${module}}}]}\n`;

it('paths in the file start from its folder, those of a variable from the working directory', () => {
  const { upstreams } = load('upstreams:\n  a: {url: "https://x", ca: ./own.pem}');
  expect(upstreams['a']?.ca).toBe(join(folder, 'own.pem'));
  expect(load(dataset('cut.mjs')).datasets['d']?.partitionBy).toEqual([
    { custom: { module: join(folder, 'cut.mjs') } },
  ]);
  const ca = relative(process.cwd(), join(folder, 'own.pem'));
  const byVariable = load('upstreams:\n  a: {url: "https://x"}', { env: { PANNIER_UPSTREAMS_A_CA: ca } });
  expect(byVariable.upstreams['a']?.ca).toBe(ca);
});

it('a file that is not there is refused by its key, line and path', () => {
  expect(() => load('upstreams:\n  a:\n    url: https://x\n    ca: nope.pem')).toThrow(
    `${join(folder, 'pannier.yaml')}:4: upstreams.a.ca: found "${join(folder, 'nope.pem')}", but there is no such file`,
  );
});

it('only who runs the modules wants them to be there', () => {
  expect(load(dataset('gone.mjs'))).toBeDefined();
  expect(() => load(dataset('gone.mjs'), { files: 'authorities-and-modules' })).toThrow(
    /:3: datasets\.d\.partitionBy\.0\.custom\.module: found ".*gone\.mjs", but there is no such file/,
  );
});

it('files of Redis start from the folder too, and only the cache server wants them to be there', () => {
  const own = '{url: "rediss://x", tls: {ca: own.pem}, control: {url: "redis://y", passwordFile: own.pem}}';
  const { redis } = load(`server:\n  redis: ${own}`, { files: 'authorities-and-modules' }).server;
  expect(redis?.tls?.ca).toBe(join(folder, 'own.pem'));
  expect(redis?.control?.passwordFile).toBe(join(folder, 'own.pem'));
  const gone = 'server:\n  redis: {url: "redis://x", passwordFile: gone}';
  expect(load(gone)).toBeDefined();
  expect(() => load(gone, { files: 'authorities-and-modules' })).toThrow(
    /:2: server\.redis\.passwordFile: found ".*gone", but there is no such file/,
  );
});
