import type { CityDataset } from './city-dataset.ts';
import { type ControlSettings, defaultSettings, readSettings } from './control-settings.ts';
import { UpstreamError } from './errors.ts';
import { numberField, switchField } from './input-fields.ts';

const editsDefault = 3;
const editsMax = 10_000_000;

/** What `/__control` accepts; every field may be left out, null sets its default. */
export type ControlChange = { [Field in keyof ControlSettings]?: ControlSettings[Field] | null } & {
  /** True publishes a changed version of the cities, after the settings have changed. */
  publish?: boolean;
  /** How many records the publication renames. Default 3. */
  edits?: number;
};

/** What `/__control` shows. */
export interface ControlState extends ControlSettings {
  cities: { version: string; etag: string; lastModified: string; bytes: number };
}

/** Steers a running upstream; the HTTP control calls the same. */
export interface UpstreamControl {
  state(): ControlState;
  /**
   * Changes the given settings at once, before the returned promise settles, and publishes when asked. All fields are
   * checked before any is changed.
   * @throws UpstreamError `bad-request` that names the field
   */
  set(change: ControlChange): Promise<ControlState>;
  /** Publishes a changed version of the cities: new bytes, ETag, Last-Modified and version. */
  publish(edits?: number): Promise<ControlState>;
  /** Back to the default settings; the published cities stay. */
  reset(): ControlState;
}

/** The control with what only the upstream itself reads. */
export interface ControlDesk extends UpstreamControl {
  readonly settings: ControlSettings;
}

/** Opens the control of one upstream, with the default settings. */
export function openControl(cities: CityDataset): ControlDesk {
  let settings: ControlSettings = { ...defaultSettings };

  const state = (): ControlState => {
    const { current } = cities;
    const lastModified = new Date(current.lastModifiedMs).toUTCString();
    const { version, etag, byteLength } = current;
    return { ...settings, cities: { version, etag, lastModified, bytes: byteLength } };
  };

  return {
    get settings() {
      return settings;
    },
    state,
    async set(change) {
      const { publish = false, edits, ...rest } = change;
      const checked = readSettings(Object.entries(rest));
      const publishing = switchField('publish', publish);
      const count = numberField('edits', edits ?? editsDefault, { min: 1, max: editsMax });
      if (edits !== undefined && !publishing) {
        throw new UpstreamError('bad-request', 'edits: means something only with publish: true');
      }
      settings = { ...settings, ...checked };
      if (publishing) await cities.publish(count);
      return state();
    },
    publish(edits = editsDefault) {
      return this.set({ publish: true, edits });
    },
    reset() {
      settings = { ...defaultSettings };
      return state();
    },
  };
}
