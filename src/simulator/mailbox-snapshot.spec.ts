import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, MARCH_TO_MAY, simulate } from '../../test/support/simulator-client.ts';
import { GraphSimulator, startGraphSimulator } from './index.ts';

const FIRST = `~/calendarView/delta?${MARCH_TO_MAY}`;
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe('a mailbox put back', () => {
  it('is as it was, and the others stay as they are', () => {
    const { sim, mailbox } = simulate();
    const grace = sim.addMailbox({ address: 'grace@example.com' });
    const kept = mailbox.createEvent(anEvent());
    const snapshot = sim.snapshotMailbox(ADDRESS);
    mailbox.updateEvent(kept.id, { subject: 'Changed' });
    mailbox.createEvent(anEvent({ subject: 'Later' }));
    grace.createEvent(anEvent({ subject: 'Hers' }));
    sim.restoreMailbox(snapshot);
    expect(mailbox.listEvents()).toEqual([kept]);
    expect(grace.listEvents()).toHaveLength(1);
    expect(sim.mailboxes.map(({ address }) => address)).toEqual([ADDRESS, 'grace@example.com']);
  });

  it('answers 410 to links of the time that was undone, however much happens later, and honours older ones', async () => {
    const { sim, mailbox, round, call } = simulate();
    mailbox.createEvent(anEvent());
    const old = await round(FIRST);
    const snapshot = sim.snapshotMailbox(ADDRESS);
    mailbox.createEvent(anEvent({ subject: 'Undone' }));
    const undone = await round(old.link);
    sim.restoreMailbox(snapshot);
    expect((await call('GET', undone.link)).status).toBe(410);
    for (let number = 0; number < 9; number += 1) mailbox.createEvent(anEvent({ subject: `After ${number}` }));
    expect((await call('GET', undone.link)).status).toBe(410);
    const fresh = await round(old.link);
    expect(fresh.items).toHaveLength(9);
    expect((await round(fresh.link)).items).toEqual([]);
  });

  it('the same for a whole state put back', async () => {
    const { sim, mailbox, round, call } = simulate();
    const old = await round(FIRST);
    const snapshot = sim.snapshot();
    mailbox.createEvent(anEvent());
    const undone = await round(old.link);
    sim.restore(snapshot);
    mailbox.createEvent(anEvent());
    mailbox.createEvent(anEvent());
    expect((await call('GET', undone.link)).status).toBe(410);
    expect((await round(old.link)).items).toHaveLength(2);
  });

  it('never gives an id or a changeKey of the undone time to something else', () => {
    const { sim, mailbox } = simulate();
    const snapshot = sim.snapshotMailbox(ADDRESS);
    const undone = mailbox.createEvent(anEvent());
    sim.restoreMailbox(snapshot);
    const next = mailbox.createEvent(anEvent());
    expect(next.id).not.toBe(undone.id);
    expect(next.changeKey).not.toBe(undone.changeKey);
  });

  it('comes to another simulator as well, but not beside a namesake', () => {
    const { sim, mailbox } = simulate();
    mailbox.createEvent(anEvent());
    const other = new GraphSimulator({ seed: 2 });
    expect(other.restoreMailbox(sim.snapshotMailbox(ADDRESS)).listEvents()).toEqual(mailbox.listEvents());
    const third = new GraphSimulator({ seed: 3 });
    third.addMailbox({ address: ADDRESS });
    expect(() => third.restoreMailbox(sim.snapshotMailbox(ADDRESS))).toThrow(/another mailbox has the address/);
    expect(() => third.restoreMailbox('{}')).toThrow(/no snapshot of a mailbox/);
  });

  it('is gone when it was removed, with what was subscribed to it', async () => {
    const webhookFetch = async (input: unknown) =>
      new Response(new URL(String(input)).searchParams.get('validationToken'), {
        headers: { 'content-type': 'text/plain' },
      });
    const { sim, call } = simulate({ webhookFetch: webhookFetch as typeof fetch });
    const subscribed = await call('POST', '/subscriptions', {
      changeType: 'updated',
      resource: `/users/${ADDRESS}/events`,
      notificationUrl: 'https://app.example.com/hook',
      expirationDateTime: '2026-03-03T08:00:00Z',
    });
    expect(subscribed.status).toBe(201);
    sim.removeMailbox(ADDRESS);
    expect(sim.notifications.list()).toEqual([]);
    expect((await call('GET', '~/events')).body.error.code).toBe('ErrorInvalidUser');
    expect(sim.mailboxes).toEqual([]);
  });

  it('stays put back and stays removed across a kill', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sim-'));
    folders.push(folder);
    const first = await startGraphSimulator({ stateFile: join(folder, 'graph.json'), events: 0 });
    const { simulator } = first;
    const mailbox = simulator.mailbox(ADDRESS);
    mailbox.createEvent(anEvent());
    simulator.addMailbox({ address: 'grace@example.com' });
    const snapshot = simulator.snapshotMailbox(ADDRESS);
    mailbox.createEvent(anEvent());
    simulator.restoreMailbox(snapshot);
    simulator.removeMailbox('grace@example.com');
    const left = mkdtempSync(join(tmpdir(), 'sim-'));
    folders.push(left);
    cpSync(folder, left, { recursive: true });
    await first.close();
    const second = await startGraphSimulator({ stateFile: join(left, 'graph.json') });
    expect(second.simulator.mailboxes.map(({ address }) => address)).toEqual([ADDRESS]);
    expect(second.simulator.mailbox(ADDRESS).listEvents()).toHaveLength(1);
    await second.close();
  });
});
