import type { IncomingMessage } from 'node:http';
import { jsonAnswer } from '../answer.ts';
import type { UpstreamControl } from '../control.ts';
import { UpstreamError } from '../errors.ts';
import { readRequestBody } from '../request-body.ts';
import type { Resource } from '../resource.ts';

const bodyBytesMax = 64 * 1024;

async function readJsonObject(message: IncomingMessage): Promise<object> {
  const { bytes } = await readRequestBody(message, bodyBytesMax);
  if (bytes === undefined) throw new UpstreamError('too-large', `body: over ${bodyBytesMax} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch (cause) {
    throw new UpstreamError('bad-request', 'body: not JSON', { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new UpstreamError('bad-request', 'body: not a JSON object');
}

/** GET shows the controls, POST changes the fields it names, DELETE sets all back. */
export function controlResource(control: UpstreamControl): Resource {
  return {
    usage: '/__control (GET, POST {"latencyMs": 50, "publish": true, …}, DELETE)',
    path: '/__control',
    methods: ['GET', 'HEAD', 'POST', 'DELETE'],
    backstage: true,
    async answer({ method, message }) {
      if (method === 'DELETE') return jsonAnswer(200, control.reset());
      // `set` checks every field itself, so that callers in the process and over HTTP are told the same.
      if (method === 'POST') return jsonAnswer(200, await control.set(await readJsonObject(message)));
      return jsonAnswer(200, control.state());
    },
  };
}
