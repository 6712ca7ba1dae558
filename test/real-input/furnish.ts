import { unitsOf } from '../../src/core/canonical-event.ts';
import { isSyncError } from '../../src/core/errors.ts';
import type { EventContent } from '../../src/core/event.ts';
import { singleContent } from '../../src/core/ics/ics-event.ts';
import { openIcs, readGroup } from '../../src/core/ics/ics-reader.ts';
import { assembleEvent } from '../../src/core/ics/ics-series.ts';
import { dateOfUnit, isOccurrenceUnit } from '../../src/core/outgoing-change.ts';
import { occurrenceContent, unitsOfFields } from '../../src/core/series.ts';
import { toCreateBody, toUpdateBody } from '../../src/graph/graph-event.mapper.ts';
import { GraphError, type SimulatedMailbox } from '../../src/simulator/index.ts';

/** How much of some material stands in the mailbox, and why the rest does not. */
export class Tally {
  loaded = 0;
  readonly refused = new Map<string, number>();

  refuse(reason: string): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
  }

  toString(): string {
    const reasons = [...this.refused].sort(([, a], [, b]) => b - a).map(([reason, count]) => `  ${count} × ${reason}`);
    const refused = [...this.refused.values()].reduce((sum, count) => sum + count, 0);
    return [`${this.loaded} loaded, ${refused} refused`, ...reasons].join('\n');
  }
}

/** Puts an event of the wire into the mailbox, as somebody in Outlook would. */
export function loadExample(mailbox: SimulatedMailbox, event: Record<string, unknown>, tally: Tally): void {
  try {
    mailbox.createEvent(event);
    tally.loaded += 1;
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    tally.refuse(`${error.code}: ${error.message.slice(0, 120)}`);
  }
}

/** Puts every event of a calendar file into the mailbox, series with their exceptions and cancelled dates. */
export function loadCalendarFile(mailbox: SimulatedMailbox, ics: string, tally: Tally): void {
  let file: ReturnType<typeof openIcs>;
  try {
    file = openIcs(ics, 'UTC');
  } catch (error) {
    if (!isSyncError(error)) throw error;
    tally.refuse(error.message);
    return;
  }
  for (const { message } of file.errors) tally.refuse(message);
  for (const group of file.groups) {
    const record = readGroup(group);
    const contents: EventContent[] = [];
    const errors = [...record.errors];
    if (record.master) {
      const assembled = assembleEvent(group.uid, record.master, record);
      contents.push(assembled.content, ...assembled.detached.map(({ content }) => content));
      errors.push(...assembled.errors);
    } else {
      contents.push(...record.exceptions.map(({ event }) => singleContent(event)));
    }
    for (const { message } of errors) tally.refuse(message);
    for (const content of contents) loadContent(mailbox, content, tally);
  }
}

function loadContent(mailbox: SimulatedMailbox, content: EventContent, tally: Tally): void {
  try {
    const { transactionId: _ours, ...body } = toCreateBody(content, { transactionId: '', sendAttendees: true });
    const { id } = mailbox.createEvent(body);
    for (const unit of unitsOf(content).filter(isOccurrenceUnit)) {
      const date = dateOfUnit(unit);
      const override = content.occurrences[date];
      if (!override) continue;
      if (override.isCancelled) mailbox.deleteOccurrence(id, date);
      else {
        const units = unitsOfFields(override.fields);
        mailbox.updateOccurrence(
          id,
          date,
          toUpdateBody(occurrenceContent(content, date), units, { sendAttendees: true }),
        );
      }
    }
    tally.loaded += 1;
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    tally.refuse(`Graph ${error.code}: ${error.message.slice(0, 120)}`);
  }
}
