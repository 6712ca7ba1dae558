import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { SyncWorld } from '../../test/support/sync-world.ts';
import type { EventFields, Location } from '../core/event.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId } from '../core/ids.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const VISIT = { subject: 'Visit', start: berlin('2026-03-10T09:00:00'), end: berlin('2026-03-10T10:00:00') };

const YARD: Location = {
  displayName: 'Yard',
  locationEmailAddress: 'yard@example.com',
  locationUri: 'https://example.com/yard',
  address: {
    street: 'Hafenstraße 1',
    city: 'Hamburg',
    state: 'HH',
    countryOrRegion: 'Germany',
    postalCode: '20457',
  },
  coordinates: { latitude: 53.54, longitude: 9.98 },
};
const OFFICE: Location = { displayName: 'Office', address: { street: 'Am Wall 2', city: 'Bremen' } };

/** Each field with two values, none of them the one a new event has. */
const FIELDS: readonly [string, EventInput, EventInput][] = [
  ['subject', { subject: 'Here' }, { subject: 'There' }],
  ['body', { body: { contentType: 'text', content: 'Here' } }, { body: { contentType: 'text', content: 'There' } }],
  ['categories', { categories: ['Red', 'A, B'] }, { categories: ['Blue'] }],
  ['sensitivity: private', { sensitivity: 'private' }, { sensitivity: 'confidential' }],
  ['sensitivity: personal', { sensitivity: 'personal' }, { sensitivity: 'private' }],
  ['importance', { importance: 'high' }, { importance: 'low' }],
  ['reminder', { reminderMinutesBeforeStart: 45 }, { reminderMinutesBeforeStart: 0 }],
  ['no reminder', { isReminderOn: false }, { isReminderOn: true, reminderMinutesBeforeStart: 1080 }],
  ['showAs: free, tentative', { showAs: 'free' }, { showAs: 'tentative' }],
  ['showAs: away, elsewhere', { showAs: 'oof' }, { showAs: 'workingElsewhere' }],
  ['one place', { locations: [YARD] }, { locations: [OFFICE] }],
  ['several places', { locations: [YARD, OFFICE] }, { locations: [OFFICE, { displayName: 'Canteen' }] }],
  ['the address of a place', { locations: [YARD] }, { locations: [{ ...YARD, address: { city: 'Kiel' } }] }],
  [
    'the coordinates of a place',
    { locations: [YARD] },
    { locations: [{ ...YARD, coordinates: { latitude: 54.3, longitude: 10.1 } }] },
  ],
  [
    'whole days',
    {
      isAllDay: true,
      start: { dateTime: '2026-03-10T00:00:00', timeZone: 'UTC' },
      end: { dateTime: '2026-03-11T00:00:00', timeZone: 'UTC' },
    },
    { start: berlin('2026-03-12T00:00:00'), end: berlin('2026-03-14T00:00:00') },
  ],
];

