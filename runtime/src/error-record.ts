/** What may be told of an error. Libraries hang on theirs what they were about: a command with a password in it, a URL, megabytes. */

/** Beside its kind, message and stack; texts and numbers only. */
const FIELDS = ['code', 'syscall', 'hostname', 'address', 'port'] as const;

/** Of one error, causes and errors within it included; a chain that closes on itself ends too. */
const ERRORS_MAX = 8;

/** A part of an error: as much as whatever is thrown may have of one. */
type ErrorPart = Partial<Record<'message' | 'stack' | 'cause' | 'errors' | (typeof FIELDS)[number], unknown>>;

/** An error for a log line; what is none, and no object either, is returned as it is. */
export function errorRecord(error: unknown): unknown {
  if (typeof error !== 'object' || error === null) return error;
  const all = chainOf(error);
  const told = FIELDS.map((field) => [field, (error as ErrorPart)[field]] as const);
  return {
    type: error.constructor?.name ?? 'Object',
    message: all.map(messageOf).reduce(joined, ''),
    stack: stackOf(all),
    ...Object.fromEntries(told.filter(([, value]) => typeof value === 'string' || typeof value === 'number')),
  };
}

/** An error for whoever has to find the bug: the stack, and the stacks of its causes. */
export function errorStack(error: Error): string {
  return stackOf(chainOf(error));
}

/** The error first, then each cause; of several that are one error, those stand in for its cause. */
function chainOf(error: unknown): ErrorPart[] {
  const all = new Set<ErrorPart>();
  const queue = [error];
  for (let part = queue.shift(); part !== undefined; part = queue.shift()) {
    if (typeof part !== 'object' || part === null || all.size === ERRORS_MAX) continue;
    all.add(part);
    const { cause, errors } = part as ErrorPart;
    const next = [cause, ...(Array.isArray(errors) ? (errors as unknown[]).slice(0, ERRORS_MAX) : [])];
    queue.push(...next.filter((one) => one instanceof Error && !all.has(one)));
  }
  return [...all];
}

/** Says nothing twice: the message above often has that of its cause already. */
function joined(above: string, message: string): string {
  if (above.includes(message)) return above;
  return above === '' ? message : `${above}: ${message}`;
}

function messageOf({ message }: ErrorPart): string {
  return typeof message === 'string' ? message : '';
}

function stackOf(all: readonly ErrorPart[]): string {
  return all
    .map((part) => (typeof part.stack === 'string' ? part.stack : messageOf(part)))
    .join('\ncaused by: ');
}
