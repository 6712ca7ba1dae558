import { expect, it } from 'vitest';
import { GraphError } from '../../src/simulator/index.ts';
import { withoutAnnotations } from './published-types.ts';
import { describeWithShared, jsonFiles } from './shared-data.ts';
import { aSeries, MEETING, RICH } from './tour/bodies.ts';
import { Traveller } from './traveller.ts';

type Body = Record<string, unknown>;

/** Names on one side only, and why. */
const ONLY_RECORDED: Readonly<Record<string, string>> = {};
const ONLY_OURS: Readonly<Record<string, string>> = {
  'event.transactionId': 'younger than the recording (2020)',
  'event.allowNewTimeProposals': 'younger than the recording (2020)',
  'event.isDraft': 'younger than the recording (2020)',
  'event.hideAttendees': 'younger than the recording (2020)',
  'event.uid': 'younger than the recording (2020)',
  'event.occurrenceId': 'younger than the recording (2020)',
};

describeWithShared('graph-captures', 'recorded answers of the live service', () => {
  it('have no property that ours lack', async () => {
    const { event, calendar, t } = await ourObjects();
    const lacking = new Set<string>();
    let compared = 0;
    for (const { kind, body } of recordedObjects()) {
      compared += 1;
      const ours = kind === 'event' ? { ...(await loaded(t, body)), recurrence: event['recurrence'] } : calendar;
      for (const name of namesOf(body, kind)) if (!namesOf(ours, kind).has(name)) lacking.add(name);
    }
    console.log(`${compared} recorded events and calendars compared`);
    expect(compared).toBeGreaterThan(15);
    expect([...lacking].filter((name) => !emptyObject(name)).sort()).toEqual(Object.keys(ONLY_RECORDED).sort());
  });

  it('have every property of ours, as far as they are complete', async () => {
    const { event, calendar } = await ourObjects();
    const complete = recordedObjects().filter(({ file }) => /mattermost|ms365-calendars/.test(file));
    const recorded = new Set(complete.flatMap(({ kind, body }) => Object.keys(body).map((name) => `${kind}.${name}`)));
    const ours = [
      ...Object.keys(event).map((name) => `event.${name}`),
      ...Object.keys(calendar).map((name) => `calendar.${name}`),
    ].filter((name) => !name.includes('@odata.context'));
    expect(ours.filter((name) => !recorded.has(name)).sort()).toEqual(Object.keys(ONLY_OURS).sort());
  });
});

async function ourObjects(): Promise<{ event: Body; calendar: Body; t: Traveller }> {
  const t = new Traveller();
  const root = `/users/${t.mailbox.address}`;
  const { body: created } = await t.post(`${root}/events`, { ...RICH, ...MEETING });
  const { body: single } = await t.get(`${root}/events/${created.id}`);
  const { body: series } = await t.post(`${root}/events`, aSeries());
  const event = { ...single, recurrence: series.recurrence };
  const { body: calendar } = await t.get(`${root}/calendar`);
  return { event, calendar, t };
}

/** The recorded event in our mailbox, as it reads back. */
async function loaded(t: Traveller, recorded: Body): Promise<Body> {
  const { organizer, ...event } = withoutAnnotations(recorded) as Body & { organizer?: never };
  try {
    const { id } = organizer ? t.mailbox.addForeignMeeting({ ...event, organizer }) : t.mailbox.createEvent(event);
    return (await t.get(`/users/${t.mailbox.address}/events/${id}`)).body as Body;
  } catch (error) {
    // Recorded for their names, some with times no server would take.
    if (!(error instanceof GraphError)) throw error;
    return (await ourObjects()).event;
  }
}

interface Recorded {
  readonly file: string;
  readonly kind: 'event' | 'calendar';
  readonly body: Body;
}

function recordedObjects(): Recorded[] {
  return jsonFiles('graph-captures').flatMap(({ file, content }) => {
    if (!/^(ms365-calendar|mattermost)/.test(file)) return [];
    const { body } = content as { body: Body };
    const objects = (Array.isArray(body['value']) ? body['value'] : [body]) as Body[];
    return objects.map((each): Recorded => ({ file, kind: 'subject' in each ? 'event' : 'calendar', body: each }));
  });
}

/** `event.location.displayName`; the members of a list under its own name. */
function namesOf(value: unknown, at: string): Set<string> {
  if (Array.isArray(value)) return new Set(value.flatMap((each) => [...namesOf(each, at)]));
  if (typeof value !== 'object' || value === null) return new Set();
  return new Set(Object.entries(value).flatMap(([name, each]) => [`${at}.${name}`, ...namesOf(each, `${at}.${name}`)]));
}

/** A place without address reads back as an empty object in one recording and as blank fields in another. */
const emptyObject = (name: string): boolean => /\.(address|coordinates|locationUri)(\.\w+)?$/.test(name);
