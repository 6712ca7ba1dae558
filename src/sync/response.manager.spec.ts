import { describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import { SyncError } from '../core/errors.ts';
import { RESPONSE_STATUS } from '../core/event-response.ts';
import { DEFAULT_CALENDAR_ID, type EventId, type GraphEventId, type UserId } from '../core/ids.ts';
import { silentLogger } from '../core/runtime.ts';
import { STALE_AFTER_MS } from '../core/stale-change.ts';
import type { CalendarGraph, RemoteEvent } from '../graph/calendar-graph.ts';
import type { EventBase } from '../store/base.repository.ts';
import type { StoredResponse } from '../store/response.repository.ts';
import type { PlannedResponse } from './invitation-copy.ts';
import { ResponseManager } from './response.manager.ts';
import type { RunContext } from './run-context.ts';

const NOW = new Date('2026-03-02T08:00:00Z');
const thereAs = (id: string) => id as GraphEventId;

function answer(more: Partial<StoredResponse> = {}): StoredResponse {
  return {
    ...{ id: 'answer', userId: 'ada' as UserId, eventId: 'visit' as EventId, calendarId: DEFAULT_CALENDAR_ID },
    ...{ originalDate: '', response: 'accept', sendResponse: true, state: 'pending', requestedAt: NOW, attempts: 0 },
    ...more,
  };
}

interface Given {
  readonly owed: readonly StoredResponse[];
  /** What happens when an answer arrives; what it throws is what Graph says. */
  readonly onRespond?: (copies: Map<string, RemoteEvent>) => void;
  /** Somebody answers otherwise before this answer leaves. */
  readonly isOvertaken?: boolean;
  /** Answering gives the copy another id. */
  readonly replaces?: boolean;
  readonly isAborted?: boolean;
}

/** A mailbox with one invitation, known here, and a manager whose writes are only listed. */
function world({ owed, onRespond, isOvertaken = false, isAborted = false, replaces = false }: Given) {
  const done: string[] = [];
  const settled: PlannedResponse[] = [];
  const errors: unknown[] = [];
  const invitation = (id: string, response = 'notResponded') =>
    ({
      ...{ id, content: anEvent() },
      facts: { isOrganizer: false, isCancelled: false, iCalUId: 'uid', responseStatus: { response } },
    }) as RemoteEvent;
  const copies = new Map([['there', invitation('there')]]);
  const graph: Partial<CalendarGraph> = {
    readEvents: async (_session, ids) => new Map(ids.map((id) => [id, copies.get(id) ?? 'gone'])),
    findByICalUId: async (_session, uid) => [...copies.values()].find(({ facts }) => facts.iCalUId === uid),
    findOccurrences: async () => new Map([['2026-03-10', { id: thereAs('there') } as never]]),
    respond: async (_session, id, { response }) => {
      done.push(`sent ${response} to ${id}`);
      onRespond?.(copies);
      copies.delete(id);
      const now = replaces ? 'new' : id;
      copies.set(now, invitation(now, RESPONSE_STATUS[response]));
    },
  };
  const base = { graphEventId: thereAs('there'), iCalUId: 'uid', local: anEvent() } as EventBase;
  const manager = new ResponseManager({
    ...{ graph, logger: silentLogger },
    db: { transaction: async (work: (tx: unknown) => unknown) => work({}) },
    leases: { assert: async () => undefined },
    events: { find: async () => ({ content: anEvent() }) },
    bases: { findByEventIds: async () => new Map([['visit', base]]) },
    responses: {
      listOwed: async () => owed,
      markSending: async () => {
        done.push('marked');
        return !isOvertaken;
      },
      unmarkSending: async (_tx: unknown, { state }: StoredResponse) => done.push(`unmarked, ${state}`),
    },
    recorder: {
      settle: async (_context: unknown, planned: PlannedResponse, error: unknown) => {
        settled.push(planned);
        errors.push(error);
        done.push(`settled: ${planned.step.do === 'refuse' ? planned.step.code : planned.step.do}`);
      },
    },
  } as never);
  const signal = isAborted ? AbortSignal.abort() : new AbortController().signal;
  const context = { userId: 'ada', now: NOW, signal, jobId: 'job' } as Partial<RunContext> as RunContext;
  return { manager, context, done, settled, errors, copies, invitation };
}

const says = (code: SyncError['code'], more: ConstructorParameters<typeof SyncError>[2] = {}) =>
  new SyncError(code, 'said by Graph', more);
const failing = (error: unknown) => () => {
  throw error;
};

describe('an answer', () => {
  it('is marked before it leaves, sent once, and settled by what Graph then has', async () => {
    const { manager, context, done, settled } = world({ owed: [answer()] });
    expect(await manager.push(context)).toBeUndefined();
    expect(done).toEqual(['marked', 'sent accept to there', 'settled: send']);
    expect(settled[0]?.copy).toMatchObject({ event: { facts: { responseStatus: { response: 'accepted' } } } });
  });

  it('is not sent when another was given meanwhile, nor in a run that was cancelled', async () => {
    const overtaken = world({ owed: [answer()], isOvertaken: true });
    expect(await overtaken.manager.push(overtaken.context)).toBeUndefined();
    expect(overtaken.done).toEqual(['marked']);
    const cancelled = world({ owed: [answer()], isAborted: true });
    await expect(cancelled.manager.push(cancelled.context)).rejects.toMatchObject({ code: 'cancelled' });
    expect(cancelled.done).toEqual([]);
  });

  it.each<[string, Partial<StoredResponse>, string]>([
    ['is settled when it was given in Outlook', {}, 'settled: settle'],
    ['is sent for its comment all the same', { comment: 'With pleasure' }, 'sent accept to there'],
    ['is settled, comment and all, when it was sent before', { comment: 'Yes', state: 'sending' }, 'settled: settle'],
  ])('that Graph has already %s', async (_what, more, expected) => {
    const { manager, context, done, copies, invitation } = world({ owed: [answer(more)] });
    copies.set('there', invitation('there', 'accepted'));
    await manager.push(context);
    expect(done).toContain(expected);
  });

  it.each<[string, Partial<StoredResponse>, string]>([
    ['is refused', {}, 'settled: ErrorItemNotFound'],
    ['is refused when it was never sent', { response: 'decline' }, 'settled: ErrorItemNotFound'],
    ['is what took it away', { response: 'decline', state: 'sending' }, 'settled: settle'],
  ])('to a meeting that is not there any more %s', async (_what, more, expected) => {
    const { manager, context, done, copies } = world({ owed: [answer(more)] });
    copies.clear();
    await manager.push(context);
    expect(done).toEqual([expected]);
  });

  it('is planned without anything being sent or written', async () => {
    const { manager, context, done } = world({ owed: [answer(), answer({ response: 'decline' })] });
    expect((await manager.plan(context)).map(({ step }) => step.do)).toEqual(['send', 'send']);
    expect(done).toEqual([]);
  });

  it('is too late after two weeks, and not a moment before; what arrived long ago is settled all the same', async () => {
    const given = (ms: number, more = {}) => answer({ requestedAt: new Date(NOW.getTime() - ms), ...more });
    const late = world({ owed: [given(STALE_AFTER_MS + 1)] });
    await late.manager.push(late.context);
    expect(late.done).toEqual(['settled: STALE_RESPONSE']);
    const inTime = world({ owed: [given(STALE_AFTER_MS)] });
    await inTime.manager.push(inTime.context);
    expect(inTime.done).toContain('sent accept to there');
    const arrived = world({ owed: [given(STALE_AFTER_MS + 1, { state: 'sending' })] });
    arrived.copies.set('there', arrived.invitation('there', 'accepted'));
    await arrived.manager.push(arrived.context);
    expect(arrived.done).toEqual(['settled: settle']);
  });
});

describe('an answer that Graph does not take', () => {
  it.each<[string, SyncError]>([
    ['for being asked too often', says('throttled')],
    ['before it knows who asks', says('unauthenticated')],
    ['because it was never asked', says('unavailable', { details: { isUnasked: true } })],
  ])('%s is as if it had not been sent, and ends the run', async (_why, error) => {
    for (const state of ['pending', 'sending'] as const) {
      const { manager, context, done } = world({ owed: [answer({ state })], onRespond: failing(error) });
      await expect(manager.push(context)).rejects.toBe(error);
      expect(done).toEqual(['marked', 'sent accept to there', `unmarked, ${state}`]);
    }
  });

  it('because another worker has the mailbox, or by a bug, ends the run and stays marked', async () => {
    for (const error of [says('lease-lost'), new Error('bug')]) {
      const { manager, context, done } = world({ owed: [answer()], onRespond: failing(error) });
      await expect(manager.push(context)).rejects.toBe(error);
      expect(done).toEqual(['marked', 'sent accept to there']);
    }
  });

  it('for good is refused with what Graph said', async () => {
    const named = says('rejected', { graphCode: 'ErrorInvalidRequest' });
    const { manager, context, done, errors } = world({ owed: [answer()], onRespond: failing(named) });
    expect(await manager.push(context)).toBeUndefined();
    expect(done).toEqual(['marked', 'sent accept to there', 'settled: ErrorInvalidRequest']);
    expect(errors).toEqual([named]);
    const unnamed = world({ owed: [answer()], onRespond: failing(says('rejected')) });
    await unnamed.manager.push(unnamed.context);
    expect(unnamed.done.at(-1)).toBe('settled: rejected');
  });
});

describe('an answer of which nothing is heard', () => {
  const unheard = says('unavailable');

  it('is settled when it is found to have arrived, comment or not', async () => {
    for (const comment of [undefined, 'With pleasure']) {
      const onRespond = (copies: Map<string, RemoteEvent>) => {
        copies.set('there', invitation('there', 'accepted'));
        throw unheard;
      };
      const { manager, context, done, invitation } = world({ owed: [answer({ comment })], onRespond });
      expect(await manager.push(context)).toBeUndefined();
      expect(done).toEqual(['marked', 'sent accept to there', 'settled: settle']);
    }
  });

  it('stays owed up to the fifth time, and is refused then', async () => {
    for (const attempts of [0, 3]) {
      const { manager, context, done } = world({ owed: [answer({ attempts })], onRespond: failing(unheard) });
      expect(await manager.push(context)).toBe(unheard);
      expect(done).toEqual(['marked', 'sent accept to there']);
    }
    const last = world({ owed: [answer({ attempts: 4 })], onRespond: failing(unheard) });
    expect(await last.manager.push(last.context)).toBeUndefined();
    expect(last.done.at(-1)).toBe('settled: unavailable');
  });

  it('keeps no other from being sent, and is what the run ends with', async () => {
    let asked = 0;
    const onRespond = () => {
      asked += 1;
      if (asked === 1) throw unheard;
    };
    const { manager, context, done } = world({ owed: [answer(), answer({ response: 'tentative' })], onRespond });
    expect(await manager.push(context)).toBe(unheard);
    expect(done.at(-1)).toBe('settled: send');
  });
});

describe('what an answer does to the copy', () => {
  it('is found under its new id when accepting made another, and not looked for when the meeting was declined', async () => {
    const accepted = world({ owed: [answer()], replaces: true });
    await accepted.manager.push(accepted.context);
    expect(accepted.settled[0]?.copy).toMatchObject({ event: { id: 'new' }, master: 'new' });
    const declined = world({ owed: [answer({ response: 'decline' })], replaces: true });
    await declined.manager.push(declined.context);
    expect(declined.settled[0]?.copy).toEqual({ event: 'gone', master: undefined });
  });

  it('of one date is not looked for: its series stays what it was', async () => {
    const { manager, context, settled } = world({
      owed: [answer({ originalDate: '2026-03-10', response: 'decline' })],
      replaces: true,
    });
    await manager.push(context);
    expect(settled[0]?.copy).toMatchObject({ event: { id: 'there' }, master: 'there' });
  });
});
