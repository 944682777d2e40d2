/**
 * The suite's origin and its client, in a process of their own: both keep module-wide state that serves one run only. It says where its origin
 * listens, is told which way to go to it, runs the tests and sends what came of each.
 */
import { Agent, createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { listenOnLoopback } from '../fixture/loopback-port.ts';
import type { SuiteTest, TestResult } from './verdict.ts';

/** First word of the process. */
export interface OriginReady {
  readonly kind: 'origin';
  readonly url: string;
}

/** What the process is told then. */
export interface RunOrder {
  /** What the suite takes for its server: without a slash at its end. */
  readonly baseUrl: string;
  /** An HTTP proxy that the client goes through. */
  readonly proxyUrl?: string;
  /** The tests to run; default all. */
  readonly ids?: readonly string[];
}

/** Last word of the process. */
export interface RunDone {
  readonly kind: 'done';
  readonly tests: readonly SuiteTest[];
  readonly results: Readonly<Record<string, TestResult>>;
  /** Answers that say in Via that they came through Pannier. */
  readonly answersVia: number;
}

/** How many tests go on at a time, as the suite has it; half of them sleep three seconds. */
const TESTS_AT_A_TIME = 100;
/** An answer that takes longer than this counts as none. */
const ANSWER_TIMEOUT_MS = 20_000;

type Handler = (pathSegments: string[], request: IncomingMessage, response: ServerResponse) => void;
type Fetch = (url: string, options: object) => Promise<{ headers: { get(name: string): string | null } }>;

/** A test as the suite writes it; without a kind it is a requirement. */
interface DefinedTest {
  readonly id: string;
  readonly name: string;
  readonly kind?: SuiteTest['kind'];
  readonly depends_on?: readonly string[];
  readonly browser_only?: boolean;
}

interface TestGroup {
  readonly id: string;
  tests: DefinedTest[];
}

interface Runner {
  runTests(
    groups: readonly TestGroup[],
    fetch: Fetch,
    ...rest: [isBrowser: boolean, baseUrl: string, chunkSize: number]
  ): Promise<void>;
  getResults(): Record<string, TestResult>;
}

const [folder = ''] = process.argv.slice(2);

async function load<T>(path: string): Promise<T> {
  return (await import(pathToFileURL(join(folder, 'node_modules', path)).href)) as T;
}

/** The suite's origin on a port of the loopback; its own main file would listen on every address and take its port from npm. */
async function startOrigin(): Promise<string> {
  const handlers = new Map<string, Handler>();
  for (const name of ['config', 'test', 'state']) {
    const { default: handler } = await load<{ default: Handler }>(
      `http-cache-tests/server/handle-${name}.mjs`,
    );
    handlers.set(name, handler);
  }
  const server = createServer((request, response) => {
    const [, name = '', ...segments] = new URL(request.url ?? '/', 'http://origin').pathname.split('/');
    const handler = handlers.get(name);
    if (handler === undefined) response.writeHead(404).end();
    else handler(segments, request, response);
  });
  return `http://127.0.0.1:${await listenOnLoopback(server)}`;
}

/** The suite's client, which knows nothing of proxies, on an agent that does. */
async function clientFetch(proxyUrl: string | undefined, onAnswerVia: () => void): Promise<Fetch> {
  const { default: fetch } = await load<{ default: Fetch }>('node-fetch/lib/index.js');
  const agent =
    proxyUrl === undefined
      ? {}
      : { agent: new Agent({ proxyEnv: { HTTP_PROXY: proxyUrl }, keepAlive: true }) };
  return async (url, options) => {
    const answer = await fetch(url, { ...options, ...agent, timeout: ANSWER_TIMEOUT_MS });
    if (answer.headers.get('via')?.includes('pannier-proxy') === true) onAnswerVia();
    return answer;
  };
}

async function runSuite({ baseUrl, proxyUrl, ids }: RunOrder): Promise<RunDone> {
  const { default: groups } = await load<{ default: TestGroup[] }>('http-cache-tests/tests/index.mjs');
  const runner = await load<Runner>('http-cache-tests/client/runner.mjs');
  const asked = ids === undefined ? undefined : new Set(ids);
  for (const group of groups)
    group.tests = group.tests.filter(
      ({ id, browser_only }) => browser_only !== true && asked?.has(id) !== false,
    );
  let answersVia = 0;
  const fetch = await clientFetch(proxyUrl, () => (answersVia += 1));
  await runner.runTests(groups, fetch, false, baseUrl, TESTS_AT_A_TIME);
  const tests = groups.flatMap((group) => group.tests.map((test) => described(group, test)));
  return { kind: 'done', tests, results: runner.getResults(), answersVia };
}

function described(
  group: TestGroup,
  { id, name, kind = 'required', depends_on = [] }: DefinedTest,
): SuiteTest {
  return { id, name, kind, group: group.id, dependsOn: depends_on };
}

function tell(message: OriginReady | RunDone): void {
  process.send?.(message);
}

process.once('message', (order: RunOrder) => {
  runSuite(order).then(
    (done) => tell(done),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => process.exit(0));
tell({ kind: 'origin', url: await startOrigin() });
