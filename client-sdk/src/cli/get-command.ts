/** `pannier get URL`: the body, and why it was or was not cached. */
import { STATUS_CODES } from 'node:http';
import { SERVER_CACHE_NAME, storingOf } from '@pannier/http-semantics';
import { ConfigError, formatBytes, formatDuration } from '@pannier/runtime';
import type { Explanation, PannierClient, PannierResponse } from '../index.ts';
import { PannierError } from '../index.ts';
import type { CommandLine } from './command-line.ts';
import { writeBody } from './body-file.ts';
import { outcomeSentence, refusalSentence } from './outcome-sentence.ts';
import { grouped, note, paint, print, visible } from './terminal.ts';

interface Transfer {
  readonly response: PannierResponse;
  readonly explanation: Explanation | undefined;
  readonly bytes: number;
  readonly headMs: number;
  readonly totalMs: number;
}

/** Fetches a URL. */
export async function getCommand(line: CommandLine, client: PannierClient): Promise<void> {
  const url = targetUrl(line.operands);
  const init: RequestInit = {
    headers: line.headers as [string, string][],
    redirect: line.location ? 'follow' : 'manual',
  };
  const explanation = await explain(url, init, client);
  const startedMs = performance.now();
  const response = await client.fetch(url, init);
  const headMs = performance.now() - startedMs;
  if (line.include && !line.json) await print(head(response));
  const bytes = await writeBody(response, line);
  const transfer = { response, explanation, bytes, headMs, totalMs: performance.now() - startedMs };
  if (line.json) await print(`${JSON.stringify(jsonReport(transfer))}\n`);
  else for (const text of report(transfer)) note(text);
}

function targetUrl(operands: readonly string[]): URL {
  const [text, ...rest] = operands;
  if (text === undefined || rest.length > 0) throw new ConfigError('get: want one URL');
  const url = URL.parse(text);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new ConfigError(`get ${text}: want an http:// or https:// URL`);
}

/** Asked before the fetch, which changes the answer. What cannot be explained is fetched all the same. */
async function explain(url: URL, init: RequestInit, client: PannierClient): Promise<Explanation | undefined> {
  try {
    return await client.admin.explain(url, init);
  } catch (error) {
    if (!(error instanceof PannierError)) throw error;
    note(paint('dim', `pannier: no explanation: ${error.message}`, process.stderr));
    return undefined;
  }
}

function head({ status, headers }: Response): string {
  const lines = [...headers].map(([name, value]) => `${name}: ${visible(value)}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`;
}

function jsonReport({ response, explanation, bytes, headMs, totalMs }: Transfer): object {
  const { status, url, cache } = response;
  const times = { headMs: Math.round(headMs * 10) / 10, totalMs: Math.round(totalMs * 10) / 10 };
  const headers = [...response.headers];
  const notStored = refusalOf(response);
  return { url, status, ...cache, notStored, bytes, ...times, reasons: explanation?.reasons ?? [], headers };
}

/** What the server says of why it did not store the response; undefined where it says nothing. */
function refusalOf({ headers }: PannierResponse): string | undefined {
  const { stored, detail } = storingOf(headers.get('cache-status'), SERVER_CACHE_NAME) ?? {};
  return stored === false ? detail : undefined;
}

function report({ response, explanation, bytes, headMs, totalMs }: Transfer): string[] {
  const { status, headers, cache } = response;
  const cached = ['hit', 'stale-hit', 'revalidated', 'collapsed'].includes(cache.outcome);
  const outcome = paint(cached ? 'green' : 'yellow', visible(cache.outcome), process.stderr);
  const sentence = outcomeSentence(cache.outcome);
  const age = headers.get('age');
  const refusal = refusalOf(response);
  const facts: (readonly [string, string])[] = [
    ['outcome', `${outcome}${sentence === '' ? '' : `, ${sentence}`}`],
    ['status', `${status} ${STATUS_CODES[status] ?? ''}`],
    ...(refusal === undefined ? [] : [['stored', `no, ${visible(refusalSentence(refusal))}`] as const]),
    ['key', visible(cache.key) || 'none: nothing is stored'],
    ['version', visible(cache.version) || 'none'],
    ['age', `${age === null ? 'new' : formatDuration(Number(age) * 1000)}, ${freshness(cache.freshForMs)}`],
    ['bytes', `${grouped(bytes)} (${formatBytes(bytes)})`],
    ['time', `${formatDuration(headMs)} to the head, ${formatDuration(totalMs)} in all`],
  ];
  const reasons = explanation?.reasons.map(
    (reason, index) => [index === 0 ? 'why' : '', visible(reason)] as const,
  );
  return [...facts, ...(reasons ?? [])].map(
    ([name, text]) => `${paint('dim', name.padEnd(8), process.stderr)} ${text}`,
  );
}

function freshness(freshForMs: number): string {
  return freshForMs > 0 ? `fresh for ${formatDuration(freshForMs)}` : 'not to be reused without asking';
}
