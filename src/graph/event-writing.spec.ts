import { describe, expect, it } from 'vitest';
import { aGuest, anAllDayEvent, anEvent, aSeries, at } from '../../test/support/events.ts';
import { answered, openGraphWorld, type SleepwalkingClock } from '../../test/support/graph-world.ts';
import type { Unit } from '../core/canonical-event.ts';
import type { EventContent } from '../core/event.ts';
import type { GraphCalendarId, GraphEventId } from '../core/ids.ts';
import type { Fetch } from '../core/runtime.ts';
import { occurrenceContent } from '../core/series.ts';
import type { RemoteEvent, WriteOperation, WriteOutcome } from './calendar-graph.ts';

type World = ReturnType<typeof openGraphWorld>;
type Update = Extract<WriteOperation, { kind: 'update' }>;

const creation = (
  world: World,
  key: string,
  content: EventContent = anEvent(),
  transactionId = `t-${key}`,
): WriteOperation => ({
  kind: 'create',
  key,
  calendarId: world.calendarId,
  content,
  transactionId,
  sendAttendees: false,
});
const change = (
  event: RemoteEvent,
  content: Partial<EventContent>,
  units: Unit[],
  more: Partial<Update> = {},
): Update => ({
  kind: 'update',
  key: event.id,
  id: event.id,
  etag: event.etag,
  content: { ...event.content, ...content },
  units,
  sendAttendees: false,
  ...more,
});
const deletion = ({ id, etag }: Pick<RemoteEvent, 'id'> & { etag?: string }, key: string = id): WriteOperation => ({
  kind: 'delete',
  key,
  id,
  etag,
});

async function make(world: World, content: EventContent = anEvent(), key = 'made'): Promise<RemoteEvent> {
  const made = answered(await world.graph.write(world.session, [creation(world, key, content)]));
  world.sim.clearLog();
  return made[key]!;
}

const errorCodes = (outcomes: readonly WriteOutcome[]) =>
  Object.fromEntries(outcomes.map((outcome) => [outcome.key, outcome.ok ? 'ok' : outcome.error.code]));
const writes = ({ sim }: World) =>
  sim.writes().map(({ method, body, headers }) => ({ method, body, ifMatch: headers['if-match'] }));

