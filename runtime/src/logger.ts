import { destination as fileDescriptor, pino, stdTimeFunctions } from 'pino';
import type { DestinationStream, Logger, LoggerOptions } from 'pino';
import type { LogConfig } from './config/log-section.ts';
import { errorRecord } from './error-record.ts';
import { formatLogLine } from './log-line.ts';
import type { LogRecord } from './log-line.ts';

export type { Logger };

/** Where log lines go; standard error, so that what a program prints on standard output stays clean. */
export interface LogTarget {
  readonly isTTY?: boolean | undefined;
  write(line: string): unknown;
}

/**
 * A logger whose every record carries `name`. Short coloured lines on a terminal, JSON elsewhere; `config.format` decides
 * otherwise. Lines are written before the call returns, so that none is lost when the process ends.
 */
export function createLogger(config: LogConfig, name: string, target: LogTarget = process.stderr): Logger {
  const onTerminal = target.isTTY === true;
  const human = config.format === 'human' || (config.format === 'auto' && onTerminal);
  const destination = human ? humanLines(target, onTerminal) : jsonLines(target);
  const options: LoggerOptions = {
    level: config.level,
    base: { name }, // no pid, no hostname: Kubernetes and systemd add them to every line themselves
    formatters: { level: (label) => ({ level: label }), log: withErrorRecords },
    timestamp: stdTimeFunctions.isoTime,
    serializers: { err: errorRecord },
  };
  return pino(options, destination);
}

/** Errors also under another key than `err`, which has its serializer; `msg` is never one. */
function withErrorRecords(fields: Record<string, unknown>): Record<string, unknown> {
  const told = Object.entries(fields).map(([key, value]) => [
    key,
    key !== 'err' && value instanceof Error ? errorRecord(value) : value,
  ]);
  return Object.fromEntries(told) as Record<string, unknown>;
}

function jsonLines(target: LogTarget): DestinationStream {
  // Not process.stderr itself: on a pipe its writes are asynchronous, and process.exit would cut them off.
  if (target === process.stderr) return fileDescriptor({ fd: 2, sync: true });
  return { write: (line) => void target.write(line) };
}

function humanLines(target: LogTarget, color: boolean): DestinationStream {
  return { write: (line) => void target.write(formatLogLine(JSON.parse(line) as LogRecord, { color })) };
}
