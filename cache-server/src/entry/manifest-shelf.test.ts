import { DEFAULT_POLICY } from '@pannier/http-semantics';
import { createGenerations } from '../generation/create-generations.ts';
import type { Generations } from '../generation/generations.ts';
import { describe, expect, it } from 'vitest';
import { originalKey } from './entry-key.ts';
import type { EntryKey } from './entry-key.ts';
import { ManualClock } from '../get-entry.fixture.ts';
import type { Manifest } from './manifest.ts';
import { ManifestShelf } from './manifest-shelf.ts';
import { createMemoryStore } from '../store/memory-store.ts';
import { enterVariant } from './entry-variants.ts';

const URL = 'http://api.test/a';
const KEY: EntryKey = originalKey('api', URL, []);
const FIRST_FENCE = '1760000000000000-first';
const SECOND_FENCE = '1760000001000000-second';

interface Shelf {
  readonly shelf: ManifestShelf;
  readonly generations: Generations;
  /** A response of a server whose clock is so far ahead. */
  readonly response: (aheadMs: number) => Promise<Manifest>;
  readonly standing: () => Promise<string | undefined>;
}

function open(): Shelf {
  const clock = new ManualClock();
  const store = createMemoryStore({ bytesMax: 1e6, now: () => clock.now() });
  const generations = createGenerations({ clock, random: Math.random });
  const shelf = new ManifestShelf({ store, clock, generations, report: () => undefined });
  let serial = 0;
  return {
    shelf,
    generations,
    async response(aheadMs) {
      const atMs = clock.now() + aheadMs;
      serial += 1;
      return {
        status: 200,
        headers: [['cache-control', 'max-age=60']],
        requestTimeMs: atMs,
        responseTimeMs: atMs,
        policy: DEFAULT_POLICY,
        scope: KEY.scope,
        url: URL,
        version: `version ${serial}`,
        generation: await generations.capture(),
        framesExpireAtMs: atMs,
        body: { kind: 'inline', bytes: Buffer.from('x') },
      };
    },
    standing: async () => (await shelf.read(KEY.text))?.version,
  };
}

const purge = async ({ generations }: Shelf): Promise<unknown> =>
  await generations.invalidate([{ kind: 'url', value: URL }], 'hard');

describe('of two responses to one key', () => {
  it('the one that was asked for later stands, in whichever order they are published', async () => {
    const { shelf, response, standing } = open();
    expect(await shelf.publish(KEY, await response(0))).toBe('published');
    const late = await response(-1000);
    expect(await shelf.publish(KEY, late)).toBe('later-stands');
    expect(await shelf.publish(KEY, await response(1000))).toBe('published');
    expect(await standing()).toBe('version 3');
  });

  it('the one that was purged refuses nothing, however far ahead the clock was by which it was asked for', async () => {
    const opened = open();
    const { shelf, response, standing } = opened;
    await shelf.publish(KEY, await response(20_000));
    await purge(opened);
    expect(await shelf.publish(KEY, await response(0))).toBe('published');
    expect(await standing()).toBe('version 2');
  });

  it('a later lease does not make a response newer: its upstream may have been asked before', async () => {
    const { shelf, response, standing } = open();
    expect(await shelf.publish(KEY, await response(1000), FIRST_FENCE)).toBe('published');
    expect(await shelf.publish(KEY, await response(0), SECOND_FENCE)).toBe('later-stands');
    expect(await standing()).toBe('version 1');
  });

  it('nor does a later request an older lease', async () => {
    const { shelf, response, standing } = open();
    expect(await shelf.publish(KEY, await response(0), SECOND_FENCE)).toBe('published');
    expect(await shelf.publish(KEY, await response(1000), FIRST_FENCE)).toBe('later-lease');
    expect(await standing()).toBe('version 1');
  });

  it('one that was purged itself replaces nothing newer, purged or not', async () => {
    const opened = open();
    const { shelf, response } = opened;
    const old = await response(0);
    await shelf.publish(KEY, await response(1000), SECOND_FENCE);
    await purge(opened);
    expect(await shelf.publish(KEY, old, FIRST_FENCE)).toBe('later-stands');
    expect(await shelf.publish(KEY, { ...old, requestTimeMs: old.requestTimeMs + 2000 }, FIRST_FENCE)).toBe(
      'later-lease',
    );
  });

  it('a purged one whose lease was of a clock far ahead makes way, too', async () => {
    const opened = open();
    const { shelf, response, standing } = opened;
    await shelf.publish(KEY, await response(0), SECOND_FENCE);
    expect(await shelf.publish(KEY, await response(0), FIRST_FENCE)).toBe('later-lease');
    await purge(opened);
    expect(await shelf.publish(KEY, await response(0), FIRST_FENCE)).toBe('published');
    expect(await standing()).toBe('version 3');
  });
});

it('what is confirmed by a server that lags behind the log is no older for it than it was written', async () => {
  const opened = open();
  const { shelf, generations } = opened;
  const before = await generations.capture();
  await purge(opened);
  const written = await opened.response(0);
  expect(await shelf.publish(KEY, written)).toBe('published');
  expect(await shelf.renew(KEY, { ...written, generation: before })).toBe(true);
  expect(await opened.standing()).toBe(written.version);
});

it('a purged response is no reason to write no rule', async () => {
  const opened = open();
  const { shelf, response, generations } = opened;
  const context = { manifests: shelf, varyNames: new Map() as never };
  const variant = { ...KEY, text: `${KEY.text} variant` };
  const entering = async (): Promise<boolean> => {
    const { requestTimeMs } = await response(0);
    const generation = await generations.capture();
    return await enterVariant(KEY, variant, {
      names: ['accept-language'],
      requestTimeMs,
      generation,
      context,
    });
  };
  await shelf.publish(KEY, await response(20_000));
  expect(await entering()).toBe(false);
  await purge(opened);
  expect(await entering()).toBe(true);
  expect((await shelf.readEntry(KEY.text))?.kind).toBe('rule');
});
