import type { Mailbox } from './mailbox.ts';

/** When the mailbox's user works, as `mailboxSettings` and `getSchedule` tell it. */
export const workingHoursOf = (mailbox: Mailbox) => ({
  daysOfWeek: ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'],
  startTime: '08:00:00.0000000',
  endTime: '17:00:00.0000000',
  timeZone: { name: mailbox.state.timeZone },
});
