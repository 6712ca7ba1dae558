import { describe, expect, it } from 'vitest';
import { aGuest, anEvent, aSeries, at } from '../../test/support/events.ts';
import type { Unit } from './canonical-event.ts';
import type { PersonalDecision } from './conflict-resolver.service.ts';
import type { EventContent } from './event.ts';
import { CONFLICT_STRATEGIES, type ConflictStrategy } from './settings.ts';
import { type EventPlan, type PlanInput, planEvent, type SideState } from './sync-plan.ts';
import type { AgreedContent } from './three-way-merge.ts';

const visit = anEvent({ subject: 'Visit' });
const here = anEvent({ subject: 'here' });
const there = anEvent({ subject: 'there' });
const early = new Date('2026-03-09T08:00:00Z');
const late = new Date('2026-03-09T09:00:00Z');

const present = (content: EventContent, modifiedAt = early): SideState => ({ state: 'present', content, modifiedAt });
const deleted = (deletedAt = early): SideState => ({ state: 'deleted', deletedAt });
const agreedOn = (content: EventContent, ...conflictUnits: Unit[]): AgreedContent => ({
  local: content,
  remote: content,
  conflictUnits,
});
const plan = (input: Partial<PlanInput>): EventPlan =>
  planEvent({ base: agreedOn(visit), local: present(visit), remote: present(visit), strategy: 'manual', ...input });
const savedBase = ({ base }: EventPlan) => (base.kind === 'save' ? base.agreed : undefined);

describe('without a conflict', () => {
  it('does nothing when nothing changed, but learns how Graph spells it now', () => {
    const respelled = anEvent({ ...visit, start: at('2026-03-09T09:00:00.0000000', 'W. Europe Standard Time') });
    const quiet = plan({ remote: present(respelled) });
    expect(quiet).toMatchObject({ action: 'none', local: { kind: 'keep' }, isPushNeeded: false });
    expect(savedBase(quiet)).toEqual({ local: visit, remote: respelled, conflictUnits: [] });
  });

  it('takes over what is new there, and sends what is new here', () => {
    const absent: SideState = { state: 'absent' };
    expect(plan({ base: null, local: absent, remote: present(there) })).toMatchObject({
      action: 'apply-remote',
      local: { kind: 'write', content: there },
      base: { kind: 'save', agreed: { local: there, remote: there, conflictUnits: [] } },
      isPushNeeded: false,
    });
    expect(plan({ base: null, local: present(here), remote: absent })).toMatchObject({
      action: 'push-local',
      local: { kind: 'keep' },
      isPushNeeded: true,
    });
  });

  it('merges edits of different fields, sends ours and writes theirs, and records nothing', () => {
    const merged = plan({
      local: present(anEvent({ ...visit, categories: ['Travel'] })),
      remote: present(anEvent({ ...visit, locations: [{ displayName: 'Yard' }] })),
    });
    expect(merged.local).toEqual({
      kind: 'write',
      content: anEvent({ ...visit, categories: ['Travel'], locations: [{ displayName: 'Yard' }] }),
      units: ['locations'],
    });
    expect(merged).toMatchObject({ action: 'merge', isPushNeeded: true });
    expect(merged.conflict).toBeUndefined();
  });

  it('deletes here what is gone there, and there what is gone here', () => {
    expect(plan({ remote: deleted() })).toEqual({
      action: 'delete-local',
      local: { kind: 'delete' },
      base: { kind: 'drop' },
      isPushNeeded: false,
    });
    expect(plan({ local: deleted() })).toMatchObject({
      action: 'delete-remote',
      local: { kind: 'keep' },
      isPushNeeded: true,
    });
    expect(plan({ local: deleted(), remote: deleted() })).toMatchObject({ action: 'none', base: { kind: 'drop' } });
  });

  it('keeps the guard of a deletion fresh: what Graph says now is what is agreed on', () => {
    const respelled = anEvent({
      ...visit,
      categories: [],
      attendees: [],
      body: { contentType: 'text', content: '\r\n' },
    });
    expect(savedBase(plan({ local: deleted(), remote: present(respelled) }))?.remote).toBe(respelled);
  });

  it('does not bring back an event Outlook deleted for what is kept from Outlook anyway', () => {
    const withGuests = anEvent({ ...visit, attendees: [aGuest('ada@example.com')] });
    const input = { local: present(withGuests), remote: deleted() };
    for (const strategy of CONFLICT_STRATEGIES) {
      expect(plan({ ...input, strategy, heldUnits: ['attendees'] })).toEqual({
        action: 'delete-local',
        local: { kind: 'delete' },
        base: { kind: 'drop' },
        isPushNeeded: false,
      });
      expect(plan({ ...input, strategy }).conflict?.type).toBe('LOCAL_UPDATE_REMOTE_DELETE');
      expect(
        plan({ ...input, local: present({ ...withGuests, subject: 'here' }), strategy, heldUnits: ['attendees'] })
          .conflict,
      ).toBeDefined();
    }
  });

  it('but asks about what was kept and also waits for a decision', () => {
    const withGuests = anEvent({ ...visit, attendees: [aGuest('ada@example.com')] });
    const undecided = { base: agreedOn(visit, 'attendees'), local: present(withGuests), remote: deleted() };
    expect(plan({ ...undecided, heldUnits: ['attendees'] }).conflict).toMatchObject({ units: ['attendees'] });
  });
});

