import { GraphError } from '../http/graph-error.ts';
import type { SimulatedResponse } from '../http/http-types.ts';
import { ok, type RouteContext, requireMethod } from '../http/routing.ts';
import { renderInstance, renderItem, type View } from '../mailbox/event-render.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { StoredItem } from '../mailbox/model.ts';
import { type Instance, instancesBetween, overlaps } from '../mailbox/series.ts';
import { readWindow, type Window } from '../mailbox/window.ts';
import { findZone, toLocal, wireLocal } from '../mailbox/zones.ts';

/** `reminderView(startDateTime='…',endDateTime='…')`: of every event in the window that still reminds. */
export function answerReminderView(context: RouteContext): SimulatedResponse {
  requireMethod(context, 'GET');
  const { mailbox, query, preferences, request } = context;
  if (!query.has('startdatetime')) {
    throw new GraphError(400, 'ErrorInvalidParameter', "The value '' of parameter 'StartDateTime' is invalid.");
  }
  const value = remindersIn(mailbox, readWindow(query), preferences.view);
  return ok({ '@odata.context': `${request.url.origin}/v1.0/$metadata#Collection(microsoft.graph.reminder)`, value });
}

/** In order of the time they fire at. */
function remindersIn(mailbox: Mailbox, { startMs, endMs }: Window, view: View): object[] {
  const reminders: { fireMs: number; reminder: object }[] = [];
  for (const { folder } of mailbox.calendars) {
    for (const item of mailbox.itemsIn(folder)) {
      const members = item.recurrence === null ? [undefined] : instancesBetween(item, startMs, endMs);
      for (const instance of members) {
        if (!overlaps(instance?.content ?? item.content, startMs, endMs)) continue;
        const fireMs = fireTimeOf(item, instance);
        if (fireMs === undefined) continue;
        reminders.push({ fireMs, reminder: renderReminder(mailbox, { item, instance, fireMs }, view) });
      }
    }
  }
  return reminders.sort((a, b) => a.fireMs - b.fireMs).map(({ reminder }) => reminder);
}

/** Undefined when the event has no reminder or it was dismissed. */
function fireTimeOf(item: StoredItem, instance: Instance | undefined): number | undefined {
  const content = instance?.content ?? item.content;
  const state = item.reminders?.[instance?.date ?? ''] ?? item.reminders?.[''];
  if (!content.isReminderOn || state?.dismissed === true || item.isCancelled) return undefined;
  return state?.fireMs ?? content.startMs - content.reminderMinutesBeforeStart * 60_000;
}

function renderReminder(
  mailbox: Mailbox,
  o: { item: StoredItem; instance: Instance | undefined; fireMs: number },
  view: View,
): object {
  const { item, instance, fireMs } = o;
  const event =
    instance === undefined ? renderItem(mailbox, item, view) : renderInstance(mailbox, item, instance, view);
  const zone = findZone(view.zone) ?? 'UTC';
  return {
    eventId: event.id,
    eventStartTime: event.start,
    eventEndTime: event.end,
    changeKey: event.changeKey,
    eventSubject: event.subject,
    eventLocation: event.location,
    eventWebLink: event['webLink'],
    reminderFireTime: { dateTime: wireLocal(toLocal(zone, fireMs)), timeZone: view.zone },
  };
}
