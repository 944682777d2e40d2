/** An upstream whose responses a test sends piece by piece, when what it waits for is there. */
import type { ServerResponse } from 'node:http';

/** How it answers, and what it has not sent yet. */
export interface HeldAnswers {
  readonly answer: (request: unknown, response: ServerResponse) => void;
  /** One for each request, in their order; the test sends them. */
  readonly sent: ServerResponse[];
}

/** None of its requests is answered by itself. */
export function heldAnswers(): HeldAnswers {
  const sent: ServerResponse[] = [];
  return { sent, answer: (_request, response) => void sent.push(response) };
}

/** Looks every 5 ms; the test's own time limit ends it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}
