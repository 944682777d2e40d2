/** Many clients in one process: all connect, then all ask for one URL in the same moment. */
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connectGrpc } from './grpc-herd.ts';
import type { Herd, HerdOrder, HerdReport } from './herd-order.ts';
import { connectHttp } from './http-herd.ts';

async function askAll({ clients }: Herd, { bodyFile }: HerdOrder): Promise<HerdReport> {
  const body = readFileSync(bodyFile);
  const asked = await Promise.allSettled(clients.map(async (ask) => await ask(body)));
  const waits = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failures: Record<string, number> = {};
  for (const one of asked) {
    if (one.status === 'fulfilled') continue;
    const name = nameOf(one.reason as NodeJS.ErrnoException);
    failures[name] = (failures[name] ?? 0) + 1;
  }
  return {
    headMs: waits.map(({ headMs }) => headMs),
    wholeMs: waits.map(({ wholeMs }) => wholeMs),
    failures,
  };
}

/** What the deadline ended rejects with an AbortError where HTTP is spoken, and with a TimeoutError elsewhere. */
function nameOf({ name, code, message }: NodeJS.ErrnoException): string {
  if (code === 'ABORT_ERR' || name === 'TimeoutError') return 'no answer in time';
  return code === undefined || name === 'PannierError' ? message : code;
}

async function nextMessage<T>(): Promise<T> {
  return ((await once(process, 'message')) as [T])[0];
}

process.once('disconnect', () => process.exit());
for (;;) {
  const order = await nextMessage<HerdOrder>();
  using herd = await (order.manner === 'grpc' ? connectGrpc(order) : connectHttp(order));
  const go = nextMessage<'go'>();
  process.send?.('ready');
  await go;
  process.send?.(await askAll(herd, order));
}
