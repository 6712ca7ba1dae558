import { Command, InvalidArgumentError, Option } from 'commander';
import type { ServiceOptions } from './service-client.ts';

export interface JsonOption {
  readonly json?: boolean;
}

export type ClientOptions = ServiceOptions & JsonOption;

/** The user whom `npm start` sets up. */
export const DEMO_USER = 'demo';

/** A command that answers as JSON too, as all of them do. */
export function jsonCommand(name: string, description: string): Command {
  return new Command(name).description(description).option('--json', 'answer in JSON, one value a line');
}

/** Commands under one name. It has no options of its own: it would take `--json` away from the command it is meant for. */
export function commandGroup(name: string, description: string): Command {
  return new Command(name).description(description);
}

/** A command that speaks with a running service. */
export function clientCommand(name: string, description: string): Command {
  return jsonCommand(name, description)
    .option('--url <address>', 'the service’s address (default: PUBLIC_URL, or http://HOST:PORT)')
    .option('--token <jwt>', 'the caller’s token (default: one made from the development secret)')
    .addOption(new Option('--user <id>', 'whom a development token is made for').default(DEMO_USER));
}

export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

export function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below, with an example.
  }
  throw new InvalidArgumentError('It must be a JSON object, e.g. \'{"subject":"Standup"}\'.');
}

/** A query string of what was given; nothing at all when nothing was. */
export function queryOf(values: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return given.length > 0 ? `?${query}` : '';
}