describe('a field', () => {
  it('arrives in Outlook from here, and is changed from here', async () => {
    const ids = await world.bookAll(FIELDS.map(([subject, first]) => ({ ...VISIT, subject, ...first })));
    await world.sync();
    for (const [nth, [name, first]] of FIELDS.entries()) {
      expect(await shown(ids[nth] as EventId, first), name).toEqual(comparable(first));
    }
    await expectQuiet(world);
    for (const [nth, [, , second]] of FIELDS.entries()) await world.edit(ids[nth] as EventId, second);
    expect(await world.sync()).toMatchObject({ remoteUpdated: FIELDS.length, localUpdated: 0 });
    for (const [nth, [name, , second]] of FIELDS.entries()) {
      expect(await shown(ids[nth] as EventId, second), name).toEqual(comparable(second));
    }
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('arrives here from Outlook, and is changed from there', async () => {
    const made = FIELDS.map(([subject, first]) => world.mailbox.createEvent({ ...VISIT, subject, ...wire(first) }).id);
    await world.sync();
    const here = async (): Promise<Map<string | undefined, EventFields>> =>
      new Map((await world.all()).map((event) => [event.graphEventId, event.content]));
    const first = await here();
    for (const [nth, [name, values]] of FIELDS.entries()) {
      expect(pick(first.get(made[nth]) as EventFields, values), name).toEqual(comparable(values));
    }
    await expectQuiet(world);
    for (const [nth, [, , values]] of FIELDS.entries()) world.mailbox.updateEvent(made[nth] ?? '', wire(values));
    expect(await world.sync()).toMatchObject({ localUpdated: FIELDS.length, remoteUpdated: 0 });
    const second = await here();
    for (const [nth, [name, , values]] of FIELDS.entries()) {
      expect(pick(second.get(made[nth]) as EventFields, values), name).toEqual(comparable(values));
    }
    expect(await world.differences()).toEqual([]);
    await expectQuiet(world);
  });

  it('is not changed by what the server adds to it', async () => {
    const id = await world.book({ ...VISIT, locations: [{ displayName: 'Yard' }], categories: ['Red'] });
    await world.sync();
    const { content, graphEventId } = await world.get(id);
    expect(content.locations).toEqual([{ displayName: 'Yard' }]);
    // Exchange touches items without anybody changing them.
    world.mailbox.updateEvent(graphEventId ?? '', { location: { displayName: 'Yard', locationType: 'default' } });
    const run = await world.sync();
    expect(run).toMatchObject({ localUpdated: 0, remoteUpdated: 0, conflictsDetected: 0 });
    expect((await world.get(id)).content).toEqual(content);
    await expectQuiet(world);
  });

  it('of each side goes to the other when both were changed', async () => {
    const id = await world.book({ ...VISIT, locations: [YARD] });
    await world.sync();
    const { graphEventId } = await world.get(id);
    await world.edit(id, { categories: ['Red'], sensitivity: 'private' });
    world.mailbox.updateEvent(graphEventId ?? '', { importance: 'high', showAs: 'oof', location: OFFICE });
    await world.sync();
    const both = { categories: ['Red'], sensitivity: 'private', importance: 'high', showAs: 'oof' } as const;
    expect(await shown(id, { ...both, locations: [OFFICE] })).toEqual({ ...both, locations: [OFFICE] });
    await expectQuiet(world);
  });

  it('of a private event, which others must not read, stays whole with its owner', async () => {
    const content = { ...VISIT, sensitivity: 'private', body: { contentType: 'text', content: 'Only me' } } as const;
    const id = await world.book(content);
    await world.sync();
    expect(await shown(id, content)).toMatchObject({ subject: 'Visit', sensitivity: 'private' });
    expect((await world.get(id)).content.body?.content).toContain('Only me');
    await expectQuiet(world);
  });

  /** The fields of an input as Outlook holds them, read through our own client. */
  async function shown(id: EventId, input: EventInput): Promise<Partial<EventFields>> {
    const { graphEventId } = await world.get(id);
    const content = world.remoteContents().get(graphEventId ?? '');
    if (!content) throw new Error(`${id} is not in Outlook`);
    return pick(content, input);
  }
});

/** The wire's words are the API's; `location` is one place, `locations` are several. */
function wire({ locations, ...fields }: EventInput): Record<string, unknown> {
  if (!locations) return fields;
  return locations.length === 1 ? { ...fields, location: locations[0] } : { ...fields, locations };
}

function pick(content: EventFields, input: EventInput): Partial<EventFields> {
  const named = Object.keys(input).map((name) => [name, content[name as keyof EventFields]]);
  return comparable(Object.fromEntries(named) as EventInput);
}

/** Without what Exchange makes of a body and of a whole day’s zone. */
function comparable({ body, start, end, ...fields }: EventInput): Partial<EventFields> {
  const days = start && end ? { days: [start.dateTime.slice(0, 10), end.dateTime.slice(0, 10)] } : {};
  const text = body ? { text: body.content.replace(/<[^>]*>/g, '').trim() } : {};
  return { ...(fields as Partial<EventFields>), ...days, ...text };
}
