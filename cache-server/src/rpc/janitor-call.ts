/** RunJanitor: what services that are gone left behind, listed or removed. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { JanitorKind } from '@pannier/proto';
import type { RunJanitorRequest, RunJanitorResponseSchema } from '@pannier/proto';
import type { Finding } from '../janitor/estate.ts';
import type { JanitorStep } from '../janitor/janitor.ts';
import type { CallContext } from './call-handlers.ts';
import { withHeartbeats } from './heartbeat.ts';

/** What the call needs. */
export interface JanitorCallDeps {
  readonly janitor: {
    run(how: { isDry: boolean; signal: AbortSignal }): AsyncIterable<JanitorStep>;
  };
  readonly limits: { readonly heartbeatMs: number };
}

type Step = Exclude<MessageInitShape<typeof RunJanitorResponseSchema>, { $typeName: string }>;

const KINDS = { scope: JanitorKind.SCOPE, dataset: JanitorKind.DATASET } as const;
const TELL_EVERY_MS = 500;

/** Tells now and then how far it has come, and at the end what was found. */
export async function* runJanitor(
  { dryRun }: RunJanitorRequest,
  { signal }: CallContext,
  { janitor, limits }: JanitorCallDeps,
): AsyncGenerator<Step, void, undefined> {
  let keysWalked = 0n;
  let toldAtMs = performance.now();
  for await (const beat of withHeartbeats(janitor.run({ isDry: dryRun, signal }), limits.heartbeatMs)) {
    if (beat.kind === 'item') keysWalked = BigInt(beat.item.keysWalked);
    const findings = beat.kind === 'item' ? beat.item.findings : undefined;
    if (findings !== undefined) yield { keysWalked, done: true, findings: findings.map(findingMessage) };
    else if (beat.kind === 'waiting' || performance.now() - toldAtMs >= TELL_EVERY_MS) {
      toldAtMs = performance.now();
      yield { keysWalked, done: false };
    }
  }
}

function findingMessage({
  kind,
  name,
  keys,
  storedBytes,
  lastUsedAtMs,
}: Finding): NonNullable<Step['findings']>[number] {
  return {
    kind: KINDS[kind],
    name,
    keys: BigInt(keys),
    storedBytes: BigInt(storedBytes),
    lastUsedAtMs: BigInt(Math.round(lastUsedAtMs)),
  };
}
