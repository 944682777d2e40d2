const unitMs: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** What {@link parseDuration} accepts, as a pattern that a JSON Schema can carry. */
export const durationPattern = /^(\d+(\.\d+)?|(\d+(\.\d+)?(ms|s|m|h|d))+)$/;

/** The longest wait that Node's timers take; a longer one would fire at once. About 24.8 days. */
export const timerMsMax = 2 ** 31 - 1;

/**
 * Reads a duration such as `250ms`, `30s`, `1.5h`, `1h30m` or `250` (milliseconds).
 * @returns whole milliseconds, or undefined when the text is no duration
 */
export function parseDuration(text: string): number | undefined {
  if (!durationPattern.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)?/g)) {
    totalMs += Number(amount) * (unitMs[unit ?? 'ms'] ?? Number.NaN);
  }
  const ms = Math.round(totalMs);
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/**
 * Writes milliseconds for people, in the two largest units that say something: `250ms`, `1.5s`, `10m`, `1h30m`, `2d4h`.
 * {@link parseDuration} reads it back, to within the last unit shown.
 */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 999.5) return `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)}ms`;
  if (ms < 59_950) return `${Math.round(ms / 100) / 10}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return joinUnits(seconds, 60, ['m', 's']);
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return joinUnits(minutes, 60, ['h', 'm']);
  return joinUnits(Math.round(minutes / 60), 24, ['d', 'h']);
}

function joinUnits(amount: number, perLarge: number, [large, small]: [string, string]): string {
  const rest = amount % perLarge;
  return `${Math.floor(amount / perLarge)}${large}${rest === 0 ? '' : `${rest}${small}`}`;
}
