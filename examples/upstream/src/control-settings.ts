import { UpstreamError } from './errors.ts';
import { byteCountField, numberField, wordField } from './input-fields.ts';

/**
 * How a cut body ends: `content-length` announces the whole length and closes early; `chunked` closes before the last
 * chunk; `reset` has no length at all (delimited by the close) and ends in a TCP reset.
 */
export type CutMode = 'content-length' | 'chunked' | 'reset';

/** The faults and the freshness that the upstream puts into its answers. */
export interface ControlSettings {
  /** Wait before the head of every answer. Default 0. */
  latencyMs: number;
  /** Pace of every body; null sends as fast as the client reads. Default null. */
  bytesPerSecond: number | null;
  /** Share of requests answered 503, 0 to 1. Default 0. */
  errorRate: number;
  /** max-age of the answers that may be cached. Default 60. */
  maxAgeS: number;
  /** Bodies longer than this are cut after it; null cuts none. Default null. */
  cutAfterBytes: number | null;
  /** Default `content-length`. */
  cutMode: CutMode;
}

export const defaultSettings: Readonly<ControlSettings> = {
  latencyMs: 0,
  bytesPerSecond: null,
  errorRate: 0,
  maxAgeS: 60,
  cutAfterBytes: null,
  cutMode: 'content-length',
};

const latencyMsMax = 600_000;
const bytesMax = 1024 ** 4;
/** RFC 9111 §1.2.2: what a cache may take for infinity. */
const maxAgeSMax = 2 ** 31;
const cutModes: readonly CutMode[] = ['content-length', 'chunked', 'reset'];

type SettingReaders = {
  readonly [Field in keyof ControlSettings]: (value: unknown) => ControlSettings[Field];
};

const readers: SettingReaders = {
  latencyMs: (value) => numberField('latencyMs', value, { min: 0, max: latencyMsMax }),
  bytesPerSecond: (value) => byteCountField('bytesPerSecond', value, { min: 1, max: bytesMax }),
  errorRate: (value) => numberField('errorRate', value, { min: 0, max: 1, integer: false }),
  maxAgeS: (value) => numberField('maxAgeS', value, { min: 0, max: maxAgeSMax }),
  cutAfterBytes: (value) => byteCountField('cutAfterBytes', value, { min: 0, max: bytesMax }),
  cutMode: (value) => wordField('cutMode', value, cutModes),
};

function isSetting(field: string): field is keyof ControlSettings {
  return Object.hasOwn(readers, field);
}

function readInto<Field extends keyof ControlSettings>(
  settings: Partial<ControlSettings>,
  field: Field,
  value: unknown,
): void {
  settings[field] = value === null ? defaultSettings[field] : readers[field](value);
}

/**
 * Checks settings that came from outside; null stands for a field's default.
 * @throws UpstreamError `bad-request` that names the field
 */
export function readSettings(fields: Iterable<[string, unknown]>): Partial<ControlSettings> {
  const settings: Partial<ControlSettings> = {};
  for (const [field, value] of fields) {
    if (!isSetting(field)) {
      const known = [...Object.keys(readers), 'publish', 'edits'].join(', ');
      throw new UpstreamError('bad-request', `${field}: no such control; there are ${known}`);
    }
    readInto(settings, field, value);
  }
  return settings;
}

const settingByParameter: ReadonlyMap<string, keyof ControlSettings> = new Map([
  ['latencyMs', 'latencyMs'],
  ['bytesPerSecond', 'bytesPerSecond'],
  ['errorRate', 'errorRate'],
  ['maxAge', 'maxAgeS'],
  ['cutAfterBytes', 'cutAfterBytes'],
  ['cutMode', 'cutMode'],
]);

/** Query parameters that steer the upstream and therefore never name a response header (see `/headers`). */
export const steeringParameters: ReadonlySet<string> = new Set([...settingByParameter.keys(), 'status']);

/** Lays the query parameters of one request over the settings that hold for all. */
export function settingsFor(query: URLSearchParams, settings: ControlSettings): ControlSettings {
  // Most requests bring none: they pay for no copy.
  if (query.size === 0) return settings;
  const asked = [...settingByParameter].flatMap<[string, unknown]>(([parameter, field]) => {
    const value = query.get(parameter);
    return value === null ? [] : [[field, value]];
  });
  return { ...settings, ...readSettings(asked) };
}
