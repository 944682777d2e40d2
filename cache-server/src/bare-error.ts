/** Errors of the client of Redis without what was sent: it may be megabytes, or the password, and is no business of a log. */

/** What the client hangs on its errors: the command with its arguments, errors that have one, bytes that it cannot read. */
const CARGO = ['command', 'args', 'previousErrors', 'buffer'] as const;

/** How Redis repeats the arguments of a command that it does not know, be it AUTH. */
const REPEATED_ARGUMENTS = /,? with args beginning with: .*/g;

/** The same error, and those that it stands for, cut down; what is no error becomes one. */
export function bareError(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const seen = new Set<unknown>();
  const cut = (one: unknown): void => {
    if (!(one instanceof Error) || seen.has(one)) return;
    seen.add(one);
    for (const key of CARGO) Reflect.deleteProperty(one, key);
    if (one.message.search(REPEATED_ARGUMENTS) !== -1) {
      one.message = one.message.replaceAll(REPEATED_ARGUMENTS, '');
      one.stack = one.stack?.replaceAll(REPEATED_ARGUMENTS, '') ?? '';
    }
    cut(one.cause);
    // Of a cluster none of whose nodes can be used.
    if ('lastNodeError' in one) cut(one.lastNodeError);
  };
  cut(error);
  return error;
}