describe('creating', () => {
  it('puts events into the given calendar, many in one request, and answers with what Graph made of them', async () => {
    const world = openGraphWorld();
    const team = world.mailbox.addCalendar('Team') as GraphCalendarId;
    const operations = Array.from({ length: 20 }, (_, index) => ({
      ...creation(world, `event ${index}`, anEvent({ subject: `Event ${index}` })),
      calendarId: team,
    }));
    const made = answered(await world.graph.write(world.session, operations));
    expect(Object.keys(made)).toHaveLength(20);
    for (const [key, event] of Object.entries(made)) {
      expect(event).toMatchObject({
        type: 'singleInstance',
        transactionId: `t-${key}`,
        content: { subject: key.replace('event', 'Event') },
      });
      expect(event.etag).toBe(world.mailbox.getEvent(event.id)?.['@odata.etag']);
    }
    expect(world.mailbox.listEvents({ calendarId: team })).toHaveLength(20);
    expect(world.sim.requests).toHaveLength(1);
  });

  it('never happens without a transaction', async () => {
    const world = openGraphWorld();
    await expect(world.graph.write(world.session, [creation(world, 'a', anEvent(), '')])).rejects.toThrow(
      'transactionId',
    );
    expect(world.sim.requests).toEqual([]);
  });

  it.each([1, 3])('of %i makes one event each, though answers are lost and requests repeated', async (count) => {
    for (const kind of ['drop-after-commit', 'drop-before', 'truncated-json', 'gateway-html'] as const) {
      const world = openGraphWorld();
      world.sim.failNext({ method: 'POST', kind, batchItem: false });
      const operations = Array.from({ length: count }, (_, index) => creation(world, `${index}`));
      const made = answered(await world.graph.write(world.session, operations));
      expect(
        world.mailbox
          .listEvents()
          .map(({ id }) => id)
          .sort(),
      ).toEqual(
        Object.values(made)
          .map(({ id }) => id)
          .sort(),
      );
      expect(world.mailbox.listEvents()).toHaveLength(count);
      const transactions = world.sim.writes().map(({ body }) => (body as { transactionId: string }).transactionId);
      expect(new Set(transactions).size).toBe(count);
    }
  });

  it('makes one event though Graph says it failed after it succeeded', async () => {
    const world = openGraphWorld();
    world.sim.failNext({ method: 'POST', path: /events$/, kind: 'status-after-commit', status: 504 });
    const made = answered(await world.graph.write(world.session, [creation(world, 'a'), creation(world, 'b')]));
    expect(
      world.mailbox
        .listEvents()
        .map(({ id }) => id)
        .sort(),
    ).toEqual(
      Object.values(made)
        .map(({ id }) => id)
        .sort(),
    );
  });

  it.each(['400', '409'] as const)(
    'adopts its own event where Graph answers a repetition with %s',
    async (duplicateTransaction) => {
      const world = openGraphWorld({ switches: { duplicateTransaction } });
      const first = await make(world);
      const again = answered(await world.graph.write(world.session, [creation(world, 'made')]));
      expect(again['made']).toEqual(first);
      // The error names the event by an id that changes when it is moved; ours does not.
      expect(again['made']!.id).toBe(first.id);
      expect(world.mailbox.listEvents()).toHaveLength(1);
    },
  );

  it('adopts its own event although it was edited meanwhile', async () => {
    const world = openGraphWorld();
    const first = await make(world);
    const edited = await world.graph.write(world.session, [creation(world, 'made', anEvent({ subject: 'Edited' }))]);
    expect(answered(edited)['made']).toMatchObject({ id: first.id, content: { subject: 'Standup' } });
    expect(world.mailbox.listEvents()).toHaveLength(1);
  });

  it('does not adopt an event that is not its own', async () => {
    const world = openGraphWorld({
      wrap: (fetch) => async (url, init) => {
        if (init?.method !== 'POST') return fetch(url, init);
        const error = { code: 'ErrorDuplicateTransactionId', '@event.existingEventId': other.id };
        return Response.json({ error }, { status: 400 });
      },
    });
    const other = world.mailbox.createEvent({
      subject: 'Other',
      start: at('2026-03-04T09:00:00'),
      end: at('2026-03-04T10:00:00'),
    });
    expect(errorCodes(await world.graph.write(world.session, [creation(world, 'a')]))).toEqual({ a: 'rejected' });
  });

  it.each([
    ['names no event', undefined],
    ['names an event that was deleted since', 'deleted'],
  ])('is refused for good when the transaction was used and Graph %s', async (_, existing) => {
    let existingId: string | undefined;
    const world = openGraphWorld({
      wrap: (fetch) => async (url, init) => {
        if (init?.method !== 'POST') return fetch(url, init);
        const error = {
          code: 'ErrorDuplicateTransactionId',
          ...(existing ? { '@event.existingEventId': existingId } : {}),
        };
        return Response.json({ error }, { status: 400 });
      },
    });
    existingId = world.mailbox.createEvent({
      subject: 'x',
      start: at('2026-03-04T09:00:00'),
      end: at('2026-03-04T09:00:00'),
    }).id;
    world.mailbox.deleteEvent(existingId);
    const [outcome] = await world.graph.write(world.session, [creation(world, 'a')]);
    expect(outcome).toMatchObject({ ok: false, error: { code: 'rejected', graphCode: 'ErrorDuplicateTransactionId' } });
  });

  it.each([409, 412])('is repeated once after a %i, which can only be a hiccup, and then refused', async (status) => {
    const world = openGraphWorld();
    world.sim.failNext({ method: 'POST', path: /events$/, status });
    expect(errorCodes(await world.graph.write(world.session, [creation(world, 'a'), creation(world, 'b')]))).toEqual({
      a: 'ok',
      b: 'ok',
    });
    world.sim.failNext({ method: 'POST', path: /events$/, status, count: 99 });
    world.sim.clearLog();
    expect(errorCodes(await world.graph.write(world.session, [creation(world, 'c')]))).toEqual({ c: 'rejected' });
    expect(world.sim.writes()).toHaveLength(2);
  });

  it('says of each event whether it was made', async () => {
    const world = openGraphWorld();
    const impossible = anEvent({ start: at('2026-03-04T09:00:00', 'Nowhere/Land') });
    const outcomes = await world.graph.write(world.session, [
      creation(world, 'a'),
      creation(world, 'b', impossible),
      creation(world, 'c'),
    ]);
    expect(errorCodes(outcomes)).toEqual({ a: 'ok', b: 'rejected', c: 'ok' });
    expect(outcomes.find(({ key }) => key === 'b')).toMatchObject({
      error: { graphCode: 'TimeZoneNotSupportedException' },
    });
  });

  it('mails nobody unless guests may be invited', async () => {
    const world = openGraphWorld();
    const content = anEvent({ attendees: [aGuest('ben@example.com')] });
    await make(world, content, 'quiet');
    expect(world.sim.outbox).toEqual([]);
    await world.graph.write(world.session, [
      { ...creation(world, 'loud', content), sendAttendees: true } as WriteOperation,
    ]);
    expect(world.sim.outbox.map(({ kind, to }) => ({ kind, to }))).toEqual([
      { kind: 'invitation', to: ['ben@example.com'] },
    ]);
  });

  it.each([{}, undefined])(
    'is not done when the answer is %j instead of the event; the others keep their outcomes',
    async (instead) => {
      const withoutOne =
        (fetch: Fetch): Fetch =>
        async (url, init) => {
          const response = await fetch(url, init);
          if (!url.endsWith('$batch')) return response;
          const body = (await response.json()) as { responses: { id: string; body: unknown }[] };
          return Response.json({
            responses: body.responses.map((each) => (each.id === '1' ? { ...each, body: instead } : each)),
          });
        };
      const world = openGraphWorld({ wrap: withoutOne });
      const outcomes = await world.graph.write(world.session, [creation(world, 'a'), creation(world, 'b')]);
      expect(errorCodes(outcomes)).toEqual({ a: 'unavailable', b: 'ok' });
    },
  );
});

