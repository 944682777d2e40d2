import { expect, test } from 'vitest';
import { EventMemory } from './event-memory.ts';
import { EventWindow } from './event-window.ts';
import type { LogEvent } from './invalidation-log.ts';

function publication(sequence: number, names = 100): LogEvent {
  const changed = Array.from({ length: names }, (_none, at) => `country=${sequence} ${at}/`.padEnd(80, 'x'));
  const published = { dataset: 'd', version: '2', formerVersion: '1', changed, removed: [] };
  return { kind: 'publication', published, sequence, atMs: 1, stamp: 'x' };
}

function purge(sequence: number): LogEvent {
  return {
    kind: 'invalidation',
    target: { kind: 'tag', value: 'a' },
    mode: 'hard',
    sequence,
    atMs: 1,
    stamp: 'x',
  };
}

test('keeps at least so many small events, and fewer than twice as many', () => {
  const window = new EventWindow({ eventsMax: 10 });
  let dropped = 0;
  for (let sequence = 1; sequence <= 95; sequence += 1) dropped += window.add([purge(sequence)]);
  expect(window.size.events).toBe(95 - dropped);
  expect(window.size.events).toBeGreaterThanOrEqual(10);
  expect(window.size.events).toBeLessThan(20);
  expect(window.events.map(({ sequence }) => sequence)).toEqual(
    Array.from(window.events, (_event, at) => dropped + 1 + at),
  );
});

test('keeps no more bytes than it may, but always the last event', () => {
  const window = new EventWindow({ bytesMax: 500_000 });
  for (let sequence = 1; sequence <= 200; sequence += 1) {
    window.add([publication(sequence)]);
    expect(window.size.bytes).toBeLessThanOrEqual(500_000);
    expect(window.events.at(-1)?.sequence).toBe(sequence);
  }
  expect(window.size.events).toBeGreaterThan(10);
  window.add([publication(201, 10_000)]);
  expect(window.events.map(({ sequence }) => sequence)).toEqual([201]);
  window.add([purge(202)]);
  expect(window.events.map(({ sequence }) => sequence)).toEqual([202]);
});

test('who was told of less than is still there is told that it has missed something', () => {
  const memory = new EventMemory();
  memory.beginAt({ epoch: 'e', sequence: 0 });
  const head = { epoch: 'e', sequence: 500 };
  for (let sequence = 1; sequence <= 500; sequence += 1) memory.add([publication(sequence, 1000)]);
  expect(memory.after({ epoch: 'e', sequence: 0 }, head)).toEqual({
    continues: false,
    events: [],
    position: head,
  });
  const page = memory.after({ epoch: 'e', sequence: 490 }, head);
  expect(page.continues).toBe(true);
  expect(page.events.map(({ sequence }) => sequence)).toEqual(
    Array.from({ length: 10 }, (_none, at) => 491 + at),
  );
});
