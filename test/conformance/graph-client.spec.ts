import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { ConfidentialClientApplication } from '@azure/msal-node';
import {
  BatchRequestContent,
  BatchResponseContent,
  Client,
  type GraphError,
  PageIterator,
} from '@microsoft/microsoft-graph-client';
import type { Event } from '@microsoft/microsoft-graph-types';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RunningSimulator, startGraphSimulator } from '../../src/simulator/index.ts';
import { anEvent, aSeries } from './tour/bodies.ts';
import { NOW, WINDOW } from './traveller.ts';

/** Microsoft's client retries after as many seconds as it is told. */
const SHORTLY = '0.02';

describe("Microsoft's own client, over HTTPS", () => {
  let running: RunningSimulator;
  let graph: Client;
  let user: string;
  const trusted = getCACertificates('default');

  beforeAll(async () => {
    running = await startGraphSimulator({ https: true, events: 0, now: () => Date.parse(NOW) });
    setDefaultCACertificates([...trusted, running.ca!]);
    const token = running.simulator.accessToken();
    graph = clientOf(() => token);
  });
  beforeEach(() => {
    running.simulator.clearFaults();
    running.simulator.clearLog();
    const address = `user${running.simulator.mailboxes.length}@example.com`;
    running.simulator.addMailbox({ address });
    user = `/users/${address}`;
  });
  afterEach(() => running.simulator.clearFaults());
  afterAll(async () => {
    setDefaultCACertificates(trusted);
    await running.close();
  });

  /** Its token is sent only over https, and to hosts that are named. */
  function clientOf(token: () => string | Promise<string>): Client {
    const { hostname } = new URL(running.url);
    return Client.initWithMiddleware({
      authProvider: { getAccessToken: async () => token() },
      baseUrl: `${running.url}/`,
      customHosts: new Set([hostname]),
    });
  }

  it('creates, reads, changes and deletes an event', async () => {
    const made = (await graph.api(`${user}/events`).post(anEvent())) as Event;
    expect(made).toMatchObject({ subject: 'Tile order', type: 'singleInstance' });
    const read = (await graph
      .api(`${user}/events/${made.id}`)
      .header('Prefer', 'outlook.timezone="Europe/Berlin"')
      .select(['subject', 'start'])
      .get()) as Event;
    expect(read.start).toEqual({ dateTime: '2026-03-04T09:00:00.0000000', timeZone: 'Europe/Berlin' });
    const changed = (await graph
      .api(`${user}/events/${made.id}`)
      .header('If-Match', String((made as Record<string, unknown>)['@odata.etag']))
      .patch({ subject: 'Tile order (moved)' })) as Event;
    expect(changed.subject).toBe('Tile order (moved)');
    await graph.api(`${user}/events/${made.id}`).delete();
    const left = await graph.api(`${user}/calendar/events`).top(5).count(true).get();
    expect(left).toMatchObject({ '@odata.count': 0, value: [] });
  });

  it('is somebody signed in under /me', async () => {
    const address = user.replace('/users/', '');
    const token = running.simulator.accessToken({ user: address, scopes: ['Calendars.Read'] });
    const own = clientOf(() => token);
    expect(await own.api('/me/calendar').get()).toMatchObject({ owner: { address } });
    await expect(own.api('/me/events').post(anEvent())).rejects.toMatchObject({ statusCode: 403 });
  });

  it('walks through the pages of a round, and from its link through the next', async () => {
    for (let number = 0; number < 5; number += 1) {
      await graph.api(`${user}/events`).post(anEvent({ subject: `Event ${number}` }));
    }
    await graph.api(`${user}/events`).post(aSeries());
    const small = { headers: { prefer: 'odata.maxpagesize=3' } };
    const first = await walk(`${user}/calendarView/delta?${WINDOW}`, small);
    expect(first.items).toHaveLength(5 + 1 + 8);
    expect(first.requests).toBeGreaterThan(3);
    await graph.api(`${user}/events/${first.items[0]!.id}`).delete();
    const second = await walk(first.deltaLink, small);
    expect(second.items).toEqual([
      expect.objectContaining({ id: first.items[0]!.id, '@removed': { reason: 'deleted' } }),
    ]);
    expect((await walk(second.deltaLink, small)).items).toEqual([]);
  });

  async function walk(url: string, options: { headers: Record<string, string> }) {
    running.simulator.clearLog();
    const items: Event[] = [];
    const page = await graph.api(url).headers(options.headers).get();
    const iterator = new PageIterator(
      graph,
      page,
      (item: Event) => {
        items.push(item);
        return true;
      },
      options,
    );
    await iterator.iterate();
    return { items, deltaLink: iterator.getDeltaLink() ?? '', requests: running.simulator.requests.length };
  }

  it('batches, in order where steps depend on each other', async () => {
    const content = new BatchRequestContent([
      { id: '1', request: step('POST', `${user}/events`, anEvent()) },
      { id: '2', request: step('GET', `${user}/events`), dependsOn: ['1'] },
      { id: '3', request: step('GET', `${user}/events/nonsense`), dependsOn: ['2'] },
    ]);
    const answer = new BatchResponseContent(await graph.api('/$batch').post(await content.getContent()));
    expect(answer.getResponseById('1').status).toBe(201);
    const listed = (await answer.getResponseById('2').json()) as { value: Event[] };
    expect(listed.value.map(({ subject }) => subject)).toEqual(['Tile order']);
    expect(answer.getResponseById('3').status).toBe(400);
    expect(await answer.getResponseById('3').json()).toMatchObject({ error: { code: 'ErrorInvalidIdMalformed' } });
  });

  /** The client takes the path only, and wants a whole address. */
  function step(method: string, path: string, body?: object): Request {
    return new Request(`https://graph.microsoft.com${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
    });
  }

  it.each([429, 503, 504])('tries again after %i as long as it is told to wait', async (status) => {
    running.simulator.failNext({ status, count: 2, retryAfter: SHORTLY });
    const calendar = await graph.api(`${user}/calendar`).get();
    expect(calendar).toMatchObject({ name: 'Calendar' });
    expect(running.simulator.requests.map((each) => each.status)).toEqual([status, status, 200]);
    expect(running.simulator.requests.at(-1)?.headers['retry-attempt']).toBe('2');
  });

  it('sends a create again whose answer was lost; the transaction keeps it from being made twice', async () => {
    const lost = { kind: 'status-after-commit' as const, status: 504, retryAfter: SHORTLY };
    running.simulator.failNext({ method: 'POST', ...lost });
    await graph.api(`${user}/events`).post(anEvent({ transactionId: 'once' }));
    expect((await graph.api(`${user}/events`).get()).value).toHaveLength(1);
    running.simulator.failNext({ method: 'POST', ...lost });
    await graph.api(`${user}/events`).post(anEvent());
    expect((await graph.api(`${user}/events`).get()).value).toHaveLength(3);
  });

  it('reads a refusal as its own error', async () => {
    const error: GraphError = await graph
      .api(`${user}/calendarView`)
      .get()
      .catch((each: GraphError) => each);
    expect(error.constructor.name).toBe('GraphError');
    expect(error).toMatchObject({ statusCode: 400, code: 'ErrorInvalidParameter' });
    expect(error.message).toContain('This request requires a time window');
    expect(error.requestId).toBe(running.simulator.requests.at(-1)?.requestId);
    expect(error.date).toBeInstanceOf(Date);
    expect(JSON.parse(error.body as string)).toMatchObject({ code: 'ErrorInvalidParameter' });
    expect(error.headers?.get('client-request-id')).toMatch(/^[\da-f-]{36}$/);
  });

  it('is let in with a token of MSAL', async () => {
    const { client, url } = running;
    const application = new ConfidentialClientApplication({
      auth: {
        clientId: client.clientId,
        clientSecret: client.clientSecret,
        authority: `${url}/${client.tenantId}`,
        knownAuthorities: [new URL(url).host],
      },
    });
    const scopes = ['https://graph.microsoft.com/.default'];
    const signedIn = clientOf(async () => {
      const result = await application.acquireTokenByClientCredential({ scopes });
      return result?.accessToken ?? '';
    });
    const made = (await signedIn.api(`${user}/events`).post(anEvent())) as Event;
    expect((await signedIn.api(`${user}/events/${made.id}`).get()) as Event).toMatchObject({ subject: 'Tile order' });
    expect(running.simulator.requests.some(({ path }) => path.includes('/oauth2/v2.0/token'))).toBe(true);
  });
});
