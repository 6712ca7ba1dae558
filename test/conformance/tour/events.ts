import type { Reply, Traveller } from '../traveller.ts';
import { WINDOW } from '../traveller.ts';
import { allDay, anEvent, aSeries, at, MEETING, RICH } from './bodies.ts';

/** Everything that can be asked and done with events below one path: a user, a calendar, a calendar by its id. */
export async function tourEvents(t: Traveller, base: string, calendarId: string): Promise<void> {
  const events = `${base}/events`;
  const single = await t.post(events, { ...RICH, transactionId: `tour:${base}`.slice(0, 60) });
  const series = await t.post(events, aSeries());
  const whole = await t.post(events, allDay());
  const meeting = await t.post(events, MEETING);
  await writeEvents(t, events, single.body.id, series.body.id);
  await readEvents(t, events, single.body.id, series.body.id);
  await views(t, base, events, [single.body.id, whole.body.id]);
  await act(t, events, calendarId, meeting.body.id);
  await refusals(t, base, single, series);
  await t.delete(`${events}/${single.body.id}`);
  await t.delete(`${events}/${single.body.id}`);
}

async function writeEvents(t: Traveller, events: string, single: string, series: string): Promise<void> {
  await t.patch(`${events}/${single}`, { subject: 'Tile order (moved)', start: at('10:00'), end: at('11:00') });
  await t.patch(`${events}/${single}`, { categories: [], showAs: 'oof', isReminderOn: false, sensitivity: 'private' });
  await t.patch(`${events}/${single}`, {
    isAllDay: true,
    start: at('00:00'),
    end: { ...at('00:00'), dateTime: '2026-03-05T00:00:00' },
  });
  await t.patch(`${events}/${single}`, { isAllDay: false, start: at('10:00'), end: at('11:00') });
  const { body } = await t.get(`${events}/${series}/instances?${WINDOW}`);
  const [first, second, third] = body.value as { id: string; start: { dateTime: string } }[];
  await t.get(`${events}/${first!.id}`);
  await t.patch(`${events}/${first!.id}`, { subject: 'Standup, with guests' });
  await t.get(`${events}/${first!.id}`);
  await t.patch(`${events}/${second!.id}`, { start: { ...at('11:00'), dateTime: '2026-05-04T11:00:00' } });
  await t.delete(`${events}/${third!.id}`);
  await t.get(`${events}/${third!.id}`);
  await t.patch(`${events}/${series}`, { location: { displayName: 'Room 2' } });
}

async function readEvents(t: Traveller, events: string, single: string, series: string): Promise<void> {
  await t.pages(`${events}?$top=2&$count=true`);
  await t.get(`${events}/$count`);
  await t.get(`${events}?$select=subject,start,end&$orderby=start/dateTime desc`);
  await t.get(`${events}?$filter=startswith(subject,'Tile')`);
  await t.get(`${events}/${single}`, { prefer: 'outlook.timezone="Europe/Berlin", outlook.body-content-type="text"' });
  await t.get(`${events}/${single}`, { prefer: 'IdType="ImmutableId"' });
  await t.get(`${events}/${single}?$expand=singleValueExtendedProperties($filter=id eq '${TAG}')`);
  await t.get(`${events}/${single}?$expand=calendar`);
  const asked = 'subject,start,end,originalStart,cancelledOccurrences,exceptionOccurrences';
  await t.get(`${events}/${series}?$select=${asked}&$expand=exceptionOccurrences`);
  await t.get(`${events}/${series}/instances?${WINDOW}&$select=subject,originalStart,occurrenceId`);
  await t.get(`${events}/${series}/instances/delta?${WINDOW}`);
  await t.get(`${events}/${series}/instances/delta()?${WINDOW}`);
  await t.get(`${events}/${single}/calendar`);
}

const TAG = 'String {6ed8175d-9a6e-4b7f-a1e4-2d4bb4b8c001} Name origin';

/** Views and their rounds: pages, changes, tombstones, both spellings. */
async function views(t: Traveller, base: string, events: string, doomed: string[]): Promise<void> {
  await t.pages(`${base}/calendarView?${WINDOW}&$top=5`);
  await t.get(`${base}/calendarView?${WINDOW}&$select=subject,originalStart,isOnlineMeeting,onlineMeeting`);
  for (const delta of ['delta', 'delta()']) {
    const prefer = { prefer: 'odata.maxpagesize=4, outlook.timezone="Europe/Berlin"' };
    const first = await t.pages(`${base}/calendarView/${delta}?${WINDOW}`, prefer);
    const added = await t.post(events, anEvent({ subject: `Between rounds, ${delta}` }));
    if (delta === 'delta()') for (const id of doomed.slice(1)) await t.delete(`${events}/${id}`);
    const second = await t.pages(first.deltaLink, prefer);
    await t.delete(`${events}/${added.body.id}`);
    await t.pages(second.deltaLink, prefer);
    const listed = await t.pages(`${events}/${delta}?startDateTime=2026-03-01T00:00:00Z`, prefer);
    if (listed.deltaLink !== '') await t.pages(listed.deltaLink, prefer);
  }
}

