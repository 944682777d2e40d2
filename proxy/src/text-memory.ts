/** What is found out about a few texts again and again, such as the hosts that a service calls, is found out once. */

const TEXTS_MAX = 1024;
/** Longer than any host with its scheme and port; what is longer is rare, and would fill the memory for its sender. */
const TEXT_LENGTH_MAX = 300;

/** The same function, which must depend on its text alone. What it throws is not remembered; the texts remembered first go first. */
export function remembered<T extends object | string | boolean>(
  find: (text: string) => T,
): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const value = find(text);
    if (text.length > TEXT_LENGTH_MAX) return value;
    const [oldest] = known.keys();
    if (known.size >= TEXTS_MAX && oldest !== undefined) known.delete(oldest);
    known.set(text, value);
    return value;
  };
}
