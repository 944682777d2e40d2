import { createMetrics } from '@pannier/runtime';
import { expect, onTestFinished, test } from 'vitest';
import { ManualClock } from '../get-entry.fixture.ts';
import { createGenerations } from './create-generations.ts';

test('the size of the log is told', async () => {
  const metrics = createMetrics('pannier_server');
  const generations = createGenerations({ clock: new ManualClock(), random: Math.random, metrics });
  onTestFinished(async () => await generations.close());
  const text = async (): Promise<string> => await metrics.registry.metrics();
  expect(await text()).toMatch(/^pannier_server_invalidation_log_events 0$/m);
  await generations.invalidate([{ kind: 'tag', value: 'a' }], 'hard');
  expect(await text()).toMatch(/^pannier_server_invalidation_log_events 1$/m);
  expect(await text()).toMatch(/^pannier_server_invalidation_log_bytes [1-9]\d+$/m);
});
