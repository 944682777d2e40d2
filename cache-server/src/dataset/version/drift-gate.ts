/** What a new version must not do to its readers. */
import type { FieldStatistics } from '../read/field-statistics.ts';
import type { DatasetManifest } from './dataset-manifest.ts';

/** Settings; see `datasets.NAME.drift`. */
export interface DriftSettings {
  readonly requiredFields: readonly string[];
  readonly rowsShareMin: number;
  readonly allowTypeChange: boolean;
}

type Version = Pick<DatasetManifest, 'records' | 'fields'>;

/** Reasons to put a version aside, one sentence each; none when it may be read. */
export function driftReasons(former: Version | undefined, next: Version, settings: DriftSettings): string[] {
  const has = new Set(next.fields.map(({ name }) => name));
  const reasons = settings.requiredFields
    .filter((name) => !has.has(name))
    .map((name) => `the declared field ${name} is gone`);
  if (former === undefined) return reasons;
  if (next.records < former.records * settings.rowsShareMin) {
    reasons.push(
      `it has ${next.records} records, the version before had ${former.records}, and drift.rowsShareMin is ${settings.rowsShareMin}`,
    );
  }
  if (settings.allowTypeChange) return reasons;
  for (const field of next.fields) {
    const before = former.fields.find(({ name }) => name === field.name);
    const changed = before === undefined ? undefined : typeChange(before, field);
    if (changed !== undefined) reasons.push(`the field ${field.name} ${changed}`);
  }
  return reasons;
}

/** Types that are alike to a reader: an integer is a number, and null may come and go. */
function kinds({ types }: FieldStatistics): Set<string> {
  return new Set(
    types.filter((type) => type !== 'null').map((type) => (type === 'integer' ? 'number' : type)),
  );
}

function typeChange(before: FieldStatistics, after: FieldStatistics): string | undefined {
  const [old, now] = [kinds(before), kinds(after)];
  const added = [...now].filter((kind) => !old.has(kind));
  if (old.size === 0 || now.size === 0 || added.length === 0) return undefined;
  return `was ${[...old].join(' or ')} and is now also ${added.join(', ')}`;
}
