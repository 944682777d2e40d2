/** Cuts frames down in a thread of its own, several at a time in slices, so that none waits for the longest. */
import { parentPort } from 'node:worker_threads';
import { cutFrame } from './cut-frame.ts';
import type { FrameCut } from './cut-frame.ts';
import type { SelectionCommand, SelectionEvent } from './selection-thread.ts';

const running = new Map<number, AbortController>();

async function answer(id: number, cut: FrameCut, signal: AbortSignal): Promise<SelectionEvent> {
  try {
    return { kind: 'cut', id, ...(await cutFrame(cut, signal)) };
  } catch (error) {
    return { kind: 'failed', id, message: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', (command: SelectionCommand) => {
  const { id } = command;
  if (command.kind === 'leave') {
    running.get(id)?.abort(new Error('left'));
    return;
  }
  const left = new AbortController();
  running.set(id, left);
  void answer(id, command.cut, left.signal).then((event) => {
    running.delete(id);
    parentPort?.postMessage(event);
  });
});
