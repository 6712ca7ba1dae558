import { describe, expect, it } from 'vitest';
import { aGuest, anEvent, at } from '../../test/support/events.ts';
import { answered, openGraphWorld } from '../../test/support/graph-world.ts';
import { creation, errorCodes, make } from '../../test/support/graph-writes.ts';
import { expectMails } from '../../test/support/outbox-watch.ts';
import type { GraphCalendarId } from '../core/ids.ts';
import type { Fetch } from '../core/runtime.ts';
import type { WriteOperation } from './calendar-graph.ts';

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

  it('says so when Graph has carried it out and does not tell what it made', async () => {
    const world = openGraphWorld({ switches: { duplicateTransaction: '409' } });
    const first = creation(world, 'a');
    await world.graph.write(world.session, [first]);
    world.sim.failNext({ method: 'GET', status: 503, count: 'always' });
    const [again] = await world.graph.write(world.session, [first]);
    expect(again).toMatchObject({ ok: false, error: { code: 'unavailable' }, isCarriedOut: true });
    world.sim.clearFaults();
    world.sim.failNext({ method: 'POST', status: 400 });
    const [refused] = await world.graph.write(world.session, [creation(world, 'b')]);
    expect(refused).toMatchObject({ ok: false, error: { code: 'rejected' } });
    expect(refused).not.toHaveProperty('isCarriedOut');
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
    ['is refused for good', 'names no event', undefined, 'rejected'],
    ['leaves it to the caller', 'names an event that was deleted since', 'deleted', 'duplicate-transaction'],
  ])('%s when the transaction was used and Graph %s', async (_outcome, _answer, existing, code) => {
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
    expect(outcome).toMatchObject({ ok: false, error: { code, graphCode: 'ErrorDuplicateTransactionId' } });
  });

  it.each([409, 412])(
    'is repeated once after a %i, which can only be a hiccup, and then a breakdown',
    async (status) => {
      const world = openGraphWorld();
      world.sim.failNext({ method: 'POST', path: /events$/, status });
      expect(errorCodes(await world.graph.write(world.session, [creation(world, 'a'), creation(world, 'b')]))).toEqual({
        a: 'ok',
        b: 'ok',
      });
      world.sim.failNext({ method: 'POST', path: /events$/, status, count: 99 });
      world.sim.clearLog();
      expect(errorCodes(await world.graph.write(world.session, [creation(world, 'c')]))).toEqual({ c: 'unavailable' });
      expect(world.sim.writes()).toHaveLength(2);
    },
  );

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
    expectMails();
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
