import { expect, test } from 'vitest';
import { BufferBudget } from './buffer-budget.ts';
import { decodeAhead } from './decode-ahead.ts';

/** Decoding takes as many turns of the event loop as the item says. */
async function slowly(turns: number): Promise<number> {
  for (let i = 0; i < turns; i += 1) await new Promise((resolve) => setImmediate(resolve));
  if (turns === 13) throw new Error('thirteen does not decode');
  return turns;
}

async function* items(
  values: readonly number[],
  state: { read: number; returned?: boolean },
): AsyncGenerator<number, void, undefined> {
  try {
    for (const value of values) {
      state.read += 1;
      if (value < 0) throw new Error('the source broke');
      yield value;
    }
  } finally {
    state.returned = true;
  }
}

function options(budget = new BufferBudget(1000)): Parameters<typeof decodeAhead<number, number>>[1] {
  return { decode: slowly, weigh: () => 10, depth: 3, budget };
}

test('what decodes sooner still comes in order', async () => {
  const budget = new BufferBudget(1000);
  const values = [5, 0, 3, 9, 1, 0, 0, 2];
  const out: number[] = [];
  for await (const value of decodeAhead(items(values, { read: 0 }), options(budget))) {
    out.push(value);
    expect(budget.bytes).toBeLessThanOrEqual(30);
  }
  expect(out).toEqual(values);
  expect(budget.bytes).toBe(0);
});

test('a failure comes after everything before it', async () => {
  for (const values of [
    [2, 1, -1],
    [2, 1, 13, 4],
  ]) {
    const out: number[] = [];
    const reading = (async () => {
      for await (const value of decodeAhead(items(values, { read: 0 }), options())) out.push(value);
    })();
    await expect(reading).rejects.toThrow();
    expect(out).toEqual([2, 1]);
  }
});

test('without room in the budget one item at a time goes on', async () => {
  const budget = new BufferBudget(5);
  const out: number[] = [];
  for await (const value of decodeAhead(items([1, 2, 3], { read: 0 }), options(budget))) {
    out.push(value);
    expect(budget.bytes).toBe(10);
  }
  expect(out).toEqual([1, 2, 3]);
  expect(budget.bytes).toBe(0);
});

test('a reader that leaves returns the source and gives back the budget', async () => {
  const budget = new BufferBudget(1000);
  const state: { read: number; returned?: boolean } = { read: 0 };
  for await (const _ of decodeAhead(items([0, 0, 0, 0, 0, 0, 0, 0], state), options(budget))) break;
  expect(state.returned).toBe(true);
  expect(state.read).toBeLessThanOrEqual(5);
  expect(budget.bytes).toBe(0);
});
