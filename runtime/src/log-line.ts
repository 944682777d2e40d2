/** A log record as it is written in JSON: `time` in ISO 8601, `level` by name, `name`, `msg`, and fields. */
export type LogRecord = Readonly<Record<string, unknown>>;

const levelColors: Record<string, number> = {
  trace: 90,
  debug: 90,
  info: 32,
  warn: 33,
  error: 31,
  fatal: 31,
};

const notFields = new Set(['time', 'level', 'name', 'msg']);

/** One short line for people: `14:03:07 info  proxy  listening  port=7080 fallback=direct`. */
export function formatLogLine(record: LogRecord, { color }: { color: boolean }): string {
  const paint = (code: number, text: string): string => (color ? `\u001B[${code}m${text}\u001B[0m` : text);
  const level = String(record.level);
  const fields = Object.entries(record).filter(([name]) => !notFields.has(name));
  const parts = [
    `${paint(90, clock(record.time))} ${paint(levelColors[level] ?? 0, level.padEnd(5))} ${paint(36, printable(String(record.name)))}`,
    printable(typeof record.msg === 'string' ? record.msg : ''),
    fields.map(([name, value]) => `${paint(90, `${name}=`)}${fieldText(value)}`).join(' '),
  ];
  return `${parts.filter((part) => part !== '').join('  ')}\n`;
}

/** The time of day where the reader sits; the JSON form has the date. */
function clock(time: unknown): string {
  const at = new Date(String(time));
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}

/** A serialised error shows its message; the stack is in the JSON form. */
function fieldText(value: unknown): string {
  const isError = typeof value === 'object' && value !== null && 'message' in value && 'stack' in value;
  const shown: unknown = isError ? value.message : value;
  const text = typeof shown === 'string' ? shown : JSON.stringify(shown);
  return printable(/^[^\s"=]+$/.test(text) || typeof shown !== 'string' ? text : JSON.stringify(text));
}

/** What came from a peer must not move the cursor or forge a line. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
