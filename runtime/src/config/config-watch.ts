import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError } from '../errors.ts';
import { loadConfig, parseConfig, unreadable } from './config-source.ts';
import type { ConfigSource } from './config-source.ts';
import type { Config } from './schema.ts';

/** What to watch, and how. */
export interface WatchedSource extends ConfigSource {
  readonly path: string;
  /** The config in use, so that a change between its loading and this call is seen. Default: what the file says now. */
  readonly current?: Config | undefined;
  /** How often the file is read. Default: 500 ms. */
  readonly intervalMs?: number | undefined;
}

export interface ConfigWatch {
  /** Ends the watch; neither callback is called after. */
  close(): void;
}

/**
 * Calls `onChange` with each new valid config that the file comes to hold, and `onRefused` once with the line for each invalid
 * one, after which the old config is still the one in use.
 *
 * The file is read, not listened to: an editor's rename, a Kubernetes ConfigMap's swapped symlink, a bind mount and a network file
 * system all differ in the events they give, and none in what reading by path returns. A text counts once two reads in a row agree
 * on it, so that a half-written file is not taken for a whole one.
 * @throws ConfigError when no `current` is given and the file is invalid from the start
 */
export function watchConfig(
  source: string | WatchedSource,
  onChange: (config: Config) => void,
  onRefused: (error: ConfigError) => void,
): ConfigWatch {
  const watched = typeof source === 'string' ? { path: source } : source;
  const current = watched.current ?? loadConfig(watched);
  const closed = new AbortController();
  void follow(watched, current, { onChange, onRefused, signal: closed.signal });
  return { close: () => closed.abort() };
}

interface Follower {
  readonly onChange: (config: Config) => void;
  readonly onRefused: (error: ConfigError) => void;
  readonly signal: AbortSignal;
}

async function follow(source: WatchedSource, initial: Config, follower: Follower): Promise<void> {
  let current = initial;
  let previous: string | undefined;
  let judged: string | undefined;

  while (await pause(source.intervalMs ?? 500, follower.signal)) {
    const text = await readOrRefuse(source.path);
    if (follower.signal.aborted) return;

    const seen = String(text);
    const settled = seen === previous;
    previous = seen;
    if (!settled || seen === judged) continue;
    judged = seen;

    const config = text instanceof ConfigError ? text : parseOrRefuse(text, source);
    if (config instanceof ConfigError) {
      follower.onRefused(config);
    } else if (!isDeepStrictEqual(config, current)) {
      current = config;
      follower.onChange(config);
    }
  }
}

/** @returns false when the watch was closed. The timer holds no process open. */
async function pause(intervalMs: number, signal: AbortSignal): Promise<boolean> {
  await delay(intervalMs, undefined, { signal, ref: false }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return !signal.aborted;
}

async function readOrRefuse(path: string): Promise<string | ConfigError> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    return unreadable(path, error);
  }
}

function parseOrRefuse(text: string, source: ConfigSource): Config | ConfigError {
  try {
    return parseConfig(text, source);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}
