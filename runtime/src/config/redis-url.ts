import { z } from 'zod';

const DATABASE_MAX = 2 ** 31 - 1;

/** `redis://[user:password@]host[:port][/db]`, which whoever connects can take apart without looking again. */
export function redisUrl() {
  const what = 'a redis:// or rediss:// URL';
  return z
    .string()
    .regex(/^rediss?:\/\/([^\s/@]*@)?[^\s/@]+(\/\d*)?$/, { error: what, abort: true })
    .superRefine((text, context) => {
      const wanted = missingIn(text);
      if (wanted === undefined) return;
      context.addIssue({ code: 'custom', message: `${what} with ${wanted}`, input: text });
    });
}

/** What makes no sense in a URL of the right shape; undefined when all does. */
function missingIn(text: string): string | undefined {
  const url = URL.parse(text);
  // A # or ? in a password ends what a URL parser takes for the host.
  const isWritten = !/[?#]/.test(text) && isDecodable(text);
  if (!isWritten) return 'percent-encoded user and password';
  if (url === null || url.port === '0') return 'a host, and a port from 1 to 65535 if any';
  return Number(url.pathname.slice(1)) > DATABASE_MAX ? `a database from 0 to ${DATABASE_MAX}` : undefined;
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    // A % that encodes nothing.
    return false;
  }
}

/** A sentinel as `host`, `host:port` or `[address]:port`. */
export function sentinelAddress() {
  const error = 'a sentinel as host:port';
  return z
    .string()
    .regex(/^(\[[\da-f:.]+\]|[^\s/@:[\]]+)(:\d{1,5})?$/i, { error, abort: true })
    .refine((text) => isPort(/(?:^[^:]+|\]):(\d+)$/.exec(text)?.[1] ?? '1'), { error });
}

function isPort(digits: string): boolean {
  return Number(digits) >= 1 && Number(digits) <= 65_535;
}
