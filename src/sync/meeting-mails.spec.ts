import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectMails } from '../../test/support/outbox-watch.ts';
import { expectQuiet } from '../../test/support/quiet.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId } from '../core/ids.ts';
import { NOTIFY_POLICIES, type NotifyAttendees } from '../core/settings.ts';
import type { Mail } from './outgoing-mails.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const DAY_MS = 24 * 60 * 60_000;
const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const guest = (address: string) => ({ type: 'required' as const, emailAddress: { address } });
const ANN = 'ann@example.com';
const BEN = 'ben@example.com';
const meeting: EventInput = {
  subject: 'Visit',
  start: berlin('2026-03-10T09:00:00'),
  end: berlin('2026-03-10T10:00:00'),
  attendees: [guest(ANN)],
};
const daily: EventInput = {
  ...meeting,
  recurrence: {
    pattern: { type: 'daily', interval: 1 },
    range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 5 },
  },
};
const service = () => world.services.eventService;

const invite = (...recipients: string[]): Mail => ({ operation: 'invite', recipients });
const update = (...recipients: string[]): Mail => ({ operation: 'update', recipients });
const cancel = (...recipients: string[]): Mail => ({ operation: 'cancel', recipients });

interface Case {
  readonly what: string;
  readonly event?: EventInput;
  readonly act: (id: EventId, policy: NotifyAttendees) => Promise<unknown>;
  /** Mails by policy; under `never` there are none, ever. */
  readonly mails: Readonly<Record<Exclude<NotifyAttendees, 'never'>, readonly Mail[]>>;
  readonly held: Readonly<Record<NotifyAttendees, readonly string[]>>;
}

const patch =
  (change: EventInput, suffix = '') =>
  (id: EventId) =>
    service().update(USER, `${id}${suffix}`, change);
const bothLet = (...mails: Mail[]) => ({ changes: mails, all: mails });
const onlyNever = (...units: string[]) => ({ never: units, changes: [], all: [] });
const NOTHING_HELD = onlyNever();

const CASES: readonly Case[] = [
  {
    what: 'another time',
    act: patch({ start: berlin('2026-03-10T11:00:00'), end: berlin('2026-03-10T12:00:00') }),
    mails: bothLet(update(ANN)),
    held: onlyNever('time'),
  },
  { what: 'another subject', act: patch({ subject: 'Talk' }), mails: bothLet(update(ANN)), held: onlyNever('subject') },
  {
    what: 'a guest more',
    act: patch({ attendees: [guest(ANN), guest(BEN)] }),
    mails: { changes: [], all: [invite(BEN)] },
    held: { never: ['attendees'], changes: ['attendees'], all: [] },
  },
  {
    what: 'no guest any more',
    act: patch({ attendees: [] }),
    mails: { changes: [], all: [cancel(ANN)] },
    held: { never: ['attendees'], changes: ['attendees'], all: [] },
  },
  {
    what: 'a category, which is nobody’s business',
    act: patch({ categories: ['Blue'] }),
    mails: bothLet(),
    held: NOTHING_HELD,
  },
  { what: 'its deletion', act: (id) => service().delete(USER, id), mails: bothLet(cancel(ANN)), held: NOTHING_HELD },
  {
    what: 'another subject on one date',
    event: daily,
    act: patch({ subject: 'Talk' }, '_2026-03-12'),
    mails: bothLet(update(ANN)),
    held: onlyNever('occurrence:2026-03-12'),
  },
  {
    what: 'one date deleted',
    event: daily,
    act: (id) => service().delete(USER, `${id}_2026-03-12`),
    mails: bothLet(cancel(ANN)),
    held: onlyNever('occurrence:2026-03-12'),
  },
  {
    what: 'another subject from one date on',
    event: daily,
    act: async (id, policy) => {
      const split = service().updateFollowing(USER, `${id}_2026-03-12`, { subject: 'Talk' });
      // Half of it would stay here: it is not begun at all.
      if (policy === 'never') await expect(split).rejects.toMatchObject({ code: expect.any(String) });
      else await split;
    },
    mails: { changes: [update(ANN)], all: [invite(ANN), update(ANN)] },
    held: NOTHING_HELD,
  },
];

/** Everybody who was mailed, kind by kind, whatever the number of mails. */
function joined(mails: readonly Mail[]): Mail[] {
  return (['invite', 'update', 'cancel', 'respond'] as const).flatMap((operation) => {
    const recipients = mails.filter((mail) => mail.operation === operation).flatMap((mail) => mail.recipients);
    return recipients.length > 0 ? [{ operation, recipients: [...new Set(recipients)].sort() }] : [];
  });
}

const OPERATION = { invitation: 'invite', update: 'update', cancellation: 'cancel', response: 'respond' } as const;

function outbox(): Mail[] {
  return joined(
    world.simulator.outbox.flatMap(({ kind, to }) =>
      kind === 'forward' ? [] : [{ operation: OPERATION[kind], recipients: to.map((each) => each.toLowerCase()) }],
    ),
  );
}

async function previewed(): Promise<Mail[]> {
  const { mails, mailsTotal } = await world.services.previewService.preview(USER, {});
  expect(mailsTotal).toBe(mails.length);
  return joined(mails.map(({ operation, recipients }) => ({ operation, recipients })));
}

