import { STATUS_CODES } from 'node:http';
import { type Answer, jsonAnswer } from '../answer.ts';
import { numberField } from '../input-fields.ts';
import type { Resource } from '../resource.ts';

const path = '/status/';

/** Reads a final status code; an interim one (1xx) cannot be an answer. */
export function readStatus(field: string, value: string): number {
  return numberField(field, value, { min: 200, max: 599 });
}

/** A short document with the status that was asked for. */
export function statusAnswer(field: string, value: string): Answer {
  const status = readStatus(field, value);
  return jsonAnswer(status, { status, reason: STATUS_CODES[status] ?? '' });
}

/** Any status, to any method. */
export const statusResource: Resource = {
  usage: '/status/<200 to 599>',
  path,
  answer: (request) => statusAnswer('code', request.path.slice(path.length)),
};
