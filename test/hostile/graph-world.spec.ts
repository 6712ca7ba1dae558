import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { isSyncError } from '../../src/core/errors.ts';
import { expectQuiet } from '../support/quiet.ts';
import { openWorldDatabase, SyncWorld } from '../support/sync-world.ts';
import { type Dice, rolls, tries } from './dice.ts';
import { furnish } from './evil-mailbox.ts';
import { misfit, mutatedJson } from './mutations.ts';

const DAY_MS = 24 * 60 * 60_000;

beforeAll(async () => {
  await openWorldDatabase();
});

type Evil = (right: Response, url: string, method: string) => Promise<Response> | Response;

/** A world that is at rest, and the switch by which its Graph goes mad. */
async function openEvilWorld() {
  const state: { evil: Evil | undefined } = { evil: undefined };
  const asked: { origin: string; isAuthorized: boolean }[] = [];
  const world = await SyncWorld.open({
    furnish,
    wrapFetch: (fetch) => async (url, init) => {
      asked.push({ origin: new URL(url).origin, isAuthorized: new Headers(init?.headers).has('authorization') });
      const right = await fetch(url, init);
      return state.evil && url.includes('/v1.0/') ? state.evil(right, url, init?.method ?? 'GET') : right;
    },
  });
  const at = (hour: string) => ({ dateTime: `2026-03-12T${hour}:00:00`, timeZone: 'UTC' });
  await world.book({ subject: 'Ours', start: at('09'), end: at('10') });
  await world.sync();
  await world.sync();
  return { world, state, asked };
}

/** Runs, however badly; @returns what ended it, if that is nothing Graph says */
async function runBadly(world: SyncWorld): Promise<unknown> {
  try {
    await world.syncWhileTimePasses();
    return undefined;
  } catch (error) {
    return isSyncError(error) ? undefined : error;
  }
}

/** Once Graph is sane again: both sides say the same, as many as before, and then nobody writes any more. */
async function expectRecovery(
  world: SyncWorld,
  expected: { readonly here: number; readonly there: number },
): Promise<void> {
  world.clock.advance(2 * DAY_MS);
  // What was told under a tag is believed until there is another one.
  for (const { id, type } of world.mailbox.listEvents()) {
    if (type !== 'occurrence' && type !== 'exception') world.mailbox.updateEvent(id, { importance: 'low' });
  }
  for (let runs = 0; runs < 3; runs += 1) await world.syncWhileTimePasses();
  expect(await world.differences()).toEqual([]);
  expect(await world.all()).toHaveLength(expected.here);
  expect(world.mailbox.listEvents()).toHaveLength(expected.there);
  await expectQuiet(world);
}

const IDENTITY = new Set(['id', 'seriesMasterId', 'iCalUId', 'transactionId', 'occurrenceId']);

/** Wrong in every way but one: who an event is, is told or left out, and not made up. */
async function mutated(right: Response, dice: Dice): Promise<Response> {
  const headers = new Headers(right.headers);
  if (dice.is(0.1))
    headers.set('retry-after', dice.oneOf(['-1', '1e300', 'NaN', '9'.repeat(400), 'Fri, 31 Dec 9999 23:59:59 GMT']));
  const text = await right.text();
  if (right.status === 204 || text === '')
    return new Response(right.status === 204 ? null : text, { status: right.status, headers });
  const how = dice.below(8);
  const status = right.status;
  if (how === 0) return new Response(text.slice(0, dice.below(text.length)), { status, headers });
  if (how === 1) return Response.json(misfit(dice) ?? null, { status, headers });
  if (how === 2)
    return new Response(text, { status: dice.oneOf([299, 301, 400, 403, 409, 418, 429, 500, 503, 507]), headers });
  const spares = (path: readonly (string | number)[]) => IDENTITY.has(String(path.at(-1)));
  return new Response(JSON.stringify(mutatedJson(JSON.parse(text), dice, spares)) ?? '', { status, headers });
}

