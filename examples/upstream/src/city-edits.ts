import { UpstreamError } from './errors.ts';

/** How every record of the data set begins; a quote inside a string is escaped, so this is found nowhere else. */
const nameMark = Buffer.from('"name":"');
const quote = 0x22;
const backslash = 0x5c;

function namesOf(json: Buffer): number[] {
  const offsets: number[] = [];
  for (let at = json.indexOf(nameMark); at !== -1; at = json.indexOf(nameMark, at + nameMark.length)) {
    offsets.push(at + nameMark.length);
  }
  return offsets;
}

function stringEnd(json: Buffer, from: number): number {
  let at = from;
  while (at < json.length && json[at] !== quote) at += json[at] === backslash ? 2 : 1;
  return at;
}

/**
 * Renames records of a cities document, evenly spread over it: `Vila` becomes `Vila v2`, later `Vila v3`. Works on the
 * bytes, so that everything between the edits stays as it was.
 * @param edits how many records, at least 1
 * @throws UpstreamError `bad-request` when there are fewer records
 */
export function renameCities(json: Buffer, edits: number, version: number): Buffer {
  const names = namesOf(json);
  if (edits > names.length) {
    throw new UpstreamError(
      'bad-request',
      `edits: ${edits} is more than the ${names.length} records there are`,
    );
  }
  const pieces: Buffer[] = [];
  let copied = 0;
  for (let edit = 0; edit < edits; edit += 1) {
    const from = names[Math.floor(((edit + 0.5) * names.length) / edits)] ?? json.length;
    const to = stringEnd(json, from);
    const name = json.toString('utf8', from, to).replace(/ v\d+$/, '');
    pieces.push(json.subarray(copied, from), Buffer.from(`${name} v${version}`));
    copied = to;
  }
  pieces.push(json.subarray(copied));
  return Buffer.concat(pieces);
}
