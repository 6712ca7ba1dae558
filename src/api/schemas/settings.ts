import { Type } from 'typebox';
import { CONFLICT_STRATEGIES, MAX_WINDOW_DAYS, NOTIFY_POLICIES, SYNC_DIRECTIONS } from '../../core/settings.ts';
import { Instant, listOf, Nullable, OneOf, Strict } from './common.ts';

const words = Type.Array(Type.String({ maxLength: 255 }), { minItems: 1, maxItems: 100 });

const Rule = Strict(
  {
    action: OneOf(['include', 'exclude']),
    categories: Type.Optional(words),
    sensitivity: Type.Optional(words),
    showAs: Type.Optional(words),
    subjectContains: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  },
  { title: 'SyncRule', description: 'The first rule that matches decides; an event no rule matches is synced.' },
);

const SETTINGS = {
  enabled: Type.Boolean(),
  direction: OneOf(SYNC_DIRECTIONS),
  conflictResolution: OneOf(CONFLICT_STRATEGIES),
  syncIntervalMinutes: Type.Number({ minimum: 0, maximum: 10_080, description: '0 = no background syncs' }),
  window: Strict(
    {
      pastDays: Type.Integer({ minimum: 0, maximum: MAX_WINDOW_DAYS }),
      futureDays: Type.Integer({ minimum: 0, maximum: MAX_WINDOW_DAYS }),
    },
    { title: 'SyncWindow' },
  ),
  rules: Type.Array(Rule, { maxItems: 100 }),
  notifyAttendees: OneOf(NOTIFY_POLICIES, {
    description:
      'never: nothing that makes Exchange mail anyone is sent · changes: changes to meetings that have guests are sent, guests are not added · all',
  }),
};

const OPTIONAL = Type.Partial(Type.Object(SETTINGS)).properties;

export const Settings = Type.Object(SETTINGS, { title: 'Settings' });
export const SettingsChange = Strict(OPTIONAL, {
  title: 'SettingsChange',
  description: 'What is left out stays as it is.',
});
export const CalendarPatch = Strict(
  {
    enabled: Type.Optional(Nullable(SETTINGS.enabled)),
    direction: Type.Optional(Nullable(SETTINGS.direction)),
    conflictResolution: Type.Optional(Nullable(SETTINGS.conflictResolution)),
    syncIntervalMinutes: Type.Optional(Nullable(SETTINGS.syncIntervalMinutes)),
    window: Type.Optional(Nullable(SETTINGS.window)),
    rules: Type.Optional(Nullable(SETTINGS.rules)),
    notifyAttendees: Type.Optional(Nullable(SETTINGS.notifyAttendees)),
  },
  {
    title: 'CalendarPatch',
    description: 'What is left out stays as it is; null gives a setting back to the user’s.',
  },
);

export const Calendar = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    isDefault: Type.Boolean(),
    canEdit: Type.Boolean(),
    color: Nullable(Type.String()),
    owner: Nullable(Type.String()),
    ...SETTINGS,
    removedAt: Nullable(Instant),
    lastSyncedAt: Nullable(Instant),
    nextSyncAt: Nullable(Instant),
    coverage: Nullable(
      Type.Object(
        { start: Instant, end: Instant },
        { description: 'What of the calendar has been read and is followed; null until the first run is through.' },
      ),
    ),
  },
  { title: 'Calendar' },
);
export const CalendarList = listOf('CalendarList', Calendar);

export const Connection = Type.Object(
  {
    mode: OneOf(['application', 'delegated']),
    mailbox: Type.String(),
    status: OneOf(['CONNECTED', 'REAUTH_REQUIRED', 'ERROR']),
    error: Nullable(Type.String()),
    timeZone: Nullable(Type.String()),
    connectedAt: Instant,
    pausedUntil: Nullable(Instant),
  },
  { title: 'Connection' },
);

export const ConnectApplication = Strict(
  {
    mode: OneOf(['application']),
    mailbox: Type.String({
      minLength: 1,
      maxLength: 320,
      examples: ['ann@example.com'],
      description: 'the address that the caller’s own token names; for administrators any, or a mailbox’s object id',
    }),
  },
  { title: 'ConnectApplication' },
);

export const Authorization = Type.Object(
  { authorizationUrl: Type.String({ format: 'uri' }), adminConsentUrl: Type.String({ format: 'uri' }) },
  { title: 'Authorization' },
);
