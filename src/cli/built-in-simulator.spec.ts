import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEMO_MAILBOX, type RunningSimulator, startBuiltInSimulator } from './built-in-simulator.ts';

let folder: string;
let running: RunningSimulator[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gcs-simulator-'));
  running = [];
});
afterEach(async () => {
  for (const simulator of running) await simulator.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function start(databaseUrl = `pglite:${folder}`): Promise<RunningSimulator> {
  const simulator = await startBuiltInSimulator({ databaseUrl });
  running.push(simulator);
  return simulator;
}

async function stop(simulator: RunningSimulator): Promise<void> {
  running.splice(running.indexOf(simulator), 1);
  await simulator.stop();
}

/** A kept connection would lead to the simulator that was stopped, not to the one that came back at its address. */
const ONE_USE = { connection: 'close' };

/** Asks as the service does: with a token that the simulator's own identity platform gave for the access it announced. */
async function get(simulator: RunningSimulator, path: string): Promise<{ status: number; body: unknown }> {
  const { access } = simulator;
  if (access.credential.kind !== 'secret') throw new Error('the simulator takes secrets');
  const granted = await fetch(`${access.authorityHost}/${access.tenantId}/oauth2/v2.0/token`, {
    method: 'POST',
    headers: ONE_USE,
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: access.clientId,
      client_secret: access.credential.secret,
      scope: 'https://graph.microsoft.com/.default',
    }),
  });
  const { access_token } = (await granted.json()) as { access_token: string };
  const answer = await fetch(`${access.baseUrl}/v1.0/users/${DEMO_MAILBOX}${path}`, {
    headers: { ...ONE_USE, authorization: `Bearer ${access_token}`, prefer: 'IdType="ImmutableId"' },
  });
  return { status: answer.status, body: await answer.json() };
}

async function firstEvent(simulator: RunningSimulator): Promise<{ id: string; subject: string }> {
  const { body } = await get(simulator, '/events?$top=1&$select=subject');
  const [event] = (body as { value: { id: string; subject: string }[] }).value;
  if (!event) throw new Error('the mailbox is empty');
  return event;
}

describe('built-in simulator', () => {
  it('gives access to a furnished mailbox', async () => {
    expect((await firstEvent(await start())).subject).not.toBe('');
  });

  it('comes back with the same mailbox at the same address, edits included', async () => {
    const first = await start();
    const { id } = await firstEvent(first);
    first.editEvent(id, { subject: 'Edited in Outlook' });
    const { baseUrl } = first.access;
    await stop(first);

    const second = await start();
    expect(second.access.baseUrl).toBe(baseUrl);
    expect(await get(second, `/events/${id}`)).toMatchObject({ status: 200, body: { subject: 'Edited in Outlook' } });
  });

  it('leaves nothing on disk for a database that is kept in memory', async () => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      await start('pglite::memory:');
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      process.chdir(before);
    }
  });

  it('takes another port when a stranger has taken its own', async () => {
    const first = await start();
    const { baseUrl } = first.access;
    const { id } = await firstEvent(first);
    await stop(first);
    const stranger = createServer().listen(Number(new URL(baseUrl).port), '127.0.0.1');
    await new Promise((resolve) => stranger.once('listening', resolve));
    try {
      const second = await start();
      expect(second.access.baseUrl).not.toBe(baseUrl);
      expect((await get(second, `/events/${id}`)).status).toBe(200);
    } finally {
      await new Promise((resolve) => stranger.close(resolve));
    }
  });
});
