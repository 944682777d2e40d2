import type { RecordValue } from '@pannier/proto/partition-format';
import { expect, it, test } from 'vitest';
import { moduleOf } from '../ingest/run-ingest.fixture.ts';
import { compileExpression, openTransform } from './record-transform.ts';
import type { RecordTransform } from './record-transform.ts';

type Settings = Parameters<typeof openTransform>[0];

async function open(settings: Partial<Settings>): Promise<RecordTransform> {
  return await openTransform({ types: {}, transform: undefined, onError: 'fail', ...settings }, '/');
}

const RECORDS: RecordValue[] = [
  { id: 1, name: 'Brno' },
  { id: 2, name: 'Praha' },
];

it('is a record for each where nothing is declared', async () => {
  const transform = await open({});
  expect(transform.perDocument).toBe(false);
  expect(await transform.apply(RECORDS)).toBe(RECORDS);
});

const EXPRESSIONS: readonly (readonly [string, 'record' | 'document', RecordValue[]])[] = [
  [
    '{"id": id, "upper": $uppercase(name)}',
    'record',
    [
      { id: 1, upper: 'BRNO' },
      { id: 2, upper: 'PRAHA' },
    ],
  ],
  ['$[id > 1]', 'record', [{ id: 2, name: 'Praha' }]],
  ['[$, {"copy": id}]', 'record', [RECORDS[0]!, { copy: 1 }, RECORDS[1]!, { copy: 2 }]],
  ['id > 1 ? null : $', 'record', [RECORDS[0]!, null]],
  ['$[[-1]]', 'document', [RECORDS[1]!]],
  ['$count($)', 'document', [2]],
  ['nothing', 'document', []],
];

test.each(EXPRESSIONS)('%s per %s', async (expression, per, expected) => {
  const transform = await open({ transform: { expression, per } });
  expect(transform.perDocument).toBe(per === 'document');
  const changed = await transform.apply(structuredClone(RECORDS));
  expect(changed).toEqual(expected);
});

it('reads types before the rule sees a record, and names the record whose field is no such thing', async () => {
  const types = { id: 'integer' as const };
  const transform = await open({ types, transform: { expression: 'id + 1', per: 'record' } });
  expect(await transform.apply([{ id: '41' }])).toEqual([42]);
  await expect(async () => await transform.apply([{ id: '1' }, { id: 'x' }])).rejects.toMatchObject({
    code: 'bad-document',
    message: 'record 3: field id is no integer',
  });
});

it('leaves out and counts what fails, where records are dropped', async () => {
  const module = moduleOf(
    'export default ({ id }) => { if (id === 2) throw new Error("no 2"); return { id }; };',
  );
  const settings = { types: { id: 'integer' as const }, transform: { module, per: 'record' as const } };
  const records = (): RecordValue[] => [{ id: '1' }, { id: 'x' }, { id: '2' }, { id: '3' }];
  const dropping = await open({ ...settings, onError: 'drop' });
  expect(await dropping.apply(records())).toEqual([{ id: 1 }, { id: 3 }]);
  expect(dropping.dropped).toBe(2);
  const failing = await open({ transform: settings.transform });
  await expect(async () => await failing.apply([{ id: 1 }, { id: 2 }])).rejects.toMatchObject({
    code: 'bad-rule',
    message: 'the transform fails on record 2: no 2',
  });
});

it('fails the version when the rule fails on the document, also where records are dropped', async () => {
  const module = moduleOf('export default async () => { throw new Error("all of it"); };');
  const transform = await open({ transform: { module, per: 'document' }, onError: 'drop' });
  await expect(async () => await transform.apply([1])).rejects.toThrow(
    'the transform fails on the document: all of it',
  );
});

it('says what a module lacks, and where an expression breaks off', async () => {
  const none = moduleOf('export const rule = 1;');
  await expect(open({ transform: { module: none, per: 'record' } })).rejects.toThrow('has no default export');
  const broken = moduleOf('export default (');
  await expect(open({ transform: { module: broken, per: 'record' } })).rejects.toThrow('cannot be loaded');
  expect(() => compileExpression('a +', 'the rule')).toThrow(/^the rule does not compile: .*\(at 3\)$/);
});
