import { describe, expect, it } from 'vitest';
import { formatLogLine } from './log-line.ts';

const record = {
  time: new Date(2026, 0, 2, 14, 3, 7).toISOString(),
  level: 'info',
  name: 'proxy',
  msg: 'listening',
};
const line = (fields: object, color = false): string => formatLogLine({ ...record, ...fields }, { color });

describe('a log line for people', () => {
  it('is short: time, level, name, message, fields', () => {
    expect(line({ port: 7080, fallback: 'direct' })).toBe(
      '14:03:07 info  proxy  listening  port=7080 fallback=direct\n',
    );
    expect(line({ msg: undefined })).toBe('14:03:07 info  proxy\n');
  });

  it('quotes what would not read as one value', () => {
    expect(line({ a: 'two words', b: '', c: 'x=y', d: { deep: 1 }, e: null, f: [1, 'x'] })).toBe(
      '14:03:07 info  proxy  listening  a="two words" b="" c="x=y" d={"deep":1} e=null f=[1,"x"]\n',
    );
  });

  it('shows the message of an error and leaves its stack to the JSON form', () => {
    expect(line({ err: { type: 'Error', message: 'reset by peer', stack: 'Error: reset\n  at' } })).toContain(
      'err="reset by peer"',
    );
  });

  it('lets nothing from outside forge a line or move the cursor', () => {
    const forged = line({ msg: 'a\n14:03:08 fatal', path: '/x\u001B[2J', url: '\u0085\u2028' });
    expect(forged.match(/[\p{Cc}\u2028]/gu)).toEqual(['\n']);
    expect(forged).toContain(String.raw`a\u000a14:03:08 fatal`);
  });

  it('is coloured only when told so', () => {
    expect(line({ level: 'error' })).not.toContain('\u001B');
    expect(line({ level: 'error' }, true)).toContain('\u001B[31merror\u001B[0m');
  });
});