describe('changing', () => {
  it('sends the changed fields only, guarded by the tag that was seen last', async () => {
    const world = openGraphWorld();
    const event = await make(world);
    const outcomes = await world.graph.write(world.session, [
      change(event, { subject: 'New', showAs: 'free' }, ['subject', 'showAs']),
    ]);
    expect(answered(outcomes)[event.id]).toMatchObject({ content: { subject: 'New', showAs: 'free' } });
    expect(answered(outcomes)[event.id]!.etag).not.toBe(event.etag);
    expect(writes(world)).toEqual([{ method: 'PATCH', body: { subject: 'New', showAs: 'free' }, ifMatch: event.etag }]);
  });

  it('does not overwrite what somebody else changed meanwhile', async () => {
    const world = openGraphWorld();
    const [event, other] = [await make(world), await make(world, anEvent(), 'other')];
    world.mailbox.updateEvent(event.id, { subject: 'Theirs' });
    const outcomes = await world.graph.write(world.session, [
      change(event, { subject: 'Ours' }, ['subject']),
      change(other, { subject: 'Ours' }, ['subject']),
    ]);
    expect(errorCodes(outcomes)).toEqual({ [event.id]: 'precondition-failed', [other.id]: 'ok' });
    expect(world.mailbox.getEvent(event.id)?.subject).toBe('Theirs');
  });

  it('overwrites it when no tag is given', async () => {
    const world = openGraphWorld();
    const event = await make(world);
    world.mailbox.updateEvent(event.id, { subject: 'Theirs' });
    const outcomes = await world.graph.write(world.session, [
      change(event, { subject: 'Ours' }, ['subject'], { etag: undefined }),
    ]);
    expect(answered(outcomes)[event.id]!.content.subject).toBe('Ours');
    expect(writes(world)[0]!.ifMatch).toBeUndefined();
  });

  it('of an event that is gone is not found', async () => {
    const world = openGraphWorld();
    const event = await make(world);
    world.mailbox.deleteEvent(event.id);
    expect(errorCodes(await world.graph.write(world.session, [change(event, { subject: 'x' }, ['subject'])]))).toEqual({
      [event.id]: 'not-found',
    });
  });

  it('reports a repetition of its own as a collision, to be looked at again', async () => {
    const world = openGraphWorld();
    const event = await make(world);
    world.sim.failNext({ method: 'PATCH', kind: 'drop-after-commit' });
    const outcomes = await world.graph.write(world.session, [change(event, { subject: 'Ours' }, ['subject'])]);
    expect(errorCodes(outcomes)).toEqual({ [event.id]: 'precondition-failed' });
    expect(world.mailbox.getEvent(event.id)?.subject).toBe('Ours');
  });

  it('turns a series into a single event, and a single event into a series', async () => {
    const world = openGraphWorld();
    const [series, single] = [await make(world, aSeries(), 'series'), await make(world, anEvent(), 'single')];
    const { recurrence } = aSeries();
    const outcomes = answered(
      await world.graph.write(world.session, [
        change(series, { recurrence: null }, ['time']),
        change(single, { recurrence }, ['time']),
      ]),
    );
    expect(outcomes[series.id]).toMatchObject({ type: 'singleInstance', content: { recurrence: null } });
    expect(outcomes[single.id]).toMatchObject({
      type: 'seriesMaster',
      content: { recurrence: { pattern: recurrence!.pattern } },
    });
  });

  it('turns hours into whole days and back', async () => {
    const world = openGraphWorld();
    const [hours, days] = [await make(world, anEvent(), 'hours'), await make(world, anAllDayEvent(), 'days')];
    const timesOf = ({ start, end, isAllDay }: EventContent) => ({ start, end, isAllDay });
    const outcomes = answered(
      await world.graph.write(world.session, [
        change(hours, timesOf(anAllDayEvent()), ['time']),
        change(days, timesOf(anEvent()), ['time']),
      ]),
    );
    expect(outcomes[hours.id]!.content).toMatchObject({ isAllDay: true, start: { dateTime: '2026-03-09T00:00:00' } });
    expect(outcomes[days.id]!.content).toMatchObject({ isAllDay: false, start: { dateTime: '2026-03-09T09:00:00' } });
  });

  it('keeps every outcome when Graph throttles some and the wait is long', async () => {
    const world = openGraphWorld();
    const events = [
      await make(world, anEvent(), 'a'),
      await make(world, anEvent(), 'b'),
      await make(world, anEvent(), 'c'),
    ];
    world.sim.failNext({ method: 'PATCH', status: 429, retryAfter: 900, count: 1 });
    const outcomes = await world.graph.write(
      world.session,
      events.map((event) => change(event, { subject: 'New' }, ['subject'])),
    );
    expect(Object.values(errorCodes(outcomes)).sort()).toEqual(['ok', 'ok', 'throttled']);
    expect(world.mailbox.listEvents().filter(({ subject }) => subject === 'New')).toHaveLength(2);
  });

  it('two at a time under one name is a bug', async () => {
    const world = openGraphWorld();
    const event = await make(world);
    const twice = [change(event, {}, ['subject']), change(event, {}, ['subject'])];
    await expect(world.graph.write(world.session, twice)).rejects.toThrow('bug');
  });
});

