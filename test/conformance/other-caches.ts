/** What other caches are published to pass. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { countVerdicts, judge } from './verdict.ts';
import type { Count, SuiteTest, TestResult } from './verdict.ts';

/** A cache and what it passes; `check` is not published everywhere. */
export interface PublishedCounts {
  readonly name: string;
  readonly required: Count;
  readonly optimal: Count;
  readonly check?: Count;
}

const of160 = (passed: number): Count => ({ passed, total: 160 });
const of105 = (passed: number): Count => ({ passed, total: 105 });

/** Newer releases of these caches, measured on a newer version of the suite: https://cache-tests.fyi */
export const ON_A_NEWER_SUITE: readonly PublishedCounts[] = [
  { name: 'Apache httpd', required: of160(141), optimal: of105(69) },
  { name: 'Varnish', required: of160(138), optimal: of105(49) },
  { name: 'Squid', required: of160(138), optimal: of105(59) },
  { name: 'Traffic Server', required: of160(136), optimal: of105(74) },
  { name: 'nginx', required: of160(115), optimal: of105(66) },
];

interface ResultFile {
  readonly file: string;
  readonly name: string;
  readonly type: string;
  readonly version?: string;
}

/**
 * The results that come with the suite itself, of older releases, counted by our own rules: on exactly these tests.
 *
 * @param folder the folder that the suite is installed in
 */
export async function publishedWithTheSuite(
  folder: string,
  tests: readonly SuiteTest[],
): Promise<PublishedCounts[]> {
  const results = join(folder, 'node_modules/http-cache-tests/results');
  const { default: files } = (await import(pathToFileURL(join(results, 'index.mjs')).href)) as {
    default: ResultFile[];
  };
  const proxies = files.filter(({ type }) => type === 'rev-proxy');
  return await Promise.all(
    proxies.map(async ({ file, name, version }) => {
      const text = await readFile(join(results, file), 'utf8');
      const counts = countVerdicts(judge(tests, JSON.parse(text) as Record<string, TestResult>));
      return { name: version === undefined ? name : `${name} ${version.split('-')[0] ?? ''}`, ...counts };
    }),
  );
}
