/** Clients by the thousand, spread over processes: one process may hold 20,000 descriptors at most on many machines, and has one core. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { HerdOrder, HerdReport } from './herd-order.ts';

/** What all clients are told together. */
type FleetOrder = Omit<HerdOrder, 'clients' | 'clientsBefore'>;

/** Clients that are started once and sent off many times. */
export interface ClientFleet extends Disposable {
  /** Connects all clients, then lets them ask in the same moment; `onReady` runs between the two. */
  storm(order: FleetOrder, onReady?: () => Promise<void>): Promise<HerdReport>;
}

const CLIENTS_PER_PROCESS_MAX = 2500;

/** Starts as many processes as so many clients need. */
export function startFleet(clients: number): ClientFleet {
  const count = Math.ceil(clients / CLIENTS_PER_PROCESS_MAX);
  const program = new URL('./herd-client.ts', import.meta.url);
  const firstOf = (index: number): number => Math.floor((clients * index) / count);
  const crews = Array.from({ length: count }, (_, index) => ({
    child: fork(program),
    clientsBefore: firstOf(index),
    clients: firstOf(index + 1) - firstOf(index),
  }));
  return {
    async storm(order, onReady) {
      const all = async <T>(say: (crew: (typeof crews)[number]) => HerdOrder | 'go'): Promise<T[]> =>
        await Promise.all(crews.map(async (crew) => await answerTo<T>(crew.child, say(crew))));
      await all(({ clients: share, clientsBefore }) => ({ ...order, clients: share, clientsBefore }));
      await onReady?.();
      return joined(await all<HerdReport>(() => 'go'));
    },
    [Symbol.dispose]: () => {
      for (const { child } of crews) child.kill('SIGKILL');
    },
  };
}

async function answerTo<T>(child: ChildProcess, message: HerdOrder | 'go'): Promise<T> {
  const done = new AbortController();
  const ended = once(child, 'exit', { signal: done.signal }).then(([code]) => {
    throw new Error(`a process of clients ended with ${String(code)}`);
  });
  const answered = once(child, 'message', { signal: done.signal });
  try {
    child.send(message);
    const [answer] = (await Promise.race([answered, ended])) as [T];
    return answer;
  } finally {
    // Whichever of the two still waits is aborted; nobody is interested in its rejection.
    void Promise.allSettled([answered, ended]);
    done.abort();
  }
}

function joined(reports: readonly HerdReport[]): HerdReport {
  const failures: Record<string, number> = {};
  for (const report of reports) {
    for (const [name, count] of Object.entries(report.failures))
      failures[name] = (failures[name] ?? 0) + count;
  }
  return {
    headMs: reports.flatMap(({ headMs }) => headMs),
    wholeMs: reports.flatMap(({ wholeMs }) => wholeMs),
    failures,
  };
}
