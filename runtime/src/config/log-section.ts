import { z } from 'zod';

export const logSection = z.strictObject({
  level: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('The least severe level that is written.'),
  format: z
    .enum(['auto', 'human', 'json'])
    .default('auto')
    .describe(
      'human writes short lines, json one object a line; auto is human on a terminal and json elsewhere.',
    ),
});

/** What {@link createLogger} needs to know. */
export type LogConfig = z.output<typeof logSection>;
