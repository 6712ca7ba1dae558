import { GraphError } from '../http/graph-error.ts';
import { readId } from '../mailbox/ids.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { StoredCalendar } from '../mailbox/model.ts';

/**
 * The calendar an event's id leads to where the path names none: the one it lies in, or the entry of the calendar
 * list through which it was seen. Undefined for an id that leads nowhere; what is wrong with it is told later.
 */
export function calendarOfEvent(mailbox: Mailbox, id: string): StoredCalendar | undefined {
  try {
    const { isLinked, folder, n } = readId(mailbox.state.id, id);
    return mailbox.calendarByFolder(isLinked ? folder : (mailbox.item(n)?.folder ?? -1));
  } catch (error) {
    if (error instanceof GraphError) return undefined;
    throw error;
  }
}
