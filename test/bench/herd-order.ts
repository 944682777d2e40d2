/** What a process of clients is told, and what it tells. */

/** How clients ask: of an origin, of a forward proxy, or by the SDK, of cache servers. */
export type HerdManner = 'origin' | 'forward' | 'grpc';

/** What the parent says first; the answer is `ready`. Upon `go` the clients ask. */
export interface HerdOrder {
  readonly manner: HerdManner;
  /** `http://host:port` of the doors, for `grpc` `host:port`; the clients take them by turns. */
  readonly doors: readonly string[];
  /** What they ask for; a forward proxy is asked for it in absolute form. */
  readonly url: string;
  /** Something else, by which connections are made ready. */
  readonly warmUpUrl: string;
  readonly clients: number;
  /** How many clients other processes have before these: so the doors are shared evenly among all. */
  readonly clientsBefore: number;
  /** A file with the bytes that each shall get. */
  readonly bodyFile: string;
  /** How long one answer may take, in milliseconds. */
  readonly deadlineMs: number;
}

/** What the clients saw. */
export interface HerdReport {
  /** From the request to the last byte, of those that got all of it, in milliseconds. */
  readonly wholeMs: readonly number[];
  /** From the request to the head of the answer, of the same. */
  readonly headMs: readonly number[];
  /** Of the others: what went wrong, and how often. */
  readonly failures: Readonly<Record<string, number>>;
}

/** Clients that are connected. */
export interface Herd extends Disposable {
  /** Each asks once, and says what it waited for the head and for the whole; it rejects unless it got these very bytes. */
  readonly clients: readonly ((body: Buffer) => Promise<HerdWait>)[];
}

/** What one client waited, in milliseconds. */
export interface HerdWait {
  readonly headMs: number;
  readonly wholeMs: number;
}

/** The door that a client takes. */
export function doorOf({ doors, clientsBefore }: HerdOrder, client: number): number {
  return (clientsBefore + client) % doors.length;
}
