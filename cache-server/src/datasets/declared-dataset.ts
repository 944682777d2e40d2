/** A dataset as it is declared, with the names that it has in the store. */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import type { Config } from '@pannier/runtime';
import { entryKey } from '../entry/entry-key.ts';
import type { EntryKey } from '../entry/entry-key.ts';
import { CacheServerError } from '../errors.ts';

/** One dataset. */
export interface DeclaredDataset {
  readonly name: string;
  readonly settings: Config['datasets'][string];
  /** URLs of its endpoints, in order. */
  readonly urls: readonly string[];
  /** URL of its version probe. */
  readonly probeUrl: string | undefined;
  /** Changes with the declaration. */
  readonly declaration: string;
  /** Of the shelf of its versions. */
  readonly key: EntryKey;
  versionKey(version: string): string;
  /** A refusal that names upstream and endpoint. */
  unfit(why: string, cause?: unknown): CacheServerError;
}

type Declarations = Pick<Config, 'datasets' | 'upstreams'>;

/** @throws CacheServerError `not-found` that lists the declared ones */
export function declaredDataset(name: string, { datasets, upstreams }: Declarations): DeclaredDataset {
  const settings = Object.hasOwn(datasets, name) ? datasets[name] : undefined;
  const upstream = settings && upstreams[settings.upstream];
  if (settings === undefined || upstream === undefined) {
    const known = Object.keys(datasets).toSorted().join(', ') || 'none';
    throw new CacheServerError('not-found', `dataset "${name}" is not declared; declared are: ${known}`);
  }
  const base = upstream.url.replace(/\/+$/, '');
  const place = `upstream ${settings.upstream}, endpoint ${[settings.endpoint].flat().join(' ')}`;
  return {
    name,
    settings,
    urls: [settings.endpoint].flat().map((endpoint) => base + endpoint),
    probeUrl: settings.probe === undefined ? undefined : base + settings.probe.endpoint,
    declaration: createHash('sha256')
      .update(JSON.stringify([settings, moduleStamps(settings)]))
      .digest('hex')
      .slice(0, 16),
    key: entryKey(settings.upstream, 'dataset', name),
    versionKey: (version) => entryKey(settings.upstream, 'dataset', `${name}@${version}`).text,
    unfit: (why, cause) => new CacheServerError('bad-data', `dataset ${name} (${place}): ${why}`, { cause }),
  };
}

/** When the operator's modules that it names were changed: what they do is part of what is declared. */
function moduleStamps(settings: unknown): string[] {
  if (typeof settings !== 'object' || settings === null) return [];
  return Object.entries(settings).flatMap(([name, value]: [string, unknown]) => {
    if (name !== 'module' || typeof value !== 'string') return moduleStamps(value);
    const stat = statSync(value, { throwIfNoEntry: false });
    return stat === undefined ? [] : [`${stat.mtimeMs} ${stat.size}`];
  });
}

/** URLs whose originals are also read as datasets: both doors shall use one fetch, whatever coding a caller accepts. */
export function datasetUrls({ datasets, upstreams }: Declarations): ReadonlySet<string> {
  const urls = Object.keys(datasets).flatMap((name) => declaredDataset(name, { datasets, upstreams }).urls);
  // As they are declared, and as a client may write them.
  return new Set(urls.flatMap((url) => [url, URL.parse(url)?.href ?? url]));
}
