import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, aSeries, at, MARCH_TO_MAY, NOW, simulate } from '../../test/support/simulator-client.ts';
import { GraphSimulator, generateMailbox, type RunningSimulator, startGraphSimulator } from './index.ts';
import { readLines, writeLines } from './text-lines.ts';

const folders: string[] = [];
const running: RunningSimulator[] = [];

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'graph-simulator-'));
  folders.push(folder);
  return folder;
}

async function start(stateFile: string): Promise<RunningSimulator> {
  const started = await startGraphSimulator({ stateFile, events: 5, mailbox: ADDRESS, now: () => NOW });
  running.push(started);
  return started;
}

afterEach(async () => {
  for (const simulator of running.splice(0)) await simulator.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe('state', () => {
  it('goes on in another simulator: ids, delta links, tokens, transaction ids', async () => {
    const { sim, mailbox, round, call, token } = simulate();
    const { id } = mailbox.createEvent(aSeries());
    mailbox.updateOccurrence(id, '2026-03-09', { subject: 'Special' });
    await call('POST', '~/events', anEvent({ transactionId: 't' }));
    const { link } = await round(`~/calendarView/delta?${MARCH_TO_MAY}`);
    mailbox.deleteOccurrence(id, '2026-03-16');
    const other = new GraphSimulator({ now: () => NOW, seed: 5 });
    other.restore(sim.snapshot());
    expect(other.mailbox(ADDRESS).listEvents()).toEqual(mailbox.listEvents());
    const answer = await other.fetch(link, { headers: { authorization: `Bearer ${token}` } });
    expect((await answer.json()).value).toMatchObject([{ type: 'seriesMaster' }]);
    expect(() => other.mailbox(ADDRESS).createEvent(anEvent({ transactionId: 't', subject: 'x' }))).toThrow(
      /TransactionId/,
    );
  });

  it('answers 410 to a link from a future the restored state has not seen', async () => {
    const { sim, mailbox, round, call } = simulate();
    const before = sim.snapshot();
    mailbox.createEvent(anEvent());
    const { link } = await round(`~/calendarView/delta?${MARCH_TO_MAY}`);
    sim.restore(before);
    expect((await call('GET', link)).status).toBe(410);
  });

  it('has every answered write on disk, however it dies', async () => {
    const folder = newFolder();
    const first = await start(join(folder, 'graph.json'));
    const { simulator, url } = first;
    expect(first.isResumed).toBe(false);
    const headers = { authorization: `Bearer ${simulator.accessToken()}`, 'content-type': 'application/json' };
    const events = `${url}/v1.0/users/${ADDRESS}/events`;
    const created = (await (
      await fetch(events, { method: 'POST', headers, body: JSON.stringify(aSeries()) })
    ).json()) as { id: string };
    const mailbox = simulator.mailbox(ADDRESS);
    mailbox.deleteOccurrence(created.id, '2026-03-09');
    mailbox.updateOccurrence(created.id, '2026-03-16', {
      start: at('2026-03-17T09:00:00'),
      end: at('2026-03-17T09:30:00'),
    });
    mailbox.moveEvent(created.id, mailbox.addCalendar('Family'));
    const delta = await (
      await fetch(`${url}/v1.0/users/${ADDRESS}/calendarView/delta?${MARCH_TO_MAY}`, { headers })
    ).json();

    // What a killed process leaves behind: the files as they are now, its last line perhaps cut short.
    const left = newFolder();
    cpSync(folder, left, { recursive: true });
    const second = await start(join(left, 'graph.json'));
    expect(second.isResumed).toBe(true);
    const resumed = second.simulator.mailbox(ADDRESS);
    expect(resumed.listEvents()).toEqual(mailbox.listEvents());
    expect(resumed.listCalendars()).toEqual(mailbox.listCalendars());
    const link =
      (delta as Record<string, string>)['@odata.deltaLink'] ?? (delta as Record<string, string>)['@odata.nextLink']!;
    expect((await fetch(link.replace(url, second.url), { headers })).status).toBe(200);

    const fresh = resumed.createEvent(anEvent());
    expect(mailbox.listEvents().map(({ iCalUId }) => iCalUId)).not.toContain(fresh.iCalUId);
    const all = resumed.listEvents();
    await second.close();
    running.splice(running.indexOf(second), 1);
    const third = await start(join(left, 'graph.json'));
    expect(third.simulator.mailbox(ADDRESS).listEvents()).toEqual(all);
  });
});

describe('a state file', () => {
  it('may be one of an earlier version, the whole state on one line', async () => {
    const { sim, mailbox } = simulate();
    mailbox.createEvent(aSeries({ subject: 'Σύμβαση'.repeat(1_000) }));
    const path = join(newFolder(), 'graph.json');
    writeFileSync(path, `7\n${sim.snapshot()}`);
    const first = await start(path);
    expect(first.isResumed).toBe(true);
    expect(first.simulator.mailbox(ADDRESS).listEvents()).toEqual(mailbox.listEvents());
    await first.close();
    running.pop();
    const second = await start(path);
    expect(second.simulator.snapshot()).toBe(sim.snapshot());
    second.simulator.mailbox(ADDRESS).createEvent(anEvent());
  });

  it('takes a furnished mailbox as a new snapshot, not as one huge line of its journal', async () => {
    const folder = newFolder();
    const { simulator } = await start(join(folder, 'graph.json'));
    generateMailbox(simulator, { address: 'big@example.com', events: 6_000 });
    const [journal = ''] = readdirSync(folder).filter((name) => name.includes('journal'));
    expect(statSync(join(folder, journal)).size).toBeLessThan(1_000_000);
    const left = newFolder();
    cpSync(folder, left, { recursive: true });
    const { simulator: resumed } = await start(join(left, 'graph.json'));
    expect(resumed.snapshot()).toBe(simulator.snapshot());
  });

  it('reads lines of every length as they were written', () => {
    const path = join(newFolder(), 'lines');
    const lines = [
      '',
      'a',
      'Ω'.repeat(1_500_000),
      '',
      ...Array.from({ length: 50_000 }, (_, n) => `€${n}`),
      '\u{1f600}',
    ];
    writeLines(path, lines);
    expect([...readLines(path)]).toEqual(lines);
  });
});

describe('what is forgotten', () => {
  it('stays forgotten after a kill: mails that were cleared', async () => {
    const folder = newFolder();
    const { simulator } = await start(join(folder, 'graph.json'));
    const guests = [{ emailAddress: { address: 'guest@example.net' } }];
    simulator.mailbox(ADDRESS).createEvent(anEvent({ subject: 'Before', attendees: guests }));
    simulator.clearOutbox();
    simulator.mailbox(ADDRESS).createEvent(anEvent({ subject: 'After', attendees: guests }));
    const left = newFolder();
    cpSync(folder, left, { recursive: true });
    const { simulator: resumed } = await start(join(left, 'graph.json'));
    expect(resumed.outbox.map(({ subject }) => subject)).toEqual(['After']);
  });

  it('is the oldest of what was asked, once the bodies take too much room', async () => {
    const { sim, call } = simulate();
    const file = { '@odata.type': '#microsoft.graph.fileAttachment', name: 'x', contentBytes: 'A'.repeat(3_000_000) };
    const { id } = (await call('POST', '~/events', anEvent())).body;
    for (let at = 0; at < 30; at += 1) await call('POST', `~/events/${id}/attachments`, file);
    expect(sim.requests.length).toBeLessThan(25);
    expect(sim.requests.at(-1)?.status).toBe(201);
  });
});

describe('the socket', () => {
  it('speaks HTTP, makes links with its own host, and destroys the socket of a dropped request', async () => {
    const { sim, token } = simulate();
    const server = await sim.listen();
    try {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`${server.url}/v1.0/users/${ADDRESS}/calendarView/delta?${MARCH_TO_MAY}`, { headers });
      expect(answer.headers.get('date')).toBe('Mon, 02 Mar 2026 08:00:00 GMT');
      expect(((await answer.json()) as Record<string, string>)['@odata.deltaLink']!.startsWith(server.url)).toBe(true);
      sim.failNext({ kind: 'drop-after-commit' });
      const lost = fetch(`${server.url}/v1.0/users/${ADDRESS}/events`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(anEvent()),
      });
      await expect(lost).rejects.toThrow('fetch failed');
      expect(sim.mailbox(ADDRESS).listEvents()).toHaveLength(1);
      expect((await fetch(`${server.url}/v1.0/users/${ADDRESS}/events`)).status).toBe(401);
    } finally {
      await server.close();
    }
  });
});
