/** The closed list of what this package reports; everything else that it throws is a bug. */
export type RuntimeErrorCode = 'CONFIG_INVALID' | 'PORT_BUSY' | 'ADDRESS_UNUSABLE' | 'ADDRESS_REFUSED';

/** The process exit code that a `main` ends with for each code: 2 means "what you gave me is wrong". */
const exitCodes: Record<RuntimeErrorCode, number> = {
  CONFIG_INVALID: 2,
  PORT_BUSY: 1,
  ADDRESS_UNUSABLE: 1,
  ADDRESS_REFUSED: 1,
};

/** An error whose message is one line, written for the person who started the process. */
export class RuntimeError extends Error {
  override readonly name: string = 'RuntimeError';
  readonly code: RuntimeErrorCode;

  constructor(code: RuntimeErrorCode, line: string, options?: { cause?: unknown }) {
    super(line.replaceAll(/[\p{Cc}\u2028\u2029]+\s*/gu, ' '), options);
    this.code = code;
  }

  get exitCode(): number {
    return exitCodes[this.code];
  }
}

/** A refused config: the line names the file (or variable, or flag), the key, what was found and what is allowed. */
export class ConfigError extends RuntimeError {
  override readonly name = 'ConfigError';

  constructor(line: string, options?: { cause?: unknown }) {
    super('CONFIG_INVALID', line, options);
  }
}

/** A port that another process holds: the line names the port and the flag that changes it. */
export class PortBusyError extends RuntimeError {
  override readonly name = 'PortBusyError';

  constructor(line: string, options?: { cause?: unknown }) {
    super('PORT_BUSY', line, options);
  }
}
