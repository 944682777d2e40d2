/** What a new version must not do to its readers. */
import type { FieldStatistics } from '../read/field-statistics.ts';
import type { DatasetManifest } from './dataset-manifest.ts';

/** Settings; see `datasets.NAME.drift`. */
export interface DriftSettings {
  readonly requiredFields: readonly string[];
  readonly rowsShareMin: number;
  readonly allowTypeChange: boolean;
  /** Fields that the rest of the declaration names, such as those of `partitionBy`. */
  readonly declaredFields: readonly string[];
}

type Version = Pick<DatasetManifest, 'records' | 'fields'>;

/** Fields that a reason names of each kind; a document may have any number, and the reasons are kept and shown. */
const NAMED_MAX = 10;
/** A declared field that so many of the old rows had, and none of the new ones has, is lost; one that few had may be missing by chance. */
const DECLARED_SHARE = 0.5;

/** Reasons to put a version aside, one sentence each; none when it may be read. */
export function driftReasons(former: Version | undefined, next: Version, settings: DriftSettings): string[] {
  const has = new Set(next.fields.map(({ name }) => name));
  const { requiredFields } = settings;
  const missing = requiredFields.filter((name) => !has.has(name));
  const gone = missing.map((name) => `the declared field ${name} is gone`);
  if (former === undefined) return bounded(gone);
  const before = new Map(former.fields.map((field) => [field.name, field]));
  const lost = next.records === 0 ? [] : settings.declaredFields.filter((name) => !has.has(name));
  for (const name of lost) {
    const present = before.get(name)?.present ?? 0;
    if (requiredFields.includes(name) || present === 0 || present < former.records * DECLARED_SHARE) continue;
    gone.push(`the declared field ${name} is gone; ${present} of ${former.records} records before had it`);
  }
  const reasons = bounded(gone);
  if (next.records < former.records * settings.rowsShareMin) {
    reasons.push(
      `it has ${next.records} records, the version before had ${former.records}, and drift.rowsShareMin is ${settings.rowsShareMin}`,
    );
  }
  return settings.allowTypeChange ? reasons : [...reasons, ...bounded(typeChanges(before, next))];
}

function bounded(reasons: readonly string[]): string[] {
  if (reasons.length <= NAMED_MAX) return [...reasons];
  return [...reasons.slice(0, NAMED_MAX), `and ${reasons.length - NAMED_MAX} more of the kind`];
}

function typeChanges(before: ReadonlyMap<string, FieldStatistics>, { fields }: Version): string[] {
  return fields.flatMap((field) => {
    const old = before.get(field.name);
    const changed = old && typeChange(old, field);
    return changed === undefined ? [] : [`the field ${field.name} ${changed}`];
  });
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
