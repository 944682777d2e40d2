/** Bytes per unit, largest first within each family: IEC (1024) and SI (1000). */
const unitBytes: Record<string, number> = {
  TiB: 1024 ** 4,
  GiB: 1024 ** 3,
  MiB: 1024 ** 2,
  KiB: 1024,
  TB: 1e12,
  GB: 1e9,
  MB: 1e6,
  KB: 1e3,
  kB: 1e3,
  B: 1,
};

/** What {@link parseBytes} accepts, as a pattern that a JSON Schema can carry. */
export const byteSizePattern = /^\d+(\.\d+)?( ?(B|kB|KB|KiB|MB|MiB|GB|GiB|TB|TiB))?$/;

/**
 * Reads a size such as `64MiB`, `1.5 GB` or `4096` (bytes). A fraction of a byte is rounded.
 * @returns whole bytes, or undefined when the text is no size or exceeds what a number counts exactly
 */
export function parseBytes(text: string): number | undefined {
  if (!byteSizePattern.test(text)) return undefined;
  const amount = Number.parseFloat(text);
  const unit = text.replace(/^[\d. ]+/, '') || 'B';
  const bytes = Math.round(amount * (unitBytes[unit] ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/**
 * Writes bytes for people, in 1024s with at most one decimal: `512B`, `64KiB`, `16.2MiB`.
 * {@link parseBytes} reads it back, to within that decimal.
 */
export function formatBytes(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB'] as const) {
    const size = unitBytes[unit] ?? 1;
    // 0.99995 and not 1, so that 1,048,575 bytes reads "1MiB" and never "1024KiB".
    if (Math.abs(bytes) >= size * 0.99995) return `${Math.round((bytes / size) * 10) / 10}${unit}`;
  }
  return `${Math.round(bytes)}B`;
}
