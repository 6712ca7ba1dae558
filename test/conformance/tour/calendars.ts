import type { Traveller } from '../traveller.ts';
import { anEvent, at } from './bodies.ts';

/** A user's calendars, groups of them, who may see them, and what else of a mailbox calendars need. */
export async function tourCalendars(t: Traveller, root: string): Promise<void> {
  await calendars(t, `${root}/calendars`, root);
  await groups(t, root);
  for (const calendar of [`${root}/calendar`, `${root}/calendars/${await defaultCalendar(t, root)}`]) {
    await permissions(t, calendar);
    await schedule(t, calendar);
  }
  await mailbox(t, root);
}

async function defaultCalendar(t: Traveller, root: string): Promise<string> {
  const { body } = await t.get(`${root}/calendar`);
  return body.id as string;
}

async function calendars(t: Traveller, list: string, root: string): Promise<void> {
  await t.get(list);
  await t.get(`${list}?$top=1`);
  await t.get(`${list}?$select=id,name`);
  await t.get(`${list}/$count`);
  const created = await t.post(list, { name: `Travel ${root}`, color: 'lightBlue' });
  await t.post(list, { name: `Travel ${root}` });
  await t.post(list, { name: 'Odd', color: 'mauve' });
  await t.post(list, { name: 'Odd', colour: 'auto' });
  await t.get(`${list}/${created.body.id}`);
  await t.patch(`${list}/${created.body.id}`, { name: `Voyages ${root}`, color: 'lightGreen' });
  await t.patch(`${root}/calendar`, { color: 'lightTeal' });
  await t.delete(`${list}/${created.body.id}`);
  await t.get(`${list}/${created.body.id}`);
  const purged = await t.post(list, { name: `Purged ${root}` });
  await t.post(`${list}/${purged.body.id}/permanentDelete`);
  await t.delete(`${list}/${await defaultCalendar(t, root)}`);
}

async function groups(t: Traveller, root: string): Promise<void> {
  const list = `${root}/calendarGroups`;
  await t.get(list);
  const group = await t.post(list, { name: `Side projects ${root}` });
  const id = group.body?.id ?? 'none';
  await t.get(`${list}/${id}`);
  await t.patch(`${list}/${id}`, { name: `Projects ${root}` });
  const calendar = await t.post(`${list}/${id}/calendars`, { name: `Kiln ${root}`, color: 'lightRed' });
  await t.get(`${list}/${id}/calendars`);
  await t.get(`${list}/${id}/calendars/${calendar.body?.id ?? 'none'}`);
  const events = `${list}/${id}/calendars/${calendar.body?.id ?? 'none'}/events`;
  await t.post(events, anEvent());
  await t.get(events);
  await t.delete(`${list}/${id}`);
  await t.delete(`${list}/${id}/calendars/${calendar.body?.id ?? 'none'}`);
  await t.delete(`${root}/calendars/${calendar.body?.id ?? 'none'}`);
  await t.delete(`${list}/${id}`);
}

async function permissions(t: Traveller, calendar: string): Promise<void> {
  const list = `${calendar}/calendarPermissions`;
  await t.get(list);
  const share = {
    emailAddress: { name: 'Ben Ode', address: 'ben@example.com' },
    role: 'read',
    isInsideOrganization: true,
    isRemovable: true,
  };
  const given = await t.post(list, share);
  const id = given.body?.id ?? 'none';
  await t.get(`${list}/${id}`);
  await t.patch(`${list}/${id}`, { role: 'write' });
  await t.get(`${calendar}/allowedCalendarSharingRoles(User='ben@example.com')`);
  await t.get(list);
  await t.delete(`${list}/${id}`);
  await t.get(`${list}/${id}`);
}

async function schedule(t: Traveller, calendar: string): Promise<void> {
  const asked = {
    schedules: ['ada@example.com', 'ghost@example.com'],
    startTime: at('07:00'),
    endTime: at('17:00'),
    availabilityViewInterval: 30,
  };
  await t.post(`${calendar}/getSchedule`, asked);
  await t.post(`${calendar}/getSchedule`, asked, { prefer: 'outlook.timezone="Tokyo Standard Time"' });
  await t.post(`${calendar}/getSchedule`, { ...asked, endTime: { ...at('17:00'), dateTime: '2026-07-04T17:00:00' } });
}

async function mailbox(t: Traveller, root: string): Promise<void> {
  await t.get(root);
  await t.get(`${root}?$select=id,displayName`);
  await t.patch(root, { displayName: 'Ada L.' });
  await t.get(`${root}/mailboxSettings`);
  await t.get(`${root}/mailboxSettings/timeZone`);
  await t.get(`${root}/outlook/supportedTimeZones`);
  await t.get(`${root}/outlook/supportedTimeZones()`);
  await t.get(`${root}/outlook/supportedTimeZones(TimeZoneStandard=microsoft.graph.timeZoneStandard'Iana')`);
  await t.post(`${root}/findMeetingTimes`, { meetingDuration: 'PT1H' });
  const { body } = await t.get(`${root}/events?$top=1`);
  const inputIds = (body.value as { id: string }[]).map(({ id }) => id);
  await t.post(`${root}/translateExchangeIds`, {
    inputIds,
    sourceIdType: 'restId',
    targetIdType: 'restImmutableEntryId',
  });
}
