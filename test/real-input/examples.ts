import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Data that is not part of this repository: published examples and calendar files, beside the checkout where present. */
export const SHARED = resolve(import.meta.dirname, '../../../shared');

export function hasShared(folder: string): boolean {
  return existsSync(join(SHARED, folder));
}

export interface ExampleResponse {
  readonly file: string;
  readonly events: readonly Record<string, unknown>[];
}

/** Every published response, with the events in it as they could be sent to Graph. */
export function exampleResponses(): ExampleResponse[] {
  const folder = join(SHARED, 'graph-examples');
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => ({ file, example: JSON.parse(readFileSync(join(folder, file), 'utf8')) as Example }))
    .filter(({ example }) => example.kind === 'response')
    .map(({ file, example }) => ({ file, events: eventsIn(example.body).map(withoutAnnotations) }));
}

interface Example {
  readonly kind: string;
  readonly body?: unknown;
}

/** Anything that has a start and an end and is not the window or the free time of something else. */
function eventsIn(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value.flatMap(eventsIn);
  if (typeof value !== 'object' || value === null) return [];
  const object = value as Record<string, unknown>;
  const isEvent =
    isTime(object['start']) && isTime(object['end']) && ('subject' in object || 'type' in object || 'id' in object);
  return [...(isEvent ? [object] : []), ...Object.values(object).flatMap(eventsIn)];
}

function isTime(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'dateTime' in value;
}

function withoutAnnotations(event: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(event).filter(([name]) => !name.includes('@odata')));
}

/** Calendar files of every origin, by their path below the folder. */
export function calendarFiles(): { file: string; ics: string }[] {
  const folder = join(SHARED, 'ics');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ics'))
    .sort()
    .map((file) => ({ file, ics: readFileSync(join(folder, file), 'utf8') }));
}
