/** `pannier purge`: what operators want forgotten. */
import { ConfigError } from '@pannier/runtime';
import type { PannierClient } from '../index.ts';
import { PannierError } from '../index.ts';
import type { CommandLine } from './command-line.ts';
import { note, print, visible } from './terminal.ts';

/** Invalidates what the command line names, all of it together. */
export async function purgeCommand(line: CommandLine, client: PannierClient): Promise<void> {
  const { tags, prefixes, scopes, datasets, keys, soft, json } = line;
  const urls = line.operands.map(webUrl);
  const named = { tag: tags, prefix: prefixes, scope: scopes, dataset: datasets, url: urls, key: keys };
  const targets = Object.entries(named).flatMap(([kind, values]) => values.map((value) => ({ kind, value })));
  if (targets.length === 0)
    throw new ConfigError('purge: want a URL, --tag, --prefix, --scope, --dataset or --key');
  const place = await client.invalidate({ ...named, soft }).catch((error: unknown) => {
    throw withAdvice(error);
  });
  if (json) {
    await print(`${JSON.stringify({ purged: targets, soft, ...place })}\n`);
    return;
  }
  const done = soft ? 'made stale' : 'purged';
  await print(targets.map(({ kind, value }) => `${done} ${kind} ${visible(value)}\n`).join(''));
  note('the server that was asked goes by it now, the others and all proxies within a second');
}

function webUrl(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.href;
  throw new ConfigError(`purge ${text}: want an http:// or https:// URL; a key goes behind --key`);
}

/** The log that is away is one thing, a server that is too old another. */
function withAdvice(error: unknown): unknown {
  if (!(error instanceof PannierError) || error.code !== 'unimplemented') return error;
  return new PannierError(error.code, `${error.message} This server is older than this command.`, {
    cause: error,
  });
}