describe("guests' answers", () => {
  const answering = (response: string) =>
    anEvent({
      ...visit,
      attendees: [aGuest('ada@example.com', { status: { response, time: '2026-03-01T00:00:00Z' } })],
    });
  const unasked = anEvent({ ...visit, attendees: [aGuest('ADA@example.com')] });

  it('are written down, and are nobody’s change', () => {
    const news = plan({ base: agreedOn(unasked), local: present(unasked), remote: present(answering('accepted')) });
    expect(news).toMatchObject({
      action: 'none',
      local: { kind: 'write', units: ['attendees'], content: { attendees: [{ status: { response: 'accepted' } }] } },
      isPushNeeded: false,
    });
    expect(news.conflict).toBeUndefined();
  });

  it('are no news when they are known, or when there is none', () => {
    const known = answering('accepted');
    expect(plan({ base: agreedOn(known), local: present(known), remote: present(known) }).local.kind).toBe('keep');
    expect(
      plan({ base: agreedOn(unasked), local: present(unasked), remote: present(answering('none')) }).local.kind,
    ).toBe('keep');
  });

  it('are news when they are others, or of another time', () => {
    const answered = (response: string, time: string) =>
      anEvent({ ...visit, attendees: [aGuest('ada@example.com', { status: { response, time } })] });
    const first = answered('accepted', '2026-03-01T00:00:00Z');
    for (const next of [answered('declined', '2026-03-01T00:00:00Z'), answered('accepted', '2026-03-02T00:00:00Z')]) {
      const news = plan({ base: agreedOn(first), local: present(first), remote: present(next) });
      expect(news.local).toMatchObject({ kind: 'write', content: { attendees: next.attendees } });
    }
    const nobody = answered('none', '2026-03-02T00:00:00Z');
    expect(
      plan({ base: agreedOn(nobody), local: present(nobody), remote: present(answered('none', '')) }).local.kind,
    ).toBe('keep');
  });
});

type Expected = 'local' | 'remote' | 'waits';

