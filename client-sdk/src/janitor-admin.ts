/** What services that are gone left behind in the store: listed, or removed. */
import { AdminService, JanitorKind } from '@pannier/proto';
import type { CallOptions } from './client-options.ts';
import { PannierError } from './errors.ts';
import type { Transport } from './transport/index.ts';

/** Something whose owner is gone. */
export interface JanitorFinding {
  /** `scope`: objects of a caller that has not been heard of for long; `dataset`: one that no server declares any more. */
  readonly kind: 'scope' | 'dataset';
  /** The caller, or UPSTREAM/NAME of the dataset. */
  readonly name: string;
  /** Objects; of a dataset its versions and the list of them. */
  readonly keys: number;
  /** In bytes. */
  readonly storedBytes: number;
  readonly lastUsedAt: Date;
}

/** What a walk through the store came to. */
export interface JanitorReport {
  readonly keysWalked: number;
  /** In the order of the names. */
  readonly findings: readonly JanitorFinding[];
}

/** Calls for operators. */
export interface JanitorAdmin {
  /**
   * Goes through the store, and removes what owners that are gone left there; it takes as long as it takes.
   *
   * @param options.dryRun finds, and removes nothing; default false
   * @throws PannierError `limit-exceeded` while another server does it
   */
  janitor(options?: Pick<CallOptions, 'signal'> & { readonly dryRun?: boolean }): Promise<JanitorReport>;
}

const KINDS: Partial<Record<JanitorKind, JanitorFinding['kind']>> = {
  [JanitorKind.SCOPE]: 'scope',
  [JanitorKind.DATASET]: 'dataset',
};

/** The calls, over a transport. */
export function openJanitorAdmin(transport: Transport): JanitorAdmin {
  const { method } = AdminService;
  return {
    async janitor({ signal, dryRun = false } = {}) {
      const steps = transport.stream((server) => server.open(method.runJanitor, { dryRun }), { signal });
      for await (const { done, keysWalked, findings } of steps) {
        if (!done) continue;
        return {
          keysWalked: Number(keysWalked),
          findings: findings.map(({ kind, name, keys, storedBytes, lastUsedAtMs }) => ({
            kind: KINDS[kind] ?? 'scope',
            name,
            keys: Number(keys),
            storedBytes: Number(storedBytes),
            lastUsedAt: new Date(Number(lastUsedAtMs)),
          })),
        };
      }
      throw new PannierError('protocol', 'the walk through the store ended without a report');
    },
  };
}
