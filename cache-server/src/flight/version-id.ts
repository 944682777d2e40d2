/** Crockford's alphabet: in the order of its characters' codes, so that texts sort as their numbers do. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_CHARACTERS = 10;
const RANDOM_CHARACTERS = 16;

/**
 * The name of a version and of the flight that brings it: 48 bits of time and 80 random ones in 26 characters, sortable by time.
 *
 * @param random like Math.random
 */
export function versionId(nowMs: number, random: () => number): string {
  let text = '';
  for (let rest = Math.floor(nowMs), i = 0; i < TIME_CHARACTERS; i += 1) {
    text = `${ALPHABET[rest % 32] ?? ''}${text}`;
    rest = Math.floor(rest / 32);
  }
  for (let i = 0; i < RANDOM_CHARACTERS; i += 1) text += ALPHABET[Math.floor(random() * 32)] ?? '0';
  return text;
}