describe.each<[ConflictStrategy, Record<'edits' | 'deletedHere' | 'deletedThere' | 'madeTwice', Expected>]>([
  ['prefer_local', { edits: 'local', deletedHere: 'local', deletedThere: 'local', madeTwice: 'local' }],
  ['prefer_remote', { edits: 'remote', deletedHere: 'remote', deletedThere: 'remote', madeTwice: 'remote' }],
  ['prefer_latest', { edits: 'remote', deletedHere: 'remote', deletedThere: 'local', madeTwice: 'remote' }],
  ['merge', { edits: 'waits', deletedHere: 'remote', deletedThere: 'local', madeTwice: 'waits' }],
  ['manual', { edits: 'waits', deletedHere: 'waits', deletedThere: 'waits', madeTwice: 'waits' }],
])('%s, the remote edit being later', (strategy, expected) => {
  const status = (outcome: Expected) => (outcome === 'waits' ? 'pending' : 'decided');

  it('decides two edits of one field', () => {
    const decided = plan({ local: present(here), remote: present(there, late), strategy });
    expect(decided.conflict).toEqual({
      type: 'UPDATE_UPDATE',
      status: status(expected.edits),
      units: ['subject'],
      base: visit,
      local: here,
      remote: there,
    });
    expect(decided.local.kind).toBe(expected.edits === 'remote' ? 'write' : 'keep');
    expect(decided.isPushNeeded).toBe(expected.edits === 'local');
    expect(savedBase(decided)?.conflictUnits).toEqual(expected.edits === 'waits' ? ['subject'] : []);
  });

  it('decides a deletion here against an edit there', () => {
    const decided = plan({ local: deleted(), remote: present(there, late), strategy });
    expect(decided.conflict).toEqual({
      type: 'LOCAL_DELETE_REMOTE_UPDATE',
      status: status(expected.deletedHere),
      units: ['subject'],
      base: visit,
      local: null,
      remote: there,
    });
    expect(decided.local.kind).toBe(expected.deletedHere === 'remote' ? 'write' : 'keep');
    expect(decided.isPushNeeded).toBe(expected.deletedHere === 'local');
    // What was seen there is agreed on, unless it waits: then all stays as it was, but for what is argued about.
    const waits = agreedOn(visit, 'subject');
    expect(savedBase(decided)).toEqual(expected.deletedHere === 'waits' ? waits : agreedOn(there));
  });

  it('decides a deletion there against an edit here', () => {
    const decided = plan({ local: present(here), remote: deleted(), strategy });
    expect(decided.conflict).toEqual({
      type: 'LOCAL_UPDATE_REMOTE_DELETE',
      status: status(expected.deletedThere),
      units: ['subject'],
      base: visit,
      local: here,
      remote: null,
    });
    expect(decided.local.kind).toBe(expected.deletedThere === 'remote' ? 'delete' : 'keep');
    const base = { local: 'recreate', remote: 'drop', waits: 'save' }[expected.deletedThere];
    expect(decided.base.kind).toBe(base);
    expect(decided.isPushNeeded).toBe(expected.deletedThere === 'local');
    if (expected.deletedThere === 'waits') expect(savedBase(decided)).toEqual(agreedOn(visit, 'subject'));
  });

  it('decides what was made on both sides', () => {
    const decided = plan({ base: null, local: present(here), remote: present(there, late), strategy });
    expect(decided.conflict).toEqual({
      type: 'DUPLICATE_CREATE',
      status: status(expected.madeTwice),
      units: ['subject'],
      base: null,
      local: here,
      remote: there,
    });
    expect(savedBase(decided)?.conflictUnits).toEqual(expected.madeTwice === 'waits' ? ['subject'] : []);
  });
});

describe('prefer_latest, the edit here being later', () => {
  it('keeps it, against an edit there and against an event made there', () => {
    for (const base of [agreedOn(visit), null]) {
      const input = { base, local: present(here, late), remote: present(there, early) };
      const decided = plan({ ...input, strategy: 'prefer_latest' });
      expect(decided).toMatchObject({ local: { kind: 'keep' }, isPushNeeded: true });
      expect(plan({ ...input, local: present(here, early), strategy: 'prefer_latest' }).local.kind).toBe('write');
    }
  });
});

describe('a deletion whose rival nobody can date', () => {
  it('gives way to the edit', () => {
    const undated: SideState = { state: 'present', content: there };
    expect(plan({ local: deleted(late), remote: undated, strategy: 'prefer_latest' }).local).toMatchObject({
      content: there,
    });
  });
});