describe('changing dates of a series', () => {
  async function seriesWithDates(dates: string[], options: Parameters<typeof openGraphWorld>[0] = {}) {
    const world = openGraphWorld(options);
    const series = await make(world, aSeries());
    const targets = await world.graph.findOccurrences(world.session, series.id, dates, 'Europe/Berlin');
    world.sim.clearLog();
    const operation = (date: string, fields: Partial<EventContent>, units: Unit[]): WriteOperation => ({
      kind: 'update',
      key: date,
      ...targets.get(date)!,
      seriesMasterId: series.id,
      content: { ...occurrenceContent(series.content, date), ...fields },
      units,
      sendAttendees: false,
    });
    return { ...world, series, targets, operation };
  }
  const dates = ['2026-03-16', '2026-03-23', '2026-03-30', '2026-04-06', '2026-04-13'];

  it('happens in turn, in one request, without a word about the rule', async () => {
    const world = await seriesWithDates(dates);
    const moved = (date: string) => ({ start: at(`${date}T14:00:00`), end: at(`${date}T15:00:00`) });
    const outcomes = await world.graph.write(
      world.session,
      dates.map((date) => world.operation(date, moved(date), ['time'])),
    );
    expect(Object.values(answered(outcomes)).map(({ type }) => type)).toEqual(dates.map(() => 'exception'));
    expect(world.sim.requests).toHaveLength(1);
    const { requests } = world.sim.requests[0]!.body as { requests: { dependsOn?: string[]; body: object }[] };
    expect(requests.map(({ dependsOn }) => dependsOn)).toEqual([undefined, ['1'], ['2'], ['3'], ['4']]);
    for (const { body } of requests) expect(body).not.toHaveProperty('recurrence');
    expect(world.sim.concurrencyHighWater(world.mailbox.address)).toBe(1);
  });

  it('goes on after a date that Graph refuses', async () => {
    const world = await seriesWithDates(dates);
    const outcomes = await world.graph.write(
      world.session,
      dates.map((date, index) =>
        // Moved past its neighbour.
        index % 2 === 0
          ? world.operation(date, { start: at('2026-09-01T09:00:00'), end: at('2026-09-01T10:00:00') }, ['time'])
          : world.operation(date, { subject: 'Special' }, ['subject']),
      ),
    );
    expect(errorCodes(outcomes)).toEqual({
      '2026-03-16': 'rejected',
      '2026-03-23': 'ok',
      '2026-03-30': 'rejected',
      '2026-04-06': 'ok',
      '2026-04-13': 'rejected',
    });
    expect((world.clock as SleepwalkingClock).sleeps).toEqual([]);
  });

  it('cancels dates, and takes one that is cancelled already for done', async () => {
    for (const secondDelete of [404, 400] as const) {
      const world = await seriesWithDates(dates.slice(0, 2), { switches: { secondDelete } });
      world.mailbox.deleteOccurrence(world.series.id, '2026-03-16');
      const operations = [...world.targets].map(
        ([key, target]): WriteOperation => ({
          kind: 'delete',
          key,
          ...target,
          seriesMasterId: world.series.id,
        }),
      );
      expect(errorCodes(await world.graph.write(world.session, operations))).toEqual({
        '2026-03-16': 'ok',
        '2026-03-23': 'ok',
      });
      expect(world.mailbox.cancelledDates(world.series.id)).toEqual(['2026-03-16', '2026-03-23']);
    }
  });
});

