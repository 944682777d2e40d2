/** The transport: which server is asked, in what order, and what happens when it breaks. */
import { PannierError } from '../errors.ts';
import type { ExchangeAnswer } from './exchange-wire.ts';
import type { LookupAnswer } from './lookup-answer.ts';
import { routeLookup } from './lookup-route.ts';
import { resumedStream } from './resumed-stream.ts';
import { rankServers } from './server-ranking.ts';
import { ServerDirectory } from './server-directory.ts';
import type { ResolveName } from './server-directory.ts';
import { isServerLost } from './server-failure.ts';
import type { ServerLink } from './server-link.ts';
import { ServerWatch } from './server-watch.ts';
import { ticketBody } from './ticket-body.ts';
import type { ReadFromServers } from './ticket-body.ts';
import type { CallLimits, Transport, TransportOptions } from './transport.ts';
import { transportSettings } from './transport-settings.ts';
import { firstAnswer } from './unary-attempts.ts';

/** Servers that one lookup or call is sent to at most; each that says nothing costs `ackTimeoutMs`. */
const ATTEMPTS_MAX = 3;
const UNARY_DEADLINE_MS = 10_000;

/**
 * Makes a transport. It connects when it is first used. While nothing is asked of it, it does not hold the process open.
 *
 * @param resolve every address of a name; default the system's resolver
 * @throws PannierError `bad-request` for an address that is none
 */
export function createTransport(options: TransportOptions, resolve?: ResolveName): Transport {
  const settings = transportSettings(options);
  const directory = new ServerDirectory(settings, resolve);
  let closed: PannierError | undefined;
  let watch: ServerWatch | undefined;
  let turn = 0;

  const candidates = async (signal: AbortSignal | undefined): Promise<readonly ServerLink[]> => {
    if (closed !== undefined) throw closed;
    signal?.throwIfAborted();
    await directory.ready();
    signal?.throwIfAborted();
    return directory.links;
  };
  /** Usable ones first, by turns; those that are down as the last hope. */
  const byTurns = async (signal: AbortSignal | undefined): Promise<readonly ServerLink[]> => {
    turn += 1;
    const links = rankServers(await candidates(signal), String(turn));
    return [...links.filter(({ usable }) => usable), ...links.filter(({ usable }) => !usable)];
  };
  const readFrom = (giver?: ServerLink): ReadFromServers =>
    async function* read(attempt, { signal, movesOn, again }) {
      const linksOfRound = async (): Promise<readonly ServerLink[]> =>
        withFirst(giver, await byTurns(signal)).slice(0, ATTEMPTS_MAX);
      yield* resumedStream(linksOfRound, attempt, { signal, movesOn, again, onEvent: settings.onEvent });
    };

  return {
    async lookup(request, limits = {}) {
      const deadlineAtMs =
        limits.deadlineMs === undefined ? undefined : performance.now() + limits.deadlineMs;
      const links = routeLookup(await candidates(limits.signal), request.url);
      let lost: PannierError | undefined;
      for (const link of links.slice(0, ATTEMPTS_MAX)) {
        try {
          const answer = await link.ask(request, remaining(limits, deadlineAtMs));
          return lookupAnswer(answer, readFrom(link));
        } catch (error) {
          if (!isServerLost(error)) throw error;
          lost = error;
          settings.onEvent({ kind: 'lookup-moved', server: link.server, reason: error.message });
        }
      }
      throw unavailable(lost, directory);
    },
    async unary(method, request, { signal, deadlineMs = UNARY_DEADLINE_MS, attemptMs = Infinity } = {}) {
      const links = (await byTurns(signal)).slice(0, ATTEMPTS_MAX);
      const result = await firstAnswer(
        links,
        async (link, withinMs) => await link.unary(method, request, { signal, deadlineMs: withinMs }),
        { signal, deadlineMs, attemptMs },
      );
      if ('answer' in result) return result.answer;
      throw unavailable(result.lost, directory);
    },
    stream: (attempt, { signal, again } = {}) =>
      readFrom()(attempt, { signal, movesOn: isServerLost, again }),
    onInvalidation(listener) {
      watch ??= new ServerWatch({ links: () => byTurns(undefined), listener, onEvent: settings.onEvent });
    },
    state: () => directory.links.map((link) => link.state),
    close() {
      closed ??= new PannierError('closed', 'the client is closed');
      watch?.close(closed);
      directory.close(closed);
    },
  };
}

function withFirst(first: ServerLink | undefined, links: readonly ServerLink[]): readonly ServerLink[] {
  return first === undefined ? links : [first, ...links.filter((link) => link !== first)];
}

function remaining(limits: CallLimits, deadlineAtMs: number | undefined): CallLimits {
  if (deadlineAtMs === undefined) return limits;
  return { signal: limits.signal, deadlineMs: Math.max(1, deadlineAtMs - performance.now()) };
}

function unavailable(lost: PannierError | undefined, directory: ServerDirectory): PannierError {
  const known = directory.links.map((link) => `${link.server} is ${link.state.status}`);
  const message =
    lost?.message ??
    (known.length === 0 ? 'no server is known: the name does not resolve' : known.join(', '));
  return new PannierError('unavailable', `no cache server answers: ${message}`, { cause: lost });
}

function lookupAnswer(answer: ExchangeAnswer, read: ReadFromServers): LookupAnswer {
  switch (answer.kind) {
    case 'bypass':
      return answer;
    case 'whole':
      return { ...answer.head, body: { kind: 'whole', bytes: answer.bytes } };
    case 'ticket':
      return { ...answer.head, body: ticketBody(answer.ticket, answer.head.bodyBytes, read) };
  }
}
