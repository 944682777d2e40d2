/** The part of a pino logger that the upstream uses. */
export interface UpstreamLogger {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Errors on stderr, one line each; nothing else. */
export const errorsToStderr: UpstreamLogger = {
  info() {},
  error(fields, message) {
    const { err, ...rest } = fields as { err?: unknown };
    process.stderr.write(
      `${message} ${JSON.stringify(rest)} ${err instanceof Error ? (err.stack ?? '') : String(err)}\n`,
    );
  },
};
