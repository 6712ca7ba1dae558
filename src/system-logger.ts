import { pino } from 'pino';
import type { LogLevel } from './config.ts';
import type { Logger } from './core/runtime.ts';

/** Fields that could carry a secret or a person's words, should one ever be logged by mistake. */
const REDACTED = ['authorization', 'token', 'secret', 'password', 'subject', 'body', 'attendees'].flatMap((name) => [
  name,
  `*.${name}`,
]);

const LEVEL_NAMES: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' };

/** The service's log on standard error: JSON lines, or readable ones where a person is looking. */
export function createLogger(level: LogLevel, target: NodeJS.WriteStream = process.stderr): Logger {
  const destination = target.isTTY ? { write: (line: string) => target.write(readable(line)) } : target;
  return pino({ level, redact: REDACTED, base: null }, destination);
}

function readable(line: string): string {
  try {
    const { level, time, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
    const clock = new Date(Number(time)).toISOString().slice(11, 19);
    const details = Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    const reason = (err as { message?: string } | undefined)?.message;
    return `${[clock, LEVEL_NAMES[Number(level)] ?? level, msg, ...(reason ? [`(${reason})`] : []), ...details].join(' ')}\n`;
  } catch {
    return line;
  }
}
