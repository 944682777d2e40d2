/** The transport: which server is asked, in what order, and what happens when it breaks. */
import type { Transport, TransportOptions } from './transport.ts';

/** Makes a transport. It connects when it is first used, and holds the process open until `close()`. */
export declare function createTransport(options: TransportOptions): Transport;