describe('deleting', () => {
  it('is guarded by the tag that was seen last', async () => {
    const world = openGraphWorld();
    const [event, changed] = [await make(world, anEvent(), 'a'), await make(world, anEvent(), 'b')];
    world.mailbox.updateEvent(changed.id, { subject: 'Theirs' });
    const outcomes = await world.graph.write(world.session, [deletion(event), deletion(changed)]);
    expect(errorCodes(outcomes)).toEqual({ [event.id]: 'ok', [changed.id]: 'precondition-failed' });
    expect(world.mailbox.listEvents().map(({ id }) => id)).toEqual([changed.id]);
    expect(writes(world).map(({ ifMatch }) => ifMatch)).toEqual([event.etag, changed.etag]);
  });

  it.each([404, 400] as const)(
    'what is gone already is done, when the event itself is proven gone (%i)',
    async (secondDelete) => {
      const world = openGraphWorld({ switches: { secondDelete } });
      const event = await make(world);
      world.mailbox.deleteEvent(event.id);
      expect(await world.graph.write(world.session, [deletion(event, 'again')])).toEqual([{ key: 'again', ok: true }]);
      expect(world.sim.requests.map(({ method }) => method)).toEqual(['DELETE', 'GET']);
    },
  );

  it('is repeated after a lost answer, and then done', async () => {
    const world = openGraphWorld();
    const event = await make(world);
    world.sim.failNext({ method: 'DELETE', kind: 'drop-after-commit' });
    expect(errorCodes(await world.graph.write(world.session, [deletion(event)]))).toEqual({ [event.id]: 'ok' });
  });

  it.each([
    [400, 'ErrorInvalidRequest', 'rejected'],
    [404, 'ErrorItemNotFound', 'not-found'],
  ])('is not done because Graph says %i %s while the event is still there', async (status, code, outcome) => {
    const world = openGraphWorld();
    const event = await make(world);
    world.sim.failNext({ method: 'DELETE', status, code });
    expect(errorCodes(await world.graph.write(world.session, [deletion(event)]))).toEqual({ [event.id]: outcome });
  });

  it('is not done because the mailbox is gone', async () => {
    const world = openGraphWorld();
    const event = await make(world);
    world.sim.failNext({ path: /events/, status: 404, code: 'ErrorInvalidUser', count: 9 });
    expect(errorCodes(await world.graph.write(world.session, [deletion(event)]))).toEqual({ [event.id]: 'not-found' });
  });

  it('needs permission', async () => {
    const world = openGraphWorld();
    const event = await make(world);
    world.mailbox.setCanEdit(world.calendarId, false);
    expect(errorCodes(await world.graph.write(world.session, [deletion(event)]))).toEqual({ [event.id]: 'forbidden' });
  });
});