/** Answers to invitations, calling off, reminders. Each decline takes a meeting away. */
async function act(t: Traveller, events: string, calendarId: string, meeting: string): Promise<void> {
  const invited = () =>
    t.mailbox.addForeignMeeting(
      {
        ...anEvent({ subject: 'Vendor demo' }),
        organizer: { emailAddress: { name: 'Vic', address: 'vic@example.org' } },
      },
      { calendarId },
    ).id;
  await t.post(`${events}/${invited()}/accept`, { comment: 'With pleasure', sendResponse: true });
  await t.post(`${events}/${invited()}/accept`, {});
  const maybe = { comment: 'A little later?', sendResponse: true };
  const slot = { start: at('15:00'), end: at('16:00') };
  await t.post(`${events}/${invited()}/tentativelyAccept`, { ...maybe, proposedNewTime: slot });
  const declined = invited();
  await t.post(`${events}/${declined}/decline`, { ...maybe, proposedNewTime: slot });
  await t.get(`${events}/${declined}`);
  await t.post(`${events}/${invited()}/decline`, { sendResponse: false, proposedNewTime: slot });
  await t.post(`${events}/${invited()}/cancel`, { comment: 'Not mine' });
  await t.post(`${events}/${meeting}/accept`, { sendResponse: false });
  await t.post(`${events}/${meeting}/snoozeReminder`, { newReminderTime: at('08:30') });
  await t.post(`${events}/${meeting}/dismissReminder`);
  const to = [{ emailAddress: { name: 'Dana', address: 'dana@example.org' } }];
  await t.post(`${events}/${meeting}/forward`, { comment: 'For you', toRecipients: to });
  await t.post(`${events}/${meeting}/cancel`, { comment: 'The oven broke' });
  const gone = await t.post(events, anEvent());
  await t.post(`${events}/${gone.body.id}/permanentDelete`);
  await t.get(`${events}/${gone.body.id}`);
}

/** What Graph refuses, each in its own way. */
async function refusals(t: Traveller, base: string, single: Reply, series: Reply): Promise<void> {
  const event = `${base}/events/${single.body.id}`;
  await t.get(`${base}/events/${single.body.id.slice(0, -6)}`);
  await t.get(`${base}/calendarView`);
  await t.get(`${base}/calendarView?startDateTime=2020-01-01T00:00:00Z&endDateTime=2026-01-01T00:00:00Z`);
  await t.get(`${base}/calendarView?startDateTime=today&endDateTime=tomorrow`);
  await t.get(`${base}/calendarView/delta?$deltatoken=nonsense`);
  await t.get(`${base}/events/${series.body.id}/instances`);
  await t.get(`${event}/instances?${WINDOW}`);
  await t.get(event, { prefer: 'outlook.timezone="Middle Earth Time"' });
  await t.get(`${base}/events?$select=nothing`);
  await t.get(`${base}/events?$filter=subject`);
  await t.get(`${base}/events?$search="tile"`);
  await t.patch(event, { subject: 'Stale' }, { 'if-match': 'W/"AAAAAAAAAAAAAAAAAAAAAAAAAA=="' });
  await t.delete(event, { 'if-match': 'W/"AAAAAAAAAAAAAAAAAAAAAAAAAA=="' });
  await t.patch(event, { start: { dateTime: '2026-03-04T09:00:00', timeZone: 'Middle Earth Time' } });
  await t.patch(event, { colour: 'red' });
  await t.post(`${base}/events`, anEvent({ end: at('08:00') }));
  await t.post(`${base}/events`, anEvent({ isAllDay: true }));
  await t.post(`${base}/events`, '{ "subject": ');
  await t.post(`${base}/events`, 'subject=x', { 'content-type': 'application/x-www-form-urlencoded' });
  const used = single.body.transactionId as string;
  await t.post(`${base}/events`, anEvent({ subject: 'Another', transactionId: used }));
  await t.call('PUT', event, anEvent());
  const { body } = await t.get(`${base}/events/${series.body.id}/instances?${WINDOW}`);
  const [, , later] = body.value as { id: string }[];
  const early = '2026-03-01T09:00:00';
  await t.patch(`${base}/events/${later!.id}`, {
    start: { ...at('09:00'), dateTime: early },
    end: { ...at('10:00'), dateTime: early },
  });
}
