import type { Traveller } from '../traveller.ts';
import { WINDOW } from '../traveller.ts';
import { anEvent } from './bodies.ts';

/** Somebody else in a calendar: before it is shared, with the right to read, with the right to write. */
export async function tourSharing(t: Traveller): Promise<void> {
  const owner = t.mailbox.address;
  const [ada, ben] = [t.signedIn(owner), t.signedIn('ben@example.com')];
  const calendar = `/users/${owner}/calendar`;
  const as = (token: string) => ({ authorization: `Bearer ${token}` });
  await t.get(calendar, as(ben));
  const emailAddress = { name: 'Ben Ode', address: 'ben@example.com' };
  const given = await t.post('/me/calendar/calendarPermissions', { emailAddress, role: 'read' }, as(ada));
  await t.post('/me/events', anEvent({ subject: 'Secret', sensitivity: 'private' }), as(ada));
  await t.get(calendar, as(ben));
  await t.get(`${calendar}/calendarView?${WINDOW}`, as(ben));
  await t.pages(`/users/${owner}/calendarView/delta?${WINDOW}`, as(ben));
  const { body } = await t.get('/me/calendars', as(ben));
  const entry = (body.value as { id: string; owner: { address: string } }[]).find(
    (each) => each.owner.address === owner,
  );
  await t.get(`/me/calendars/${entry?.id}/events?$top=3`, as(ben));
  await t.post(`/me/calendars/${entry?.id}/events`, anEvent(), as(ben));
  await t.patch(`/me/calendar/calendarPermissions/${given.body.id}`, { role: 'write' }, as(ada));
  const made = await t.post(`/me/calendars/${entry?.id}/events`, anEvent({ subject: 'From Ben' }), as(ben));
  await t.get(`/me/calendars/${entry?.id}/events/${made.body.id}`, as(ben));
  await t.delete(`/me/calendars/${entry?.id}`, as(ben));
  await t.delete(`/me/calendar/calendarPermissions/${given.body.id}`, as(ada));
  const basic = t.sim.accessToken({ user: owner, scopes: ['Calendars.ReadBasic'] });
  await t.get('/me/events?$top=2', as(basic));
  await t.post('/me/events', anEvent(), as(basic));
}
