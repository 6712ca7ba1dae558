import { describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, MARCH_TO_MAY, simulate } from '../../../test/support/simulator-client.ts';
import { GraphSimulator } from '../index.ts';
import type { MailboxMisfortunes } from './state.ts';

const guests = [{ type: 'required', emailAddress: { address: 'grace@example.com' } }];
const DELTA = `~/calendarView/delta?${MARCH_TO_MAY}`;

describe('a mailbox out of reach', () => {
  it.each([
    ['on-premises', 404, 'MailboxNotEnabledForRESTAPI'],
    ['unlicensed', 404, 'MailboxNotEnabledForRESTAPI'],
    ['soft-deleted', 404, 'MailboxNotEnabledForRESTAPI'],
    ['moving', 503, 'ErrorMailboxMoveInProgress'],
    ['store-unavailable', 503, 'ErrorMailboxStoreUnavailable'],
    ['gone', 404, 'ErrorNonExistentMailbox'],
  ] as const)(
    '%s: says so on every path, while the directory still knows the person',
    async (unreachable, status, code) => {
      const { call, mailbox } = simulate();
      mailbox.misfortunes.set({ unreachable });
      for (const path of ['~/events', '~/calendars', '~/mailboxSettings', DELTA]) {
        expect(await call('GET', path)).toMatchObject({ status, body: { error: { code } } });
      }
      expect((await call('GET', '~')).status).toBe(200);
      mailbox.misfortunes.clear();
      expect((await call('GET', '~/events')).status).toBe(200);
    },
  );

  it('49: stale by address, found by object id', async () => {
    const { call, mailbox } = simulate();
    mailbox.misfortunes.set({ staleByUpn: true });
    const stale = await call('GET', '~/events');
    expect(stale).toMatchObject({ status: 503, body: { error: { code: 'MailboxInfoStale' } } });
    expect(stale.body.error.message).toContain(`'${ADDRESS}'`);
    expect((await call('GET', `/users('${ADDRESS}')/events`)).status).toBe(503);
    expect((await call('GET', `/users/${mailbox.id}/events`)).status).toBe(200);
  });

  it('closed to applications, open to its user', async () => {
    const { call, mailbox, sim } = simulate();
    mailbox.misfortunes.set({ accessPolicy: true });
    expect(await call('GET', '~/events')).toMatchObject({
      status: 403,
      body: { error: { code: 'ErrorAccessDenied', message: 'Access to OData is disabled.' } },
    });
    const token = sim.accessToken({ user: ADDRESS, scopes: ['Calendars.ReadWrite'] });
    expect((await call('GET', '/me/events', undefined, { authorization: `Bearer ${token}` })).status).toBe(200);
  });
});

describe('a full mailbox', () => {
  it('56: is read as ever, but not in delta; writes fail, deleting does not', async () => {
    const { call, mailbox } = simulate();
    const { id } = mailbox.createEvent(anEvent());
    mailbox.misfortunes.set({ full: true });
    const quota = { status: 403, body: { error: { code: 'ErrorQuotaExceeded' } } };
    expect(await call('POST', '~/events', anEvent())).toMatchObject(quota);
    expect(await call('PATCH', `~/events/${id}`, { subject: 'New' })).toMatchObject(quota);
    expect(await call('POST', '~/calendars', { name: 'Other' })).toMatchObject(quota);
    expect(await call('GET', DELTA)).toMatchObject(quota);
    expect((await call('GET', '~/events')).body.value).toMatchObject([{ subject: 'Tile order' }]);
    expect((await call('GET', `~/calendarView?${MARCH_TO_MAY}`)).status).toBe(200);
    const attachment = { '@odata.type': '#microsoft.graph.fileAttachment', name: 'a', contentBytes: 'YQ==' };
    expect(await call('POST', `~/events/${id}/attachments`, attachment)).toMatchObject({
      status: 507,
      body: { error: { code: 'QuotaExceededException' } },
    });
    expect((await call('DELETE', `~/events/${id}`)).status).toBe(204);
  });

  it('may say so with another status', async () => {
    const { call, mailbox } = simulate({ switches: { quotaStatus: 507 } });
    mailbox.misfortunes.set({ full: true });
    expect((await call('GET', DELTA)).status).toBe(507);
  });
});

describe('a mailbox that may send no more mail', () => {
  it('refuses what would be mailed, and nothing else', async () => {
    const { call, mailbox, sim } = simulate();
    const meeting = mailbox.createEvent(anEvent({ attendees: guests }));
    const own = mailbox.createEvent(anEvent());
    sim.clearLog();
    mailbox.misfortunes.set({ sendingLimit: true });
    const limit = { status: 403, body: { error: { code: 'ErrorExceededMessageLimit' } } };
    expect(await call('POST', '~/events', anEvent({ attendees: guests }))).toMatchObject(limit);
    expect(await call('PATCH', `~/events/${meeting.id}`, { subject: 'New' })).toMatchObject(limit);
    expect(await call('PATCH', `~/events/${own.id}`, { attendees: guests })).toMatchObject(limit);
    expect(await call('POST', `~/events/${meeting.id}/cancel`, {})).toMatchObject(limit);
    expect((await call('POST', '~/events', anEvent())).status).toBe(201);
    expect((await call('PATCH', `~/events/${own.id}`, { subject: 'New' })).status).toBe(200);
    expect(sim.outbox).toEqual([]);
    expect(mailbox.listEvents()).toHaveLength(3);
  });
});

describe('what is wrong with a mailbox', () => {
  it('goes through snapshots and comes off again in a journal', () => {
    const { sim, mailbox } = simulate();
    const other = new GraphSimulator({ now: () => 0 });
    mailbox.misfortunes.set({ full: true, unreachable: 'moving' });
    other.restore(sim.snapshot());
    expect(other.mailbox(ADDRESS).misfortunes.current).toEqual({ full: true, unreachable: 'moving' });
    sim.onChange((changes) => other.replay(JSON.parse(JSON.stringify(changes))));
    mailbox.misfortunes.set({ unreachable: undefined });
    expect(other.mailbox(ADDRESS).misfortunes.current).toEqual({ full: true });
    mailbox.misfortunes.clear();
    expect(other.mailbox(ADDRESS).misfortunes.current).toEqual({});
  });

  it('is refused when nobody knows it', () => {
    const { mailbox } = simulate();
    for (const wrong of [{ unreachable: 'lost' }, { full: 'yes' }, { broken: true }]) {
      expect(() => mailbox.misfortunes.set(wrong as unknown as MailboxMisfortunes)).toThrow(TypeError);
    }
    expect(mailbox.misfortunes.current).toEqual({});
  });
});
