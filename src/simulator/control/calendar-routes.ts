import { Type } from 'typebox';
import { bodyRoute, type ControlRoute, route } from './control-route.ts';
import { importFile } from './furnishing.ts';
import { calendarOf, mailboxOf, shown, tried, VIEW_QUERY } from './lookups.ts';
import { EventBody, Name, Strict } from './shapes.ts';

const AT = '/mailboxes/{mailbox}/calendars';

export const CALENDAR_ROUTES: readonly ControlRoute[] = [
  route(`GET ${AT}`, 'its calendars', (context) => mailboxOf(context).listCalendars()),
  bodyRoute(
    `POST ${AT}`,
    'makes a calendar',
    Strict({ name: Name, canEdit: Type.Optional(Type.Boolean()) }),
    (context) => {
      const mailbox = mailboxOf(context);
      const { name, ...rest } = context.body;
      return calendarOf(mailbox, mailbox.addCalendar(name, rest));
    },
    { status: 201 },
  ),
  route(`GET ${AT}/{calendar}`, 'one calendar, by id, name or `default`', (context) =>
    calendarOf(mailboxOf(context), context.params['calendar']!),
  ),
  bodyRoute(`PATCH ${AT}/{calendar}`, 'grants or withdraws writing', Strict({ canEdit: Type.Boolean() }), (context) => {
    const mailbox = mailboxOf(context);
    const { id } = calendarOf(mailbox, context.params['calendar']!);
    mailbox.setCanEdit(id, context.body.canEdit);
    return calendarOf(mailbox, id);
  }),
  route(`DELETE ${AT}/{calendar}`, 'removes it with its events', (context) => {
    const mailbox = mailboxOf(context);
    mailbox.removeCalendar(calendarOf(mailbox, context.params['calendar']!).id);
  }),
  route(
    `GET ${AT}/{calendar}/events`,
    'its events and series',
    (context) => {
      const mailbox = mailboxOf(context);
      const { id } = calendarOf(mailbox, context.params['calendar']!);
      return shown(mailbox, context.query, mailbox.listEvents({ calendarId: id }));
    },
    { query: VIEW_QUERY },
  ),
  bodyRoute(
    `POST ${AT}/{calendar}/events`,
    'the person makes an event there',
    EventBody,
    (context) => {
      const mailbox = mailboxOf(context);
      const { id } = calendarOf(mailbox, context.params['calendar']!);
      return shown(mailbox, context.query, [tried(() => mailbox.createEvent(context.body, { calendarId: id }))])[0];
    },
    { status: 201, query: VIEW_QUERY },
  ),
  bodyRoute(
    `POST ${AT}/{calendar}/import`,
    'puts an iCalendar file into it; answers how much, and what Outlook cannot hold',
    Strict({ ics: Type.String({ minLength: 1 }) }),
    (context) => {
      const mailbox = mailboxOf(context);
      const { id } = calendarOf(mailbox, context.params['calendar']!);
      return importFile(mailbox, context.body.ics, { calendarId: id });
    },
  ),
];
