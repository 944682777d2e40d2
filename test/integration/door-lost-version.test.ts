import { expect, it } from 'vitest';
import { DatasetShelf, rowsOf, shelfScript } from '../../client-sdk/src/dataset-shelf.fixture.ts';
import type { ShelfRow } from '../../client-sdk/src/dataset-shelf.fixture.ts';
import { curl } from '../fixture/curl.ts';
import { startScriptedStack } from './scripted-stack.ts';

const NAMES = ['CZ', 'DE', 'FR'];
const FIRST = { names: NAMES, edition: 1 };
const SECOND = { names: NAMES, edition: 2 };

async function door(
  shelf: DatasetShelf,
  path: string,
): Promise<{ status: number; text: string; rows: ShelfRow[] }> {
  await using stack = await startScriptedStack([shelfScript(shelf)]);
  const { status, body } = await curl(`${stack.proxyUrl}/.pannier/datasets/rows/${path}`);
  const text = body.toString();
  const rows =
    status === 200
      ? text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as ShelfRow)
      : [];
  return { status, text, rows };
}

it.each([
  ['records', rowsOf(SECOND)],
  ['partitions/DE', [{ part: 'DE', edition: 2 }]],
])(
  'the HTTP door sends %s of the version that is current when the one described is lost',
  async (path, wanted) => {
    const shelf = new DatasetShelf();
    shelf.publish('v1', FIRST);
    shelf.before = (asked) => {
      if (asked === 'read v1') shelf.replace('v2', SECOND);
    };
    expect((await door(shelf, path)).rows).toEqual(wanted);
    expect(shelf.asked).toEqual(['describe -', 'read v1', 'describe -', 'read v2']);
  },
);

it.each(['records', 'partitions/XX'])(
  'the HTTP door says at once that something is not there: %s',
  async (path) => {
    const shelf = new DatasetShelf();
    if (path !== 'records') shelf.publish('v1', FIRST);
    const { status, text } = await door(shelf, path);
    expect([status, text]).toEqual([
      404,
      expect.stringMatching(/has no (version at all|partition "XX")/) as string,
    ]);
    expect(shelf.asked).toEqual(['describe -']);
  },
);

it('the HTTP door breaks off where a version is lost whose records were sent', async () => {
  const shelf = new DatasetShelf();
  shelf.publish('v1', FIRST);
  shelf.sending = (name) => {
    if (name !== 'DE' || shelf.current !== 'v1') return;
    shelf.replace('v2', SECOND);
    throw new Error('lost');
  };
  await expect(door(shelf, 'records')).rejects.toThrow();
  expect(shelf.asked[0]).toBe('describe -');
});
