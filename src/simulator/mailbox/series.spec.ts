import { describe, expect, it } from 'vitest';
import { anEvent, aSeries, at, simulate } from '../../../test/support/simulator-client.ts';

const refusal = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'accepted';
};

describe('series', () => {
  it('keeps the wall clock across a change to summer time', () => {
    const { mailbox } = simulate();
    const { id } = mailbox.createEvent(aSeries());
    const starts = mailbox
      .occurrences(id, '2026-03-20T00:00:00Z', '2026-04-01T00:00:00Z')
      .map(({ start }) => start.dateTime);
    expect(starts).toEqual(['2026-03-23T08:00:00.0000000', '2026-03-30T07:00:00.0000000']);
  });

  it('keys occurrences at whole minutes', () => {
    const { mailbox } = simulate();
    const { id, start } = mailbox.createEvent(aSeries({ start: at('2026-03-02T09:00:12.8650000') }));
    expect(start.dateTime).toBe('2026-03-02T08:00:12.8650000');
    const [first] = mailbox.occurrences(id, '2026-03-02T00:00:00Z', '2026-03-03T00:00:00Z');
    expect(first!.start.dateTime).toBe('2026-03-02T08:00:00.0000000');
  });

  it("shows the first occurrence's time on a master whose start does not fit the pattern", () => {
    const { mailbox } = simulate();
    const recurrence = {
      pattern: { type: 'weekly', interval: 1, daysOfWeek: ['thursday'] },
      range: { type: 'noEnd', startDate: '2026-03-02' },
    };
    const master = mailbox.createEvent(aSeries({ recurrence }));
    expect(master.start.dateTime).toBe('2026-03-05T08:00:00.0000000');
    expect(
      mailbox.updateEvent(master.id, { start: at('2026-03-05T10:00:00'), end: at('2026-03-05T11:00:00') }).start
        .dateTime,
    ).toBe('2026-03-05T09:00:00.0000000');
  });

  it('turns a changed occurrence into an exception that keeps its id, and reads out what is gone', async () => {
    const { mailbox, call } = simulate();
    const master = mailbox.createEvent(aSeries());
    const [, second, third] = mailbox.occurrences(master.id, '2026-03-01T00:00:00Z', '2026-04-01T00:00:00Z');
    const changed = await call(
      'PATCH',
      `~/events/${second!.id}`,
      { subject: 'Special' },
      { prefer: 'IdType="ImmutableId"' },
    );
    expect(changed.body).toMatchObject({
      id: second!.id,
      type: 'exception',
      subject: 'Special',
      seriesMasterId: master.id,
      occurrenceId: `OID.${master.id}.2026-03-09`,
      recurrence: null,
    });
    expect(changed.body.iCalUId.slice(32, 40)).toBe('07EA0309');
    expect(changed.body.uid).toBe(master.iCalUId);
    expect((await call('DELETE', `~/events/${third!.id}`)).status).toBe(204);
    expect((await call('GET', `~/events/${third!.id}`)).body.error.code).toBe('ErrorItemNotFound');
    const whole = await call(
      'GET',
      `~/events/${master.id}?$select=subject,cancelledOccurrences,exceptionOccurrences&$expand=exceptionOccurrences`,
      undefined,
      { prefer: 'IdType="ImmutableId"' },
    );
    expect(whole.body.cancelledOccurrences).toEqual([`OID.${master.id}.2026-03-16`]);
    expect(whole.body.exceptionOccurrences).toMatchObject([{ id: second!.id, subject: 'Special' }]);
    expect((await call('GET', `~/events/${master.id}?$expand=exceptionOccurrences`)).body).not.toHaveProperty(
      'exceptionOccurrences',
    );
  });

  it('passes changes of the master on, except where an exception says otherwise', () => {
    const { mailbox } = simulate();
    const { id } = mailbox.createEvent(aSeries());
    mailbox.updateOccurrence(id, '2026-03-09', { subject: 'Special' });
    mailbox.updateEvent(id, { subject: 'Renamed', location: { displayName: 'Yard' } });
    const shown = mailbox
      .occurrences(id, '2026-03-01T00:00:00Z', '2026-03-17T00:00:00Z')
      .map(({ subject, location }) => [subject, location.displayName]);
    expect(shown).toEqual([
      ['Renamed', 'Yard'],
      ['Special', 'Yard'],
      ['Renamed', 'Yard'],
    ]);
  });

  it.each([
    [true, ['2026-03-02', '2026-03-09', '2026-03-16'], 'Standup'],
    [false, ['2026-03-02', '2026-03-09'], 'Special'],
  ])('drops exceptions when the time changes (switch %s)', (patternChangeDropsExceptions, left, subject) => {
    const { mailbox } = simulate({ switches: { patternChangeDropsExceptions } });
    const { id } = mailbox.createEvent(aSeries());
    mailbox.updateOccurrence(id, '2026-03-09', { subject: 'Special' });
    mailbox.deleteOccurrence(id, '2026-03-16');
    mailbox.updateEvent(id, { start: at('2026-03-02T11:00:00'), end: at('2026-03-02T11:30:00') });
    const members = mailbox.occurrences(id, '2026-03-01T00:00:00Z', '2026-03-18T00:00:00Z');
    expect(members.map(({ occurrenceId }) => occurrenceId!.slice(-10))).toEqual(left);
    expect(members[1]!.subject).toBe(subject);
  });

  it('keeps exceptions when only the end of the range changes', () => {
    const { mailbox } = simulate();
    const master = mailbox.createEvent(aSeries());
    mailbox.updateOccurrence(master.id, '2026-03-09', { subject: 'Special' });
    mailbox.updateOccurrence(master.id, '2026-04-13', { subject: 'Late' });
    const { pattern } = master.recurrence!;
    mailbox.updateEvent(master.id, {
      recurrence: { pattern, range: { type: 'endDate', startDate: '2026-03-02', endDate: '2026-03-31' } },
    });
    const members = mailbox.occurrences(master.id, '2026-03-01T00:00:00Z', '2026-06-01T00:00:00Z');
    expect(members.map(({ subject }) => subject)).toEqual(['Standup', 'Special', 'Standup', 'Standup', 'Standup']);
  });

  it('refuses to move an occurrence to the day of a neighbour', () => {
    const { mailbox } = simulate();
    const { id } = mailbox.createEvent(aSeries());
    const move = (day: string) =>
      refusal(() =>
        mailbox.updateOccurrence(id, '2026-03-09', { start: at(`${day}T09:00:00`), end: at(`${day}T09:30:00`) }),
      );
    expect(['2026-03-02', '2026-03-16', '2026-03-17', '2026-03-01'].map(move)).toEqual(
      Array(4).fill('ErrorOccurrenceCrossingBoundary'),
    );
    expect(move('2026-03-15')).toBe('accepted');
    mailbox.deleteOccurrence(id, '2026-03-16');
    expect(move('2026-03-17')).toBe('accepted');
  });

  it('refuses a change of zone without the recurrence alongside, and a stale range', () => {
    const { mailbox } = simulate();
    const master = mailbox.createEvent(aSeries());
    const utc = { start: at('2026-03-02T08:00:00', 'UTC'), end: at('2026-03-02T08:30:00', 'UTC') };
    expect(refusal(() => mailbox.updateEvent(master.id, utc))).toBe('ErrorPropertyValidationFailure');
    const moved = { start: at('2026-03-03T09:00:00'), end: at('2026-03-03T09:30:00') };
    expect(refusal(() => mailbox.updateEvent(master.id, moved))).toBe('ErrorPropertyValidationFailure');
    expect(refusal(() => mailbox.updateEvent(master.id, { ...moved, recurrence: master.recurrence }))).toBe(
      'ErrorPropertyValidationFailure',
    );
    const iana = { start: at('2026-03-02T10:00:00', 'Europe/Berlin'), end: at('2026-03-02T10:30:00', 'Europe/Berlin') };
    expect(refusal(() => mailbox.updateEvent(master.id, iana))).toBe('accepted');
  });

  it('turns a single event into a series and back, the same item all along', () => {
    const { mailbox } = simulate();
    const single = mailbox.createEvent(anEvent());
    const recurrence = {
      pattern: { type: 'daily', interval: 1 },
      range: { type: 'numbered', startDate: '2026-03-04', numberOfOccurrences: 3 },
    };
    const master = mailbox.updateEvent(single.id, { recurrence });
    expect([master.type, master.id, master.iCalUId]).toEqual(['seriesMaster', single.id, single.iCalUId]);
    expect(mailbox.updateEvent(single.id, { recurrence: null })).toMatchObject({
      type: 'singleInstance',
      recurrence: null,
    });
  });

  it('lists the members of one series in a window, which it insists on', async () => {
    const { mailbox, call } = simulate();
    const { id } = mailbox.createEvent(aSeries());
    expect((await call('GET', `~/events/${id}/instances`)).body.error.code).toBe('ErrorInvalidParameter');
    const { body } = await call(
      'GET',
      `~/events/${id}/instances?startDateTime=2026-03-08T00:00:00Z&endDateTime=2026-03-20T00:00:00Z&$select=start`,
    );
    expect(body.value).toHaveLength(2);
  });
});