describe('a Graph gone mad', () => {
  it('deletes nothing, doubles nothing, and is in step again once it is sane', async () => {
    await fc.assert(
      fc.asyncProperty(rolls(), async (dice) => {
        const { world, state, asked } = await openEvilWorld();
        try {
          const expected = { here: (await world.all()).length, there: world.mailbox.listEvents().length };
          state.evil = (right) => (dice.is(0.4) ? mutated(right, dice) : right);
          for (let runs = 0; runs < 3; runs += 1) {
            const [first] = world.mailbox.listEvents().filter(({ type }) => type !== 'occurrence');
            if (first) world.mailbox.updateEvent(first.id, { subject: `Renamed ${runs}` });
            const bug = await runBadly(world);
            if (bug) throw bug;
            world.clock.advance(dice.oneOf([60_000, DAY_MS, 8 * DAY_MS]));
          }
          state.evil = undefined;
          await expectRecovery(world, expected);
          expect(asked.filter(({ isAuthorized }) => isAuthorized).map(({ origin }) => origin)).toEqual(
            asked.filter(({ isAuthorized }) => isAuthorized).map(() => 'http://127.0.0.1:1'),
          );
        } finally {
          await world.close();
        }
      }),
      tries(4),
    );
  });

  const delta =
    (answer: (url: string) => unknown): Evil =>
    async (right, url) =>
      url.includes('delta') ? Response.json(answer(url)) : right;
  const batched =
    (answer: (body: { responses: Record<string, unknown>[] }) => unknown): Evil =>
    async (right, url) =>
      url.includes('$batch') ? Response.json(answer((await right.json()) as never)) : right;
  let turn = 0;

  it.each<[what: string, evil: Evil]>([
    ['a page without items', delta(() => ({ '@odata.deltaLink': 'http://127.0.0.1:1/v1.0/x?$deltatoken=1' }))],
    ['a page of null', delta(() => null)],
    ['items of null', delta(() => ({ value: [null], '@odata.deltaLink': 'http://127.0.0.1:1/v1.0/x?$deltatoken=1' }))],
    ['no link', delta(() => ({ value: [] }))],
    ['a link to itself', delta((url) => ({ value: [], '@odata.nextLink': url }))],
    ['a link on and on', delta(() => ({ value: [], '@odata.nextLink': `http://evil.example/v1.0/${turn++}` }))],
    [
      'a delta link elsewhere',
      delta(() => ({ value: [], '@odata.deltaLink': 'https://127.0.0.1:1@evil.example/v1.0/delta' })),
    ],
    [
      'tombstones of nobody',
      delta(() => ({ value: [{ '@removed': { reason: 'deleted' } }], '@odata.deltaLink': 'x' })),
    ],
    [
      'lists without items',
      async (right, url) => (/calendars|instances|attachments/.test(url) ? Response.json({}) : right),
    ],
    ['batches without answers', batched(() => ({ responses: [] }))],
    ['batches answered twice', batched(({ responses }) => ({ responses: [...responses, ...responses] }))],
    [
      'batches of lists without items',
      batched(({ responses }) => ({ responses: responses.map((each) => ({ ...each, body: {} })) })),
    ],
  ])('with %s: nothing is deleted', async (_what, evil) => {
    const { world, state } = await openEvilWorld();
    try {
      const expected = { here: (await world.all()).length, there: world.mailbox.listEvents().length };
      for (const { id, type } of world.mailbox.listEvents())
        if (type !== 'occurrence') world.mailbox.updateEvent(id, { showAs: 'tentative' });
      state.evil = evil;
      for (const pause of [0, 8 * DAY_MS]) {
        world.clock.advance(pause);
        expect(await runBadly(world)).toBeUndefined();
      }
      expect(await world.all()).toHaveLength(expected.here);
      state.evil = undefined;
      await expectRecovery(world, expected);
    } finally {
      await world.close();
    }
  });
});
