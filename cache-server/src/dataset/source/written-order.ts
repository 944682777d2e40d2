/** Finds in the text of records the order of their fields, where JSON.parse loses it: see `fieldNames` of the partition format. */
import { isIndexName, isRecordObject, keepFieldOrder, losesOrder } from '@pannier/proto/partition-format';
import type { RecordObject, RecordValue } from '@pannier/proto/partition-format';
import { stringEnd } from './exact-json.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** @param text that the records were parsed from, values between commas */
export function keepWrittenOrder(records: readonly RecordValue[], text: string): void {
  // Nearly no record has such a field; the text is looked at for those that do.
  if (!records.some(hasIndexName)) return;
  let last: readonly string[] = [];
  for (const [at, names] of writtenNames(text).entries()) {
    if (!losesOrder(names)) continue;
    // Records of one kind share one list.
    if (names.length !== last.length || names.some((name, i) => name !== last[i])) last = names;
    keepFieldOrder(records[at] as RecordObject, last);
  }
}

/** An object lists such a name first. */
function hasIndexName(record: RecordValue): boolean {
  if (!isRecordObject(record)) return false;
  for (const name in record) return isIndexName(name);
  return false;
}

/** Names of the fields of each value, each once; none for what is no object. The text is well-formed. */
function writtenNames(text: string): string[][] {
  let names = new Set<string>();
  const all: string[][] = [];
  let depth = 0;
  let awaitsName = false;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = stringEnd(text, at + 1);
        if (awaitsName) names.add(JSON.parse(text.slice(at, end + 1)) as string);
        awaitsName = false;
        at = end;
        break;
      }
      case OPEN_OBJECT:
        depth += 1;
        awaitsName = depth === 1;
        break;
      case OPEN_ARRAY:
        // What is in a list at the top is as deep as what is in a field, which has a name.
        depth += depth === 0 ? 2 : 1;
        break;
      case CLOSE_ARRAY:
        depth -= depth === 2 && names.size === 0 ? 2 : 1;
        break;
      case CLOSE_OBJECT:
        depth -= 1;
        break;
      case COMMA:
        awaitsName = depth === 1;
        if (depth > 0) break;
        all.push([...names]);
        names = new Set();
    }
  }
  return [...all, [...names]];
}