/** A meeting of ours that Outlook has, guests and all. */
async function known(event: EventInput = meeting): Promise<EventId> {
  const there = world.mailbox.createEvent(event);
  await world.sync();
  world.simulator.clearLog();
  return (await world.all()).find(({ graphEventId }) => graphEventId === there.id)!.id;
}

async function heldOf(id: EventId): Promise<readonly string[]> {
  return (await world.bases.findByEventIds(world.db, USER, [id])).get(id)?.heldUnits ?? [];
}

describe.each(NOTIFY_POLICIES)('under notifyAttendees %s', (policy) => {
  it('every kind of change mails exactly whom it has to, once, and a preview says so before', async () => {
    if (policy !== 'never') expectMails();
    await world.services.settings.put(USER, { notifyAttendees: policy });
    for (const { what, event, act, mails, held } of CASES) {
      const id = await known(event);
      await act(id, policy);
      const expected = policy === 'never' ? [] : joined(mails[policy]);
      expect(await previewed(), `preview of ${what}`).toEqual(expected);
      await world.sync();
      expect(outbox(), what).toEqual(expected);
      if (await world.find(id)) expect(await heldOf(id), what).toEqual(held[policy]);
      await expectQuiet(world);
    }
  });

  it('a new meeting invites its guests only if the policy says all', async () => {
    if (policy === 'all') expectMails();
    await world.services.settings.put(USER, { notifyAttendees: policy });
    await world.sync();
    const id = await world.book({ ...meeting, attendees: [guest(ANN), guest(BEN)] });
    const expected = policy === 'all' ? [invite(ANN, BEN)] : [];
    expect(await previewed()).toEqual(expected);
    await world.sync();
    expect(outbox()).toEqual(expected);
    expect((await world.get(id)).content.attendees).toHaveLength(2);
    expect(await heldOf(id)).toEqual(policy === 'all' ? [] : ['attendees']);
    await expectQuiet(world);
  });
});

describe('a preview of an answer to an invitation', () => {
  it('names the organizer, and nobody when the answer is not to be mailed', async () => {
    world.mailbox.addForeignMeeting({ ...meeting, organizer: { emailAddress: { address: 'boss@example.com' } } });
    await world.sync();
    const { id } = await world.bySubject('Visit');
    const respond = (sendResponse: boolean) =>
      world.services.responseService.respond(USER, id, { response: 'tentative', sendResponse });
    await respond(false);
    expect(await previewed()).toEqual([]);
    await respond(true);
    const { mails } = await world.services.previewService.preview(USER, {});
    expect(mails).toEqual([{ eventId: id, subject: 'Visit', operation: 'respond', recipients: ['boss@example.com'] }]);
    expect(world.simulator.outbox).toEqual([]);
  });
});

describe('a change that was made too long ago', () => {
  const far = { ...meeting, start: berlin('2026-06-10T09:00:00'), end: berlin('2026-06-10T10:00:00') };

  it('is held instead of mailing guests weeks later, says so, and goes when it is made again', async () => {
    expectMails();
    await world.services.settings.put(USER, { notifyAttendees: 'all' });
    const id = await known(far);
    await service().update(USER, id, { subject: 'Talk', categories: ['Blue'] });
    world.clock.advance(15 * DAY_MS);
    expect(await previewed()).toEqual([]);
    await world.sync();
    expect(outbox()).toEqual([]);
    expect(await service().get(USER, id)).toMatchObject({
      syncState: 'synced',
      held: ['subject'],
      notices: [{ code: 'STALE_CHANGE_HELD' }],
    });
    const { graphEventId = '' } = await world.get(id);
    expect(world.mailbox.getEvent(graphEventId)).toMatchObject({ subject: 'Visit', categories: ['Blue'] });
    // Not even when Outlook's next change brings the event up again, or the policy is set anew.
    world.mailbox.quietly(() => world.mailbox.updateEvent(graphEventId, { importance: 'high' }));
    await world.sync();
    await world.services.settings.put(USER, { notifyAttendees: 'changes' });
    await world.sync();
    expect(outbox()).toEqual([]);
    expect((await service().get(USER, id)).notices).toMatchObject([{ code: 'STALE_CHANGE_HELD' }]);
    world.clock.advance(60_000);
    await service().update(USER, id, { subject: 'Long talk' });
    await world.sync();
    expect(outbox()).toEqual([update(ANN)]);
    expect(await service().get(USER, id)).toMatchObject({ held: [], notices: [] });
    await expectQuiet(world);
  });

  it('cancels nothing either', async () => {
    await world.services.settings.put(USER, { notifyAttendees: 'all' });
    const id = await known(far);
    await service().delete(USER, id);
    world.clock.advance(15 * DAY_MS);
    expect(await previewed()).toEqual([]);
    await world.sync();
    expect(outbox()).toEqual([]);
    expect(world.mailbox.listEvents()).toHaveLength(1);
    await expectQuiet(world);
  });

  it('is also one to a meeting that is over by now', async () => {
    await world.services.settings.put(USER, { notifyAttendees: 'all' });
    const id = await known();
    await service().update(USER, id, { start: berlin('2026-03-10T09:30:00') });
    world.clock.advance(10 * DAY_MS);
    await world.sync();
    expect(outbox()).toEqual([]);
    expect((await service().get(USER, id)).notices).toMatchObject([{ code: 'STALE_CHANGE_HELD' }]);
  });
});
