/** Where `pannier get` puts the body: standard output, a file, or nowhere. */
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { formatBytes } from '@pannier/runtime';
import type { CommandLine } from './command-line.ts';
import { progressBar } from './terminal.ts';

/** As shells count it: 128 and the number of the signal. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 };
type EndingSignal = keyof typeof EXIT_CODES;

/** Returns the length. A file appears only when it is whole. */
export async function writeBody(response: Response, { output, json }: CommandLine): Promise<number> {
  const { body } = response;
  if (body === null) return 0;
  let bytes = 0;
  const shows = process.stderr.isTTY && (output !== undefined || !process.stdout.isTTY);
  const total = Number(response.headers.get('content-length') ?? 0);
  using bar = progressBar(shows, total, (done) => formatBytes(done));
  const counted = async function* count(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      bytes += chunk.byteLength;
      bar.update(bytes);
      yield chunk;
    }
  };
  if (output === undefined) await pipeline(body, counted, json ? nothing() : process.stdout, { end: json });
  else await writeFile(output, async (sink, signal) => await pipeline(body, counted, sink, { signal }));
  return bytes;
}

/**
 * Writes beside the file and takes its place at the end; whatever ends it before, also a signal, leaves nothing. A device or a pipe is written
 * to as it is: taking its place would make a file of it.
 */
async function writeFile(
  file: string,
  write: (sink: Writable, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const there = await stat(file).catch(() => undefined);
  const isReplaced = there === undefined || there.isFile();
  const partial = isReplaced ? `${file}.partial` : file;
  const ended = new AbortController();
  let endedBy: EndingSignal | undefined;
  const end = (signal: EndingSignal): void => {
    endedBy ??= signal;
    ended.abort();
  };
  process.on('SIGINT', end).on('SIGTERM', end);
  try {
    await write(createWriteStream(partial), ended.signal);
    if (isReplaced) await rename(partial, file);
  } catch (error) {
    if (isReplaced) await rm(partial, { force: true });
    if (endedBy !== undefined) process.exit(EXIT_CODES[endedBy]);
    throw error;
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end);
  }
}

function nothing(): Writable {
  return new Writable({
    write(_chunk, _encoding, done) {
      done();
    },
  });
}