describe('a person decides', () => {
  const waiting = agreedOn(visit, 'subject');
  const own: PersonalDecision = {
    resolution: 'manual',
    values: {
      content: anEvent({ subject: 'both', locations: [{ displayName: 'Yard' }] }),
      units: ['subject', 'locations'],
    },
  };
  const decide = (decision: PersonalDecision, input: Partial<PlanInput> = {}) =>
    plan({ base: waiting, local: present(here), remote: present(there, late), decision, ...input });

  it('and their own words are kept on both sides, also those nobody argued about', () => {
    const decided = decide(own);
    expect(decided.local).toMatchObject({ content: { subject: 'both', locations: [{ displayName: 'Yard' }] } });
    expect(savedBase(decided)).toEqual({ local: there, remote: there, conflictUnits: [] });
    expect(decided.isPushNeeded).toBe(true);
  });

  it('and nothing is written here when their words stand here already', () => {
    const decided = decide({ resolution: 'manual', values: { content: here, units: ['subject'] } });
    expect(decided).toMatchObject({ local: { kind: 'keep' }, isPushNeeded: true });
  });

  it.each([
    ['agree', there],
    ['take both changes back', visit],
  ])('also when the sides have come to %s in the meantime', (_what, content) => {
    const decided = decide(own, { local: present(content), remote: present(content) });
    expect(decided.local).toMatchObject({ content: { subject: 'both', locations: [{ displayName: 'Yard' }] } });
    expect(decided.isPushNeeded).toBe(true);
  });

  it.each<[ConflictStrategy, EventPlan['local']['kind'], boolean]>([
    ['prefer_local', 'keep', true],
    ['prefer_remote', 'write', false],
    ['prefer_latest', 'write', false],
    ['merge', 'write', false],
  ])('about a deletion here: %s', (resolution, local, isPushNeeded) => {
    const decided = decide({ resolution }, { local: deleted() });
    expect(decided).toMatchObject({ local: { kind: local }, isPushNeeded, conflict: { status: 'decided' } });
  });

  it('about a deletion here by which of the two was later', () => {
    const later = new Date('2026-03-09T10:00:00Z');
    const decided = decide({ resolution: 'prefer_latest' }, { local: deleted(later) });
    expect(decided).toMatchObject({ local: { kind: 'keep' }, isPushNeeded: true });
  });

  it.each<[ConflictStrategy, EventPlan['base']['kind']]>([
    ['prefer_local', 'recreate'],
    ['prefer_remote', 'drop'],
    ['prefer_latest', 'recreate'],
    ['merge', 'recreate'],
  ])('about a deletion there: %s', (resolution, base) => {
    expect(decide({ resolution }, { remote: deleted() }).base.kind).toBe(base);
  });

  it('and a deletion ends with their own words when they give them', () => {
    const content = anEvent({ subject: 'both' });
    const decision: PersonalDecision = { resolution: 'manual', values: { content, units: ['subject'] } };
    expect(decide(decision, { local: deleted() })).toMatchObject({ local: { content }, isPushNeeded: true });
    expect(decide(decision, { remote: deleted() })).toMatchObject({ local: { content }, base: { kind: 'recreate' } });
  });

  it('about what they were shown, also when the edit has been taken back since', () => {
    const kept = decide({ resolution: 'prefer_local' }, { local: present(visit), remote: deleted() });
    expect(kept).toMatchObject({ base: { kind: 'recreate' }, isPushNeeded: true, conflict: { units: ['subject'] } });
    const restored = decide({ resolution: 'prefer_remote' }, { local: deleted(), remote: present(visit) });
    expect(restored.local).toMatchObject({ kind: 'write', content: visit });
  });

  it('and a rule of their own leaves no dates behind that it does not give', () => {
    const dated = aSeries({ occurrences: { '2026-03-16': { isCancelled: true } } });
    const content = aSeries({ recurrence: null });
    const decided = plan({
      base: agreedOn(aSeries(), 'time'),
      local: present(dated),
      remote: present(aSeries({ end: at('2026-03-09T11:00:00') })),
      decision: { resolution: 'manual', values: { content, units: ['time'] } },
    });
    expect(decided.local).toMatchObject({ content: { recurrence: null, occurrences: {} } });
  });

  it('and a rule of their own keeps what was said about the dates it does give', () => {
    const other = { isCancelled: false as const, fields: { subject: 'Other' } };
    const occurrences = { '2026-03-16': other, '2026-03-23': { isCancelled: true as const }, '2026-03-30': other };
    const { pattern, range } = aSeries().recurrence!;
    const fortnightly = { pattern: { ...pattern, interval: 2, firstDayOfWeek: 'monday' as const }, range };
    const decided = plan({
      base: agreedOn(aSeries({ occurrences }), 'time'),
      local: present(aSeries({ occurrences, end: at('2026-03-09T10:30:00') })),
      remote: present(aSeries({ occurrences, end: at('2026-03-09T11:00:00') })),
      decision: {
        resolution: 'manual',
        values: { content: aSeries({ recurrence: fortnightly }), units: ['time'] },
      },
    });
    const kept = { '2026-03-23': { isCancelled: true } };
    expect(decided.local).toMatchObject({ content: { recurrence: fortnightly } });
    expect(decided.local.kind === 'write' && decided.local.content.occurrences).toEqual(kept);
  });
});
