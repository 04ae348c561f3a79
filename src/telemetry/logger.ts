import winston from 'winston';
import type { Clock } from '../lib/clock.ts';
import type { LogFields, Logger } from '../lib/logger.ts';
import { redactFields, redactText } from './redact.ts';

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  /** The most talkative level that is written. */
  readonly level: LogLevel;
  /** `json`: one object a line, for clusters. `text`: for a terminal. */
  readonly format: 'json' | 'text';
  readonly clock: Clock;
  /** Where to write; standard output when absent. */
  readonly stream?: NodeJS.WritableStream;
}

/** A logger over winston. Every field passes `redactFields`; a level that is off costs one comparison. */
export function createLogger(options: LoggerOptions): Logger {
  const sink = winston.createLogger({
    level: options.level,
    format:
      options.format === 'json' ? winston.format.json({ deterministic: false }) : winston.format.printf(renderLine),
    transports: [
      options.stream === undefined
        ? new winston.transports.Console()
        : new winston.transports.Stream({ stream: options.stream }),
    ],
    exitOnError: false,
  });
  const threshold = LOG_LEVELS.indexOf(options.level);
  const writer = (level: LogLevel) => {
    if (LOG_LEVELS.indexOf(level) > threshold) return () => undefined;
    return (message: string, fields: LogFields = {}) => {
      const time = new Date(options.clock.now()).toISOString();
      sink.log({ time, level, message: redactText(message), ...withoutReserved(redactFields(fields)) });
    };
  };
  return { debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') };
}

/** Winston keeps time, level and message beside the fields: a field of such a name gets an underscore. */
function withoutReserved(fields: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    result[name === 'level' || name === 'message' || name === 'time' ? `${name}_` : name] = value;
  }
  return result;
}

function renderLine({ time, level, message, ...fields }: winston.Logform.TransformableInfo): string {
  const facts = Object.entries(fields).map(([name, value]) => ` ${name}=${renderValue(value)}`);
  return `${String(time).slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${String(message)}${facts.join('')}`;
}

function renderValue(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return value;
  return JSON.stringify(value) ?? 'undefined';
}
