/** A part of a config: nested mappings, in which lists and scalars are values. */
export type Layer = Readonly<Record<string, unknown>>;

/** The later layer wins key by key; lists and scalars are replaced whole, and `undefined` says nothing. */
export function mergeLayers(earlier: Layer, later: Layer): Layer {
  const merged = new Map(Object.entries(earlier));
  for (const [key, value] of Object.entries(later)) {
    if (value === undefined) continue;
    const below = merged.get(key);
    merged.set(key, isLayer(below) && isLayer(value) ? mergeLayers(below, value) : value);
  }
  // From a Map, and not by assignment: a key named __proto__ stays a key, which the schema refuses by name.
  return Object.fromEntries(merged);
}

export function isLayer(value: unknown): value is Layer {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** How many steps of the path this layer has; a key that is `undefined` says nothing. */
export function depthOf(layer: Layer, path: readonly PropertyKey[]): number {
  let at: unknown = layer;
  for (const [depth, step] of path.entries()) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return depth;
    at = (at as Record<PropertyKey, unknown>)[step];
    if (at === undefined) return depth;
  }
  return path.length;
}

/** The value at the path; undefined where there is none. */
export function valueAt(layer: Layer, path: readonly PropertyKey[]): unknown {
  if (depthOf(layer, path) < path.length) return undefined;
  return path.reduce((at: unknown, step) => (at as Record<PropertyKey, unknown>)[step], layer);
}
