import type { View } from '../mailbox/event-render.ts';
import { requireZone } from '../mailbox/zones.ts';

/** What a `Prefer` header asks for, and what of it was applied. Anything malformed is ignored, as Graph does. */
export interface Preferences {
  view: View;
  maxPageSize: number | undefined;
  applied: string[];
}

/** @throws {GraphError} 400 `TimeZoneNotSupportedException` for an unknown `outlook.timezone` */
export function readPreferences(header: string | undefined): Preferences {
  const preferences: Preferences = {
    view: { form: 'default', zone: 'UTC', bodyType: 'html' },
    maxPageSize: undefined,
    applied: [],
  };
  for (const [, name, quoted, plain] of (header ?? '').matchAll(/([\w.-]+)\s*=\s*(?:"([^"]*)"|([^\s,;"]+))/g)) {
    apply(preferences, name!.toLowerCase(), quoted ?? plain!);
  }
  return preferences;
}

function apply(preferences: Preferences, name: string, value: string): void {
  const { view, applied } = preferences;
  if (name === 'outlook.timezone') {
    requireZone(value);
    view.zone = value;
    applied.push(`outlook.timezone="${value}"`);
  } else if (name === 'outlook.body-content-type' && (value === 'text' || value === 'html')) {
    view.bodyType = value;
    applied.push(`outlook.body-content-type="${value}"`);
  } else if (name === 'idtype' && value.toLowerCase() === 'immutableid') {
    view.form = 'immutable';
    applied.push('IdType="ImmutableId"');
  } else if (name === 'odata.maxpagesize' && Number(value) >= 1) {
    preferences.maxPageSize = Math.floor(Number(value));
    applied.push(`odata.maxpagesize=${preferences.maxPageSize}`);
  }
}
