import { type EventFields, NEW_EVENT_DEFAULTS } from '../event.ts';
import { toInstant } from '../time-zones.ts';
import { type IcsComponent, type IcsProperties, parameterOf, readProperties, textOf } from './ics-text.ts';

type Reminder = Pick<EventFields, 'isReminderOn' | 'reminderMinutesBeforeStart'>;
const NO_REMINDER: Reminder = {
  isReminderOn: false,
  reminderMinutesBeforeStart: NEW_EVENT_DEFAULTS.reminderMinutesBeforeStart,
};

/** An Outlook event reminds once, some whole minutes before its start. */
export function reminderOf(
  component: IcsComponent,
  times: Pick<EventFields, 'start' | 'end'>,
  isSeries: boolean,
  say: (note: string) => void,
): Reminder {
  const alarms = component.components.filter(({ name }) => name === 'VALARM').map(readProperties);
  const shown = alarms.filter(
    (alarm) => !['EMAIL', 'PROCEDURE', 'NONE'].includes(textOf(alarm.first('ACTION'))?.toUpperCase() ?? ''),
  );
  const mailed = alarms.filter((alarm) => textOf(alarm.first('ACTION'))?.toUpperCase() === 'EMAIL').length;
  if (mailed > 0) say('alarms by mail have no counterpart in Outlook and were left out');
  const minutes = shown.flatMap((alarm) => minutesBefore(alarm, times, isSeries) ?? []);
  if (minutes.length < shown.length) say('an alarm that is not some minutes before the start was left out');
  if (minutes.length === 0) return NO_REMINDER;
  const reminderMinutesBeforeStart = Math.max(...minutes);
  if (new Set(minutes).size > 1)
    say(`of several alarms the earliest was kept, ${reminderMinutesBeforeStart} minutes before the start`);
  return { isReminderOn: true, reminderMinutesBeforeStart };
}

function minutesBefore(
  alarm: IcsProperties,
  { start, end }: Pick<EventFields, 'start' | 'end'>,
  isSeries: boolean,
): number | undefined {
  const trigger = alarm.first('TRIGGER');
  const value = trigger?.getFirstValue();
  const [startMs, endMs] = [toInstant(start)?.getTime(), toInstant(end)?.getTime()];
  if (!trigger || typeof value !== 'object' || value === null || startMs === undefined || endMs === undefined)
    return undefined;
  let beforeMs: number | undefined;
  if ('isNegative' in value) {
    const isFromEnd = parameterOf(trigger, 'related')?.toUpperCase() === 'END';
    beforeMs = -value.toSeconds() * 1000 - (isFromEnd ? endMs - startMs : 0);
  } else if ('isDate' in value && !isSeries) {
    const at = String(trigger.toJSON()[3]);
    // RFC 5545 wants an instant here; a wall clock of nowhere tells nothing.
    beforeMs = at.endsWith('Z') ? startMs - Date.parse(at) : undefined;
  }
  const minutes = beforeMs === undefined ? -1 : beforeMs / 60_000;
  return Number.isInteger(minutes) && minutes >= 0 && minutes <= MAX_REMINDER_MINUTES ? minutes + 0 : undefined;
}

/** Ten years; Graph takes 32 bits, and nobody means that. */
const MAX_REMINDER_MINUTES = 10 * 366 * 24 * 60;
