/**
 * Which of the responses of one key a request is about. The key itself is made of the URL and of the headers that a shared fetch always
 * carries; where a response names further ones in its Vary, those join the key and the fetch from then on.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.1
 */
import type { Generation } from '@pannier/proto/generation';
import { hasHeader, mayBeForwarded, variantValues, varyNames } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import type { EntryContext } from './entry-context.ts';
import { variantKey } from './entry-key.ts';
import type { EntryKey } from './entry-key.ts';
import type { Manifest } from './manifest.ts';
import type { LookupPlan } from './request-plan.ts';
import { VARIANTS_MAX } from './vary-rule.ts';
import type { VaryRule } from './vary-rule.ts';

/** Where the response to a request is, or would be. */
export interface Located {
  /** The plan's key, or that of the variant. */
  readonly key: EntryKey;
  /** Names by which the responses of the plan's key are known to vary; most often none. */
  readonly varies: readonly string[];
  readonly manifest: Manifest | undefined;
}

type Context = Pick<EntryContext, 'manifests' | 'varyNames'>;

/** What is stale or missing is looked for again inside its flight, where nothing but the latest will do. */
const RECENT = { recent: true };

/** Looks a request up: one read, or two where the responses vary. */
export async function locateEntry(plan: LookupPlan, request: HeaderList, context: Context): Promise<Located> {
  const { manifests } = context;
  const { key } = plan;
  const known = context.varyNames.get(key.text);
  const found = known === undefined ? await manifests.readEntry(key.text, RECENT) : undefined;
  const varies = known ?? (found?.kind === 'rule' ? found.rule.names : []);
  if (varies.length === 0)
    return { key, varies, manifest: found?.kind === 'manifest' ? found.manifest : undefined };
  context.varyNames.set(key.text, varies);
  const variant = variantKey(key, variantValues(varies, request));
  return { key: variant, varies, manifest: await manifests.read(variant.text, RECENT) };
}

/** The fields by which responses are known to vary, which go upstream too where they do not already. */
export function nominatedHeaders(
  varies: readonly string[],
  request: HeaderList,
  sent: HeaderList,
): HeaderList {
  const isNew = (name: string): boolean =>
    varies.includes(name) && mayBeForwarded(name) && !hasHeader(sent, name);
  return request.filter(([name]) => isNew(name.toLowerCase()));
}

/**
 * Names that a response adds to those by which its key is known to vary; undefined when it adds none.
 *
 * @param told what the key tells apart
 */
export function newlyVaries(
  response: HeaderList,
  { told: inKey, varies }: { told: HeaderList; varies: readonly string[] },
): readonly string[] | undefined {
  const names = varyNames(response);
  if (names === '*') return undefined;
  const told = new Set([...inKey.map(([name]) => name.toLowerCase()), 'accept-encoding', ...varies]);
  const added = names.filter((name) => !told.has(name));
  return added.length === 0 ? undefined : [...varies, ...added].toSorted();
}

/**
 * Writes down that a variant is about to be published, before it is, so that it is found; the oldest one too many is removed.
 *
 * @returns false when a later response stands there, others went on changing the rule at the same time, or the store failed
 */
export async function enterVariant(
  key: EntryKey,
  variant: EntryKey,
  {
    names,
    requestTimeMs,
    generation,
    context,
  }: { names: readonly string[]; requestTimeMs: number; generation: Generation; context: Context },
): Promise<boolean> {
  const { manifests } = context;
  const change = (former: VaryRule | undefined): VaryRule => {
    const others = (former?.variants ?? []).filter((text) => text !== variant.text);
    const all = [...new Set([...names, ...(former?.names ?? [])])].toSorted();
    const writtenAtMs = Math.max(requestTimeMs, former?.writtenAtMs ?? 0);
    const variants = [...others, variant.text].slice(-VARIANTS_MAX);
    const { scope, url = '' } = key;
    return {
      names: all,
      variants,
      writtenAtMs,
      scope,
      url,
      generation: later(generation, former?.generation),
    };
  };
  return await manifests.changeRule(key, change, requestTimeMs);
}

/** Two responses of one rule: what outdates the older one does not outdate the rule. */
function later(one: Generation, other: Generation | undefined): Generation {
  return other?.epoch === one.epoch && other.sequence > one.sequence ? other : one;
}
