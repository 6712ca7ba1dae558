import { describe, expect, it } from 'vitest';
import { anAllDayEvent, anEvent, aSeries } from '../../test/support/events.ts';
import { answered, openGraphWorld } from '../../test/support/graph-world.ts';
import { change, creation, deletion, errorCodes, make, writes } from '../../test/support/graph-writes.ts';
import type { EventContent } from '../core/event.ts';
import type { Fetch } from '../core/runtime.ts';
import type { RemoteEvent } from './calendar-graph.ts';

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
      expect(await world.graph.write(world.session, [deletion(event, 'again')])).toEqual([
        { key: 'again', ok: true, wasGone: true },
      ]);
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
