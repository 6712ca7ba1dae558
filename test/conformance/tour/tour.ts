import { Traveller } from '../traveller.ts';
import { tourCalendars } from './calendars.ts';
import { tourEvents } from './events.ts';
import { tourMailbox, tourResources } from './resources.ts';
import { tourBatch, tourStrangers, tourSubscriptions, tourWeather } from './service.ts';
import { tourSharing } from './sharing.ts';

/** Once around everything the simulator answers: as an application in a user's mailbox, and as a user in their own. */
export async function takeTour(): Promise<Traveller> {
  const t = new Traveller();
  const app = t.token;
  const second = t.mailbox.addCalendar('Kiln times');
  const roots = [
    { root: `/users/${t.mailbox.address}`, token: app },
    { root: '/me', token: t.signedIn(t.mailbox.address) },
  ];
  for (const { root, token } of roots) {
    t.token = token;
    for (const [base, calendarId] of [
      [root, t.mailbox.defaultCalendarId],
      [`${root}/calendar`, t.mailbox.defaultCalendarId],
      [`${root}/calendars/${second}`, second],
    ] as const) {
      await tourEvents(t, base, calendarId);
      await tourResources(t, base);
    }
    await tourCalendars(t, root);
    await tourMailbox(t, root);
    await tourBatch(t, root);
    await tourStrangers(t, root);
    await tourWeather(t, root);
    await tourSubscriptions(t, root);
  }
  await tourSharing(t);
  return t;
}
