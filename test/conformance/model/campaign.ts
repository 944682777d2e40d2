/** Many sequences, until one diverges; that one is made as short as it goes. */
import fc from 'fast-check';
import { startCacheUnderTest } from './cache-under-test.ts';
import type { CacheUnderTest } from './cache-under-test.ts';
import { scripts } from './script-arbitrary.ts';
import { runScript } from './script-run.ts';
import type { Script } from './script.ts';
import { HEARS_ALL } from './wire-head.ts';
import type { Deafness } from './wire-head.ts';

export interface CampaignOptions {
  readonly seed: number;
  readonly sequences: number;
  /** Words that the cache is kept from hearing: then a divergence is what is wanted. */
  readonly deaf?: Deafness;
  /** Called after each sequence, those of shrinking included. */
  readonly onSequence?: (done: number) => void;
}

/** What came of it. */
export interface Campaign {
  readonly sequences: number;
  readonly requests: number;
  /** The shortest sequence that diverges, its story and why, as text; undefined where none does. */
  readonly divergence: string | undefined;
  /** Sequences that diverged once and not again: a matter of timing. */
  readonly unrepeated: readonly string[];
}

/** Runs them one after the other on one cache. */
export async function runCampaign(options: CampaignOptions): Promise<Campaign> {
  const { seed, sequences, deaf = HEARS_ALL, onSequence } = options;
  await using cache = await startCacheUnderTest(deaf);
  const unrepeated: string[] = [];
  let done = 0;
  let requests = 0;
  const property = fc.asyncProperty(scripts, async (script) => {
    done += 1;
    requests += script.steps.filter(({ kind }) => kind === 'request').length;
    const text = await divergenceOf(script, cache, unrepeated);
    onSequence?.(done);
    if (text !== undefined) throw new Error(text);
  });
  const details = await fc.check(property, { seed, numRuns: sequences });
  const [script] = details.counterexample ?? [];
  const divergence = script && (await retold(script, cache));
  return { sequences: details.numRuns, requests, divergence, unrepeated };
}

/** A divergence counts when it shows again. */
async function divergenceOf(
  script: Script,
  cache: CacheUnderTest,
  unrepeated: string[],
): Promise<string | undefined> {
  const first = await runScript(script, cache);
  if (first.complaints.length === 0) return undefined;
  const second = await runScript(script, cache);
  const text = told(first);
  if (second.complaints.length > 0) return text;
  unrepeated.push(text);
  return undefined;
}

async function retold(script: Script, cache: CacheUnderTest): Promise<string> {
  return told(await runScript(script, cache));
}

function told({ story, complaints }: Awaited<ReturnType<typeof runScript>>): string {
  return [...story, ...complaints.map((complaint) => `  ! ${complaint}`)].join('\n');
}
