import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { expectMails } from '../../test/support/outbox-watch.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventContent } from '../core/event.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId } from '../core/ids.ts';
import { CONFLICT_STRATEGIES, NOTIFY_POLICIES } from '../core/settings.ts';
import type { OutboxMail } from '../simulator/index.ts';
import type { Mail } from './outgoing-mails.ts';
import type { PreviewView } from './preview.service.ts';
import type { SyncRequest } from './run-request.ts';

/** What happens between two runs. Numbers pick one of the events there are. */
type Step =
  | {
      readonly do: 'book' | 'create there';
      readonly day: number;
      readonly isSeries: boolean;
      readonly hasGuests: boolean;
    }
  | {
      readonly do: 'edit' | 'edit there' | 'remove' | 'remove there' | 'touch there';
      readonly pick: number;
      readonly field: number;
    }
  | { readonly do: 'cancel a date' | 'cancel a date there'; readonly pick: number }
  | { readonly do: 'notify'; readonly policy: (typeof NOTIFY_POLICIES)[number] }
  | { readonly do: 'rules'; readonly isOn: boolean }
  | { readonly do: 'expire tokens' };

interface Round {
  readonly steps: readonly Step[];
  readonly request: SyncRequest;
}

const pick = fc.nat({ max: 999 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('book' as const, 'create there' as const),
      day: fc.integer({ min: 0, max: 40 }),
      isSeries: fc.boolean(),
      hasGuests: fc.boolean(),
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'edit' as const,
        'edit there' as const,
        'remove' as const,
        'remove there' as const,
        'touch there' as const,
      ),
      pick,
      field: fc.nat({ max: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('cancel a date' as const, 'cancel a date there' as const), pick }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('notify' as const), policy: fc.constantFrom(...NOTIFY_POLICIES) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rules' as const), isOn: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'expire tokens' as const }) },
);
const round: fc.Arbitrary<Round> = fc.record({
  steps: fc.array(step, { maxLength: 8 }),
  request: fc.record(
    {
      conflictResolution: fc.constantFrom(...CONFLICT_STRATEGIES),
      direction: fc.constantFrom('pull' as const, 'bidirectional' as const),
      forceFull: fc.boolean(),
    },
    { requiredKeys: [] },
  ),
});

let world: SyncWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

describe('whatever happened on both sides', () => {
  it('what a preview tells is what the run then does, and afterwards there is nothing to tell', async () => {
    expectMails('perhaps');
    await fc.assert(
      fc.asyncProperty(fc.array(round, { minLength: 2, maxLength: 6 }), async (rounds) => {
        await world?.close();
        world = await SyncWorld.open();
        const story = new Story(world);
        for (const { steps, request } of rounds) {
          for (const next of steps) await story.tell(next);
          await story.previewAndRun(request);
        }
      }),
      { numRuns: 8, endOnFailure: true },
    );
  }, 300_000);
});

class Story {
  readonly #world: SyncWorld;
  #count = 0;

  constructor(of: SyncWorld) {
    this.#world = of;
  }

  async tell(next: Step): Promise<void> {
    const { mailbox, services, simulator, clock } = this.#world;
    clock.advance(61_000);
    this.#count += 1;
    switch (next.do) {
      case 'book':
        await this.#world.book(this.#event(next));
        return;
      case 'create there':
        mailbox.createEvent(this.#event(next));
        return;
      case 'edit':
        return this.#withLocal(next.pick, (id) => this.#world.edit(id, this.#change(next.field)));
      case 'edit there':
        return this.#withRemote(next.pick, (id) => mailbox.updateEvent(id, this.#change(next.field)));
      case 'remove':
        return this.#withLocal(next.pick, (id) => this.#world.remove(id));
      case 'remove there':
        return this.#withRemote(next.pick, (id) => mailbox.deleteEvent(id));
      case 'touch there':
        return this.#withRemote(next.pick, (id) => mailbox.touch(id));
      case 'cancel a date':
        return this.#withLocal(next.pick, (id) => this.#world.editContent(id, withoutFirstDate));
      case 'cancel a date there':
        return this.#withRemote(next.pick, (id, date) => date && mailbox.deleteOccurrence(id, date));
      case 'notify':
        await services.settings.put(USER, { notifyAttendees: next.policy });
        return;
      case 'rules':
        await services.settings.put(USER, { rules: next.isOn ? [{ action: 'exclude', categories: ['Private'] }] : [] });
        return;
      case 'expire tokens':
        simulator.expireDeltaTokens();
    }
  }

  async previewAndRun(request: SyncRequest): Promise<void> {
    const { services, simulator } = this.#world;
    simulator.clearLog();
    const preview = await services.previewService.preview(USER, request);
    expect(simulator.writes()).toEqual([]);
    const { jobId } = await services.runService.start(USER, request);
    const run = await services.runService.status(USER, (await this.#world.carryOut(jobId)).id);
    expect(preview.wouldRefuse !== null).toBe(run.error?.code === 'MASS_DELETE_REFUSED');
    if (run.error) return;
    expect(joined(preview.mails)).toEqual(mailed(simulator.outbox));
    const { local, remote, conflictsDetected: conflicts } = run.result;
    expect({ local: preview.local, remote: preview.remote, conflicts: preview.conflicts }).toEqual({
      local,
      remote,
      conflicts,
    });
    if (request.direction === 'pull') return;
    const { counts, items } = countsOf(await services.previewService.preview(USER, { ...request, forceFull: false }));
    expect({ counts, items }).toEqual({ counts: [0, 0, 0, 0, 0, 0], items: [] });
  }

  #event({ day, isSeries, hasGuests }: { day: number; isSeries: boolean; hasGuests: boolean }): EventInput {
    const date = new Date(Date.parse('2026-03-09T00:00:00Z') + day * 86_400_000).toISOString().slice(0, 10);
    const guest = { type: 'required' as const, emailAddress: { address: 'guest@example.com', name: 'Guest' } };
    return {
      subject: `event ${this.#count}`,
      start: { dateTime: `${date}T09:00:00`, timeZone: 'Europe/Berlin' },
      end: { dateTime: `${date}T10:00:00`, timeZone: 'Europe/Berlin' },
      ...(hasGuests ? { attendees: [guest] } : {}),
      ...(isSeries
        ? {
            recurrence: {
              pattern: { type: 'daily', interval: 1 },
              range: { type: 'numbered', startDate: date, numberOfOccurrences: 5 },
            },
          }
        : {}),
    };
  }

  #change(field: number): EventInput {
    const text = `change ${this.#count}`;
    const changes: EventInput[] = [
      { subject: text },
      { location: { displayName: text } },
      { importance: this.#count % 2 === 0 ? 'high' : 'low' },
      { categories: ['Private'] },
      { categories: [] },
    ];
    return changes[field] ?? { subject: text };
  }

  async #withLocal(picked: number, act: (id: EventId) => Promise<void>): Promise<void> {
    const all = await this.#world.all();
    const event = all[picked % Math.max(all.length, 1)];
    if (event) await act(event.id);
  }

  #withRemote(picked: number, act: (id: string, firstDate: string | undefined) => unknown): void {
    const all = this.#world.mailbox.listEvents();
    const event = all[picked % Math.max(all.length, 1)];
    if (!event) return;
    const cancelled = event.recurrence ? this.#world.mailbox.cancelledDates(event.id) : [];
    const start = event.recurrence?.range.startDate;
    act(event.id, start && !cancelled.includes(start) ? start : undefined);
  }
}

const OPERATION = { invitation: 'invite', update: 'update', cancellation: 'cancel', response: 'respond' } as const;

/** What Exchange sent, as a preview tells it. */
function mailed(outbox: readonly OutboxMail[]): Mail[] {
  return joined(
    outbox.flatMap(({ kind, to }): Mail[] =>
      kind === 'forward' ? [] : [{ operation: OPERATION[kind], recipients: to }],
    ),
  );
}

/** Everybody who is mailed, kind by kind, whatever the number of mails. */
function joined(mails: readonly Mail[]): Mail[] {
  return Object.values(OPERATION).flatMap((operation): Mail[] => {
    const recipients = mails.filter((mail) => mail.operation === operation).flatMap((mail) => mail.recipients);
    return recipients.length > 0 ? [{ operation, recipients: [...new Set(recipients)].sort() }] : [];
  });
}

function countsOf({ local, remote, items }: PreviewView) {
  const counts = [local, remote].flatMap(({ created, updated, deleted }) => [created, updated, deleted]);
  // What is held, or waits for a decision, may be looked at again; nothing comes of it.
  return { counts, items: items.filter(({ operation }) => operation !== 'hold' && operation !== 'conflict') };
}

function withoutFirstDate(content: EventContent): EventContent {
  if (!content.recurrence) return content;
  const { startDate } = content.recurrence.range;
  return { ...content, occurrences: { ...content.occurrences, [startDate]: { isCancelled: true } } };
}
