/** A name that nobody else chooses: 12 characters of a random source that is handed in. */
export function randomName(random: () => number): string {
  return Array.from({ length: 12 }, () => Math.floor(random() * 36).toString(36)).join('');
}
