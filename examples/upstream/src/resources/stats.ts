import { jsonAnswer } from '../answer.ts';
import type { RequestCounts } from '../request-counts.ts';
import type { Resource } from '../resource.ts';

/** GET shows the counts; POST or DELETE sets them to zero and shows what they were. */
export function statsResource(counts: RequestCounts): Resource {
  return {
    usage: '/__stats (GET; POST or DELETE resets)',
    path: '/__stats',
    methods: ['GET', 'HEAD', 'POST', 'DELETE'],
    backstage: true,
    answer({ method }) {
      const shown = counts.snapshot();
      if (method === 'POST' || method === 'DELETE') counts.reset();
      return jsonAnswer(200, shown);
    },
  };
}
