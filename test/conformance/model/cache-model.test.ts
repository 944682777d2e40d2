import { describe, expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';

const SEED = 9111;

it('300 random sequences through proxy and server are what RFC 9111 allows', async () => {
  const { divergence, sequences, unrepeated } = await runCampaign({ seed: SEED, sequences: 300 });
  expect(divergence).toBeUndefined();
  expect(sequences).toBe(300);
  // One that does not repeat is told, for it may be a race; it does not decide.
  for (const text of unrepeated) process.stderr.write(`diverged once, and not again:\n${text}\n`);
});

describe('a cache that cannot read one word is found out', () => {
  it.each([
    'response max-age',
    'response no-store',
    'response private',
    'response no-cache',
    'response must-revalidate',
    'response s-maxage',
    'response age',
    'response vary',
    'request no-cache',
    'request max-age',
    'request min-fresh',
    'request only-if-cached',
    'request unsafe',
  ])('%s', async (word) => {
    const { divergence } = await runCampaign({ seed: SEED, sequences: 1500, deaf: new Set([word]) });
    expect(divergence).toMatch(/^ {2}! /m);
  });
});
