/** Places of the values between top-level commas. */
export function* splitValues(bytes: Buffer): Generator<{ from: number; to: number }> {
  let from = 0;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (inString) {
      if (byte === 0x5c) at += 1;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x5b || byte === 0x7b) depth += 1;
    else if (byte === 0x5d || byte === 0x7d) depth -= 1;
    else if (byte === 0x2c && depth === 0) {
      yield { from, to: at };
      from = at + 1;
    }
  }
  yield { from, to: bytes.length };
}