describe('the body of an online meeting', () => {
  const text = (content: string) => ({ contentType: 'text', content }) as const;
  const online = () => anEvent({ isOnlineMeeting: true, body: text('Agenda') });

  it('is changed without ending the meeting', async () => {
    const world = openGraphWorld();
    const event = await make(world, online());
    const joinUrl = event.facts.onlineMeeting!.joinUrl!;
    const outcomes = await world.graph.write(world.session, [
      change(event, { body: text('New agenda') }, ['body', 'subject']),
    ]);
    const after = answered(outcomes)[event.id]!;
    expect(after.content.isOnlineMeeting).toBe(true);
    expect(after.facts.onlineMeeting?.joinUrl).toBe(joinUrl);
    expect(after.content.body!.content).toContain('New agenda');
    expect(after.content.body!.content).not.toContain('>Agenda');
    expect(after.content.body!.content.split(joinUrl)).toHaveLength(2);
  });

  it('is changed again and again without gathering join blocks', async () => {
    const world = openGraphWorld();
    let event = await make(world, online());
    for (const words of ['one', 'two', 'three']) {
      event = answered(await world.graph.write(world.session, [change(event, { body: text(words) }, ['body'])]))[
        event.id
      ]!;
    }
    expect(event.content.isOnlineMeeting).toBe(true);
    expect(event.content.body!.content.match(/me-email-text/g)).toHaveLength(1);
  });

  it('is left alone, and the event with it, when its join block cannot be told from the text', async () => {
    const world = openGraphWorld();
    const event = await make(world, online());
    const { joinUrl } = event.facts.onlineMeeting!;
    world.mailbox.updateEvent(event.id, { body: text(`Dial in: ${joinUrl} or come by`) });
    const there = (await world.graph.readEvents(world.session, [event.id])).get(event.id) as RemoteEvent;
    world.sim.clearLog();
    const [outcome] = await world.graph.write(world.session, [change(there, { body: text('New') }, ['body'])]);
    expect(outcome).toMatchObject({ ok: false, error: { code: 'rejected', graphCode: 'JoinBlockNotFound' } });
    expect(world.sim.writes()).toEqual([]);
    expect(world.mailbox.getEvent(event.id)?.isOnlineMeeting).toBe(true);
  });

  it('is read first only when there is a meeting to lose', async () => {
    const world = openGraphWorld();
    const [plain, meeting] = [await make(world, anEvent(), 'plain'), await make(world, online(), 'meeting')];
    await world.graph.write(world.session, [
      change(plain, { body: text('x') }, ['body']),
      change(meeting, { subject: 'x' }, ['subject']),
    ]);
    expect(world.sim.requests).toHaveLength(1);
    const unguarded = change(plain, { body: text('y') }, ['body'], { etag: undefined });
    await world.graph.write(world.session, [unguarded]);
    expect(world.sim.requests.map(({ method }) => method)).toEqual(['POST', 'GET', 'PATCH']);
  });

  it('is refused as the event is when that is gone or out of reach', async () => {
    const world = openGraphWorld();
    const event = await make(world, online());
    world.mailbox.deleteEvent(event.id);
    expect(errorCodes(await world.graph.write(world.session, [change(event, { body: text('x') }, ['body'])]))).toEqual({
      [event.id]: 'not-found',
    });
    expect(world.sim.writes()).toEqual([]);
  });

  it('of one date of a series is changed without ending that meeting', async () => {
    const world = openGraphWorld();
    const series = await make(world, aSeries({ isOnlineMeeting: true, body: text('Agenda') }));
    const [[, target]] = [
      ...(await world.graph.findOccurrences(world.session, series.id, ['2026-03-16'], 'Europe/Berlin')),
    ] as [[string, { id: GraphEventId; etag: string }]];
    const content = { ...occurrenceContent(series.content, '2026-03-16'), body: text('Special agenda') };
    const operation: Update = {
      kind: 'update',
      key: 'one',
      ...target,
      seriesMasterId: series.id,
      content,
      units: ['body'],
      sendAttendees: false,
    };
    expect(answered(await world.graph.write(world.session, [operation]))['one']!.content.isOnlineMeeting).toBe(true);
  });
});

