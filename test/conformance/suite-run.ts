/** One run of the suite against a real cache server and proxy, through one door and on one store. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { startMesh } from '../fixture/mesh.ts';
import { conformanceProfile } from './conformance-profile.ts';
import type { OriginReady, RunDone, RunOrder } from './suite-process.ts';

/** The ways in: a route of the proxy that stands for the suite's origin, or the proxy as a client's HTTP proxy. */
export const DOORS = ['reverse', 'forward'] as const;
/** Where entries are kept. */
export const STORES = ['embedded', 'redis'] as const;

/** Which way the suite goes, and where entries are kept. */
export interface Combination {
  readonly door: (typeof DOORS)[number];
  readonly store: (typeof STORES)[number];
}

/** Beyond any run: a client that hangs must not hang us. */
const RUN_TIMEOUT_MS = 240_000;

/** A process of the suite: its next word, or its end. */
async function wordOf<T>(child: ChildProcess): Promise<T> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(RUN_TIMEOUT_MS)]);
  try {
    const word = once(child, 'message', { signal });
    const end = once(child, 'exit', { signal }).then(([code]) =>
      Promise.reject(new Error(`the suite ended with ${String(code)}`)),
    );
    const [message] = (await Promise.race([word, end])) as [T];
    return message;
  } finally {
    over.abort();
  }
}

/**
 * Runs the suite, or some of its tests, on processes of its own.
 *
 * @param suite the folder that the suite is installed in
 * @param options.ids the tests to run; default all
 */
export async function runSuite(
  suite: string,
  { door, store }: Combination,
  options: { ids?: readonly string[] } = {},
): Promise<RunDone> {
  await using parts = new AsyncDisposableStack();
  const child = fork(new URL('./suite-process.ts', import.meta.url), [suite], {
    execArgv: [],
    // What the suite prints is about requests that its tests mean to be odd.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  parts.defer(() => void child.kill('SIGKILL'));
  const { url } = await wordOf<OriginReady>(child);
  const mesh = parts.use(await startMesh({ store, config: conformanceProfile(url) }));
  const way = door === 'reverse' ? { baseUrl: mesh.proxyUrl() } : { baseUrl: url, proxyUrl: mesh.proxyUrl() };
  const order: RunOrder = { ...way, ...options };
  const done = wordOf<RunDone>(child);
  child.send(order);
  const found = await done;
  if (found.answersVia === 0) throw new Error(`no answer came through Pannier by the ${door} door`);
  return found;
}
