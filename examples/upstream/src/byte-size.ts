const unitBytes: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
  ['TiB', 1024 ** 4],
]);

/**
 * Reads a count of bytes such as `4096`, `50MB` (1000s) or `1GiB` (1024s); letter case is free.
 * The demo keeps its own reader: it stands in for somebody else's API and imports nothing of Pannier.
 * @returns whole bytes, or undefined when the text is no size
 */
export function parseByteSize(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([a-z]*)$/i.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  const scale = unitBytes.get(unit.toUpperCase().replace('IB', 'iB'));
  if (scale === undefined) return undefined;
  const bytes = Number(amount) * scale;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