describe('writing', () => {
  it('of everything at once takes as few requests as it can', async () => {
    const world = openGraphWorld();
    const events = [];
    for (const key of ['a', 'b', 'c', 'd']) events.push(await make(world, anEvent(), key));
    const [a, b, c, d] = events as [RemoteEvent, RemoteEvent, RemoteEvent, RemoteEvent];
    const outcomes = await world.graph.write(world.session, [
      creation(world, 'new'),
      change(a, { subject: 'x' }, ['subject']),
      change(b, { subject: 'y' }, ['subject']),
      deletion(c),
      deletion(d),
    ]);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, true, true, true]);
    expect(world.sim.requests).toHaveLength(1);
  });

  it('of nothing does nothing', async () => {
    const world = openGraphWorld();
    expect(await world.graph.write(world.session, [])).toEqual([]);
    expect(world.sim.requests).toEqual([]);
  });

  it('stops where the run is cancelled', async () => {
    const abort = new AbortController();
    const world = openGraphWorld({
      wrap:
        (fetch): Fetch =>
        async (url, init) => {
          abort.abort(new Error('cancelled'));
          return fetch(url, init);
        },
    });
    const session = { ...world.session, signal: abort.signal };
    await expect(world.graph.write(session, [creation(world, 'a')])).rejects.toThrow('cancelled');
  });
});
