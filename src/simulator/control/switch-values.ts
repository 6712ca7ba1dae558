import { type DeltaTokenDeath, DIALECTS } from '../http/dialects.ts';
import { FAULT_KINDS } from '../http/fault-kinds.ts';
import { defaultSwitches, type SimulatorSwitches } from '../switches.ts';

const DELTA_TOKEN_DEATHS = Object.keys(DIALECTS).filter(
  (name) =>
    name.startsWith('sync-state-') || ['resync-required', 'invalid-sync-state-data', 'malformed-token'].includes(name),
) as DeltaTokenDeath[];

/** Values of the switches that take some of a few; the others take any value of their default's kind. */
const CHOICES: { readonly [Name in keyof SimulatorSwitches]?: readonly SimulatorSwitches[Name][] } = {
  ifMatch: ['enforce', 'ignore'],
  allDayWindow: ['utc', 'zone'],
  secondDelete: [404, 400],
  duplicateTransaction: ['same-id', '400', '409'],
  extensionOnCreate: ['accepted', 'conflict', 'conflict-after-create'],
  attachmentsOnCreate: ['stored', 'ignored'],
  attachmentDelivery: ['at-once', 'next-update'],
  readOnlyInPatch: ['ignored', 'refused'],
  eventsDelta: ['answered', 'not-implemented'],
  topOverMax: ['clamp', 'refuse'],
  storedZoneNames: ['as-sent', 'windows'],
  occurrenceDeleteTombstone: ['none', 'emitted'],
  seriesDeleteTombstones: ['members', 'master'],
  deltaQueryOptions: ['ignored', '400'],
  deltaEmptyPages: ['none', 'first', 'every'],
  deltaTokenDeath: DELTA_TOKEN_DEATHS,
  deltaOrder: ['oldest-first', 'newest-first', 'shuffled'],
  deltaItemsTwice: ['never', 'same', 'tombstone-first'],
  quotaStatus: [403, 507, 400, 500],
  sendingLimitStatus: [403, 429],
  foreignCalendarRefusal: [403, 404],
  privateItems: ['hidden', 'blanked', 'list-404'],
  partialReaders: ['masked', 'denied'],
  patchDefaultCalendar: ['ignored', 'moves', '400'],
  concurrencyStatus: [429, 503],
  retryAfter: ['integer', 'decimal', 'date', 'absent'],
  userConsent: ['allowed', 'admin-only'],
  webhookUrls: ['loopback', 'https', 'any'],
  userEventsScope: ['mailbox', 'default-calendar'],
  exceptionNotifications: ['master', 'exception'],
  slowEndpointPolicy: ['current', '2022'],
};

/** Numbers that are shares of something. */
const SHARES: readonly (keyof SimulatorSwitches)[] = ['faultRate', 'notificationDuplicates'];

export const SWITCH_NAMES = Object.keys(defaultSwitches) as (keyof SimulatorSwitches)[];

export const isSwitch = (name: string): name is keyof SimulatorSwitches => Object.hasOwn(defaultSwitches, name);

/** What a switch takes, in words. */
export function wantedOf(name: keyof SimulatorSwitches): string {
  if (name === 'faultKinds') return `errors, all, or an object of weights by kind of fault: ${FAULT_KINDS.join(', ')}`;
  const choices = CHOICES[name];
  if (choices !== undefined) return `one of ${choices.map(String).join(', ')}`;
  if (SHARES.includes(name)) return 'a number from 0 to 1';
  return typeof defaultSwitches[name] === 'boolean' ? 'true or false' : 'a number, 0 or more';
}

export function isValueOf(name: keyof SimulatorSwitches, value: unknown): boolean {
  if (name === 'faultKinds') return value === 'errors' || value === 'all' || isWeights(value);
  const choices: readonly unknown[] | undefined = CHOICES[name];
  if (choices !== undefined) return choices.includes(value);
  if (typeof defaultSwitches[name] === 'boolean') return typeof value === 'boolean';
  return typeof value === 'number' && value >= 0 && value <= (SHARES.includes(name) ? 1 : Number.MAX_SAFE_INTEGER);
}

function isWeights(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(
    ([kind, weight]) => (FAULT_KINDS as readonly string[]).includes(kind) && typeof weight === 'number' && weight >= 0,
  );
}

/** The choices, for whoever checks that none is forgotten. */
export const SWITCH_CHOICES: Readonly<Record<string, readonly unknown[] | undefined>> = CHOICES;
