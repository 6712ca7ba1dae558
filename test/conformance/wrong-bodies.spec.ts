import { beforeAll, expect, it } from 'vitest';
import { spelled } from './described.ts';
import { describeWithShared } from './shared-data.ts';
import { aSeries, at, MEETING, RICH } from './tour/bodies.ts';
import { Traveller } from './traveller.ts';
import { type Json, WireSchema } from './wire-schema.ts';

/** One value of every kind of JSON; none is right for every property. */
const VALUES: readonly unknown[] = [5, 1.5, true, 'nonsense', {}, { nonsense: 1 }, [], ['nonsense'], [{}], [5]];

const PERMISSION: Json = { emailAddress: { name: 'Ben Ode', address: 'ben@example.com' }, role: 'read' };
const SCHEDULE: Json = {
  schedules: ['ada@example.com'],
  startTime: at('07:00'),
  endTime: at('17:00'),
  availabilityViewInterval: 30,
};
const SUBSCRIPTION: Json = {
  changeType: 'updated',
  resource: '/users/ada@example.com/events',
  notificationUrl: 'https://hooks.example.com/graph',
  expirationDateTime: '2026-03-04T08:00:00Z',
  clientState: 'k3y',
};
const CATEGORY: Json = { displayName: 'Travel', color: 'preset1' };

const EVENT = 'POST /users/{user-id}/events/{event-id}';
const PROPOSAL: Json = {
  comment: 'Later?',
  sendResponse: true,
  proposedNewTime: { start: at('15:00'), end: at('16:00') },
};
const FORWARD: Json = {
  comment: 'For you',
  toRecipients: [{ emailAddress: { name: 'Dana', address: 'dana@example.org' } }],
};

const BODIES: { what: string; operation: string; body: Json }[] = [
  { what: 'an event', operation: 'POST /users/{user-id}/events', body: RICH },
  { what: 'a meeting', operation: 'POST /users/{user-id}/events', body: MEETING },
  { what: 'a series', operation: 'POST /users/{user-id}/events', body: aSeries() },
  { what: 'a calendar', operation: 'POST /users/{user-id}/calendars', body: { name: 'Kiln', color: 'auto' } },
  { what: 'a group of calendars', operation: 'POST /users/{user-id}/calendarGroups', body: { name: 'Kilns' } },
  { what: 'a permission', operation: 'POST /users/{user-id}/calendar/calendarPermissions', body: PERMISSION },
  { what: 'a question for free times', operation: 'POST /users/{user-id}/calendar/getSchedule', body: SCHEDULE },
  { what: 'a subscription', operation: 'POST /subscriptions', body: SUBSCRIPTION },
  { what: 'a category', operation: 'POST /users/{user-id}/outlook/masterCategories', body: CATEGORY },
  { what: 'an acceptance', operation: `${EVENT}/accept`, body: { comment: 'Gladly', sendResponse: true } },
  { what: 'a proposal', operation: `${EVENT}/tentativelyAccept`, body: PROPOSAL },
  { what: 'a forward', operation: `${EVENT}/forward`, body: FORWARD },
  { what: 'a reminder put off', operation: `${EVENT}/snoozeReminder`, body: { newReminderTime: at('08:30') } },
  { what: 'a cancellation', operation: `${EVENT}/cancel`, body: { comment: 'The oven broke' } },
];

describeWithShared('graph-openapi', 'bodies that contradict the description', () => {
  let schema: WireSchema;
  beforeAll(() => {
    schema = new WireSchema();
  });

  it.each(BODIES)('are refused, property by property: $what', async ({ operation, body }) => {
    const t = new Traveller();
    const described = schema.operations.get(operation)?.requestSchema;
    if (described === undefined) throw new Error(`${operation} takes no body`);
    const path = pathOf(operation, t);
    const taken: string[] = [];
    let wrong = 0;
    for (const at of pathsOf(body)) {
      for (const value of VALUES) {
        const changed = replaced(body, at, value);
        if (schema.complaints(spelled(changed, schema.properties(described)), described).length === 0) continue;
        wrong += 1;
        const { status } = await t.post(path, changed);
        if (status !== 400) taken.push(`${at.join('.')} = ${JSON.stringify(value)}: ${status}`);
      }
    }
    expect(wrong).toBeGreaterThan(3);
    expect(taken).toEqual([]);
  });

  it.each(BODIES)(
    'are refused where they name what nobody knows, at every depth: $what',
    async ({ operation, body }) => {
      const t = new Traveller();
      const path = pathOf(operation, t);
      const taken: string[] = [];
      for (const at of [[], ...pathsOf(body).filter((each) => isObject(valueAt(body, each)))]) {
        const changed = replaced({ body }, ['body', ...at, 'nonsense'], 1)['body'];
        const { status } = await t.post(path, changed);
        if (status !== 400) taken.push(`${at.join('.')}: ${status}`);
      }
      expect(taken).toEqual([]);
    },
  );
});

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

// biome-ignore lint/suspicious/noExplicitAny: walks a body of any shape
const valueAt = (body: Json, at: Path): unknown => at.reduce<any>((each, name) => each[name], body);

/** Below an event: an invitation for what is answered, a meeting of one's own for the rest. */
function pathOf(operation: string, t: Traveller): string {
  const organizer = { emailAddress: { name: 'Vic', address: 'vic@example.org' } };
  const isAnswer = /ccept|decline/.test(operation);
  const event = isAnswer ? t.mailbox.addForeignMeeting({ ...MEETING, organizer }) : t.mailbox.createEvent(MEETING);
  return operation.replace('POST ', '').replace('{user-id}', t.mailbox.address).replace('{event-id}', event.id);
}

type Path = readonly (string | number)[];

function pathsOf(value: unknown, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [at];
  const inner = Object.entries(value).flatMap(([name, each]) =>
    pathsOf(each, [...at, Array.isArray(value) ? Number(name) : name]),
  );
  return at.length === 0 ? inner : [at, ...inner];
}

function replaced(body: Json, [...at]: Path, value: unknown): Json {
  const copy = structuredClone(body);
  const last = at.pop()!;
  // biome-ignore lint/suspicious/noExplicitAny: walks a body of any shape
  const parent = at.reduce<any>((each, name) => each[name], copy);
  parent[last] = value;
  return copy;
}
