import { delegatedToken } from '../delegated.ts';
import { Traveller } from '../traveller.ts';
import { tourCalendars } from './calendars.ts';
import { tourEvents } from './events.ts';
import { withReceiver } from './receiver.ts';
import { tourBatch, tourStrangers, tourSubscriptions, tourWeather } from './service.ts';

/** Once around everything the simulator answers: as an application in a user's mailbox, and as a user in their own. */
export async function takeTour(): Promise<Traveller> {
  const t = new Traveller();
  const app = t.token;
  const user = await delegatedToken(t.sim, t.mailbox.address);
  const second = t.mailbox.addCalendar('Kiln times');
  const roots = [
    { root: `/users/${t.mailbox.address}`, token: app },
    { root: `/users/${t.mailbox.id}`, token: app },
    ...(user === undefined ? [] : [{ root: '/me', token: user }]),
  ];
  for (const { root, token } of roots) {
    t.token = token;
    await tourEvents(t, root, t.mailbox.defaultCalendarId);
    await tourEvents(t, `${root}/calendar`, t.mailbox.defaultCalendarId);
    await tourEvents(t, `${root}/calendars/${second}`, second);
    await tourCalendars(t, root);
    await tourBatch(t, root);
    await tourStrangers(t, root);
    await tourWeather(t, root);
    await withReceiver((url) => tourSubscriptions(t, `${root}/events`, url));
  }
  return t;
}
