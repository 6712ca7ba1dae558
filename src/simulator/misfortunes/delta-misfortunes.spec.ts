import { describe, expect, it } from 'vitest';
import { anEvent, aSeries, MARCH_TO_MAY, simulate } from '../../../test/support/simulator-client.ts';
import { DIALECTS } from '../http/dialects.ts';

const DELTA = `~/calendarView/delta?${MARCH_TO_MAY}`;
const IMMUTABLE = { prefer: 'IdType="ImmutableId"' };

describe('delta with immutable ids', () => {
  const setUp = async (headers: Record<string, string>) => {
    const world = simulate({ switches: { immutableMoveLoss: true } });
    const { mailbox, round } = world;
    const { id } = mailbox.createEvent(anEvent());
    const family = mailbox.addCalendar('Family');
    const { link } = await round(DELTA, headers);
    mailbox.moveEvent(id, family);
    mailbox.moveEvent(id, mailbox.defaultCalendarId);
    return { ...world, id, link };
  };

  it('14: loses what moved away and back between two rounds, for good', async () => {
    const { id, link, mailbox, round } = await setUp(IMMUTABLE);
    const first = await round(link, IMMUTABLE);
    expect(first.items).toMatchObject([{ id, '@removed': { reason: 'deleted' } }]);
    mailbox.updateEvent(id, { subject: 'New' });
    mailbox.createEvent(anEvent({ subject: 'Other' }));
    const second = await round(first.link, IMMUTABLE);
    expect(second.items).toMatchObject([{ subject: 'Other' }]);
    const fresh = await round(DELTA, IMMUTABLE);
    expect(fresh.items.map(({ subject }) => subject)).toEqual(['New', 'Other']);
  });

  it('loses nothing with default ids', async () => {
    const { link, round } = await setUp({});
    expect((await round(link)).items).toMatchObject([{ subject: 'Tile order' }]);
  });
});

describe('endless series', () => {
  it('43: five of them and small pages are a gateway timeout for ever; pages of fifty are not', async () => {
    const { mailbox, call } = simulate({ switches: { endlessSeriesTimeouts: true } });
    const endless = () => mailbox.createEvent(aSeries({}, { type: 'noEnd', numberOfOccurrences: 0 }));
    for (let at = 0; at < 4; at += 1) endless();
    const small = { prefer: 'odata.maxpagesize=1' };
    expect((await call('GET', DELTA, undefined, small)).status).toBe(200);
    endless();
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(await call('GET', DELTA, undefined, small)).toMatchObject({
        status: 504,
        body: { error: { code: 'UnknownError', message: '' } },
      });
    }
    expect((await call('GET', DELTA, undefined, { prefer: 'odata.maxpagesize=50' })).status).toBe(200);
    expect((await call('GET', `~/calendarView?${MARCH_TO_MAY}`)).status).toBe(200);
  });
});

describe('silent rounds', () => {
  it('say nothing so many times while there are changes, then everything', async () => {
    const { mailbox, round } = simulate({ switches: { deltaSilentRounds: 2 } });
    let { link } = await round(DELTA);
    mailbox.createEvent(anEvent());
    const told: number[] = [];
    for (let at = 0; at < 4; at += 1) {
      const { items, link: next } = await round(link);
      told.push(items.length);
      link = next;
    }
    expect(told).toEqual([0, 0, 1, 0]);
  });
});

describe('a dead token', () => {
  it.each([
    'sync-state-not-found',
    'sync-state-not-found-camel',
    'sync-state-not-found-400',
    'sync-state-not-found-404',
    'sync-state-invalid',
    'resync-required',
    'invalid-sync-state-data',
    'malformed-token',
  ] as const)('is answered %s', async (deltaTokenDeath) => {
    const { sim, round, call } = simulate({ switches: { deltaTokenDeath } });
    const { link } = await round(DELTA);
    sim.expireDeltaTokens();
    const { status, code } = DIALECTS[deltaTokenDeath];
    expect(await call('GET', link)).toMatchObject({ status, body: { error: { code } } });
  });

  it('may come with the address of a new round', async () => {
    const { sim, mailbox, round, call } = simulate({ switches: { deltaDeathLocation: true } });
    mailbox.createEvent(anEvent());
    const { link } = await round(DELTA);
    sim.expireDeltaTokens();
    const { headers } = await call('GET', link);
    expect((await round(headers.get('location')!)).items).toHaveLength(1);
  });
});

describe('untidy pages', () => {
  const subjects = (items: { subject?: string }[]) => items.map(({ subject }) => subject ?? 'gone');
  const furnished = (switches: object) => {
    const world = simulate({ switches: { deltaPageSize: 2, ...switches } });
    for (const subject of ['a', 'b', 'c', 'd', 'e']) world.mailbox.createEvent(anEvent({ subject }));
    return world;
  };

  it('come newest first, over page borders, in later rounds as well', async () => {
    const { round, mailbox } = furnished({ deltaOrder: 'newest-first' });
    const { items, link, pages } = await round(DELTA);
    expect([subjects(items), pages.length]).toEqual([['e', 'd', 'c', 'b', 'a'], 3]);
    for (const event of mailbox.listEvents()) mailbox.touch(event.id);
    expect(subjects((await round(link)).items)).toEqual(['e', 'd', 'c', 'b', 'a']);
  });

  it('come newest first with all members of each series', async () => {
    const { round, mailbox } = furnished({ deltaOrder: 'newest-first', deltaPageSize: 3 });
    mailbox.createEvent(aSeries());
    const { items } = await round(DELTA);
    expect(items).toHaveLength(5 + 1 + 8);
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
  });

  it('come shuffled, nothing lost', async () => {
    const { round } = furnished({ deltaOrder: 'shuffled', deltaPageSize: 10 });
    const { items } = await round(DELTA);
    expect(subjects(items)).not.toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(subjects(items).sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('tell an item several times, its last word last', async () => {
    const same = furnished({ deltaItemsTwice: 'same' });
    expect(subjects((await same.round(DELTA)).items)).toEqual(['a', 'b', 'a', 'b', 'c', 'd', 'c', 'd', 'e', 'e']);
    const gone = furnished({ deltaItemsTwice: 'tombstone-first', deltaPageSize: 5, deltaOrder: 'shuffled' });
    const { items } = await gone.round(DELTA);
    expect(subjects(items)).toEqual(['gone', 'a', 'gone', 'b', 'gone', 'c', 'gone', 'd', 'gone', 'e']);
    expect(items[0].id).toBe(items[1].id);
  });

  it('begin a first round with a tombstone of something never seen', async () => {
    const { round, call } = furnished({ deltaInitialTombstones: true });
    const { items, link } = await round(DELTA);
    expect(items).toHaveLength(6);
    expect(items[0]['@removed']).toEqual({ reason: 'deleted' });
    expect((await call('GET', `~/events/${items[0].id}`)).status).toBe(404);
    expect((await round(link)).items).toEqual([]);
  });
});
