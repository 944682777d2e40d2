import { describe } from 'vitest';
import { systemClock } from '../../cache-server/src/clock.ts';
import { ProcessInvalidationLog } from '../../cache-server/src/generation/process-invalidation-log.ts';
import { describeInvalidationLog } from './invalidation-log-contract.ts';

describe('the log in the process', () => {
  describeInvalidationLog(async (bounds) => {
    const options = { clock: systemClock, random: Math.random };
    return await Promise.resolve(new ProcessInvalidationLog({ ...options, ...bounds }));
  });
});
