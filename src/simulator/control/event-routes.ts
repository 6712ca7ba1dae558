import { Type } from 'typebox';
import type { SimulatedMailbox } from '../mailbox/simulated-mailbox.ts';
import type { WireEvent } from '../wire-types.ts';
import { bodyRoute, type ControlContext, type ControlRoute, route } from './control-route.ts';
import { calendarOf, dateOf, eventOf, instantOf, mailboxOf, shown, tried, VIEW_QUERY } from './lookups.ts';
import { EventBody, Strict, WallTime } from './shapes.ts';

const ALL = '/mailboxes/{mailbox}/events';
const ONE = `${ALL}/{id}`;
const OCCURRENCE = `${ONE}/occurrences/{date}`;
const YEAR_MS = 366 * 86_400_000;
const VIEW = { query: VIEW_QUERY };
const NOTHING = Strict({});
const FROM = Type.String({ examples: ['2026-03-23'] });

/** Runs an action on the event a path names, and answers what it returns in the form the query wants. */
function act<B>(action: (mailbox: SimulatedMailbox, id: string, body: B) => WireEvent | undefined) {
  return (context: ControlContext<B>) => {
    const mailbox = mailboxOf(context);
    const event = action(mailbox, context.params['id']!, context.body);
    return event === undefined ? undefined : shown(mailbox, context.query, [event])[0];
  };
}

/** What a person does to their own events in Outlook. */
export const EVENT_ROUTES: readonly ControlRoute[] = [
  route(
    `GET ${ALL}`,
    'events and series; `calendar`, `subject` narrow it',
    (context) => {
      const mailbox = mailboxOf(context);
      const { calendar, subject } = context.query;
      const within = calendar === undefined ? {} : { calendarId: calendarOf(mailbox, calendar).id };
      const events = mailbox.listEvents(within).filter((event) => subject === undefined || event.subject === subject);
      return shown(mailbox, context.query, events);
    },
    { query: ['calendar', 'subject', ...VIEW_QUERY] },
  ),
  bodyRoute(
    `POST ${ALL}`,
    'the person makes an event; `calendar` says where',
    EventBody,
    (context) => {
      const mailbox = mailboxOf(context);
      const { calendar } = context.query;
      const where = calendar === undefined ? {} : { calendarId: calendarOf(mailbox, calendar).id };
      return shown(mailbox, context.query, [tried(() => mailbox.createEvent(context.body, where))])[0];
    },
    { status: 201, query: ['calendar', ...VIEW_QUERY] },
  ),
  route(
    `GET ${ONE}`,
    'one event, series or occurrence',
    act((mailbox, id) => eventOf(mailbox, id)),
    VIEW,
  ),
  bodyRoute(
    `PATCH ${ONE}`,
    'the person edits it',
    EventBody,
    act((mailbox, id, patch: object) => mailbox.updateEvent(id, patch)),
    VIEW,
  ),
  route(
    `DELETE ${ONE}`,
    'the person deletes it',
    act((mailbox, id) => void mailbox.deleteEvent(id)),
  ),
  bodyRoute(
    `POST ${ONE}/move`,
    'into another calendar; default ids change, immutable ones stay',
    Strict({ calendar: Type.String() }),
    act((mailbox, id, body: { calendar: string }) => mailbox.moveEvent(id, calendarOf(mailbox, body.calendar).id)),
    VIEW,
  ),
  bodyRoute(
    `POST ${ONE}/reschedule`,
    'dragged to another time',
    Strict({ start: WallTime, end: WallTime }),
    act((mailbox, id, body: Parameters<SimulatedMailbox['reschedule']>[1]) => mailbox.reschedule(id, body)),
    VIEW,
  ),
  bodyRoute(
    `POST ${ONE}/edit-without-sending`,
    'a meeting is edited and closed without sending the update',
    EventBody,
    act((mailbox, id, patch: object) => mailbox.editWithoutSending(id, patch)),
    VIEW,
  ),
  bodyRoute(
    `POST ${ONE}/attach`,
    'hangs a file on it; answers its number there',
    Strict({
      name: Type.String({ minLength: 1 }),
      contentBase64: Type.String(),
      isInline: Type.Optional(Type.Boolean()),
    }),
    (context) => {
      const { name, contentBase64, isInline = false } = context.body;
      const content = Buffer.from(contentBase64, 'base64');
      return { number: mailboxOf(context).attachFile(context.params['id']!, { name, content, isInline }) };
    },
    { status: 201 },
  ),
  bodyRoute(
    `POST ${ONE}/touch`,
    'changeKey moves, content does not',
    NOTHING,
    act((mailbox, id) => {
      mailbox.touch(id);
      return eventOf(mailbox, id);
    }),
    { ...VIEW, isBodyOptional: true },
  ),
  route('GET /mailboxes/{mailbox}/deleted-events', 'what is in Deleted Items, oldest deletion first', (context) =>
    mailboxOf(context).deletedEvents(),
  ),
  bodyRoute(
    `POST ${ONE}/restore`,
    'back from Deleted Items',
    NOTHING,
    act((mailbox, id) => mailbox.restoreEvent(id)),
    {
      ...VIEW,
      isBodyOptional: true,
    },
  ),
  route(
    `GET ${ONE}/occurrences`,
    'members between `start` and `end`; a year either side of now unless given',
    (context) => {
      const mailbox = mailboxOf(context);
      const now = context.simulator.now();
      const [start, end] = (['start', 'end'] as const).map((name, at) => {
        const text = context.query[name];
        const ms = text === undefined ? now + (at === 0 ? -YEAR_MS : YEAR_MS) : instantOf(name, text);
        return new Date(ms).toISOString();
      });
      return shown(mailbox, context.query, mailbox.occurrences(context.params['id']!, start!, end!));
    },
    { query: ['start', 'end', ...VIEW_QUERY] },
  ),
  bodyRoute(
    `PATCH ${OCCURRENCE}`,
    'one occurrence becomes an exception',
    EventBody,
    (context) => {
      const mailbox = mailboxOf(context);
      const date = dateOf(context.params['date']!);
      return shown(mailbox, context.query, [mailbox.updateOccurrence(context.params['id']!, date, context.body)])[0];
    },
    VIEW,
  ),
  route(`DELETE ${OCCURRENCE}`, 'deletes one occurrence, for good', (context) => {
    mailboxOf(context).deleteOccurrence(context.params['id']!, dateOf(context.params['date']!));
  }),
  bodyRoute(
    `POST ${ONE}/update-following`,
    'this and all following: answers the new series',
    Strict({ from: FROM, change: EventBody }),
    act((mailbox, id, body: { from: string; change: object }) =>
      mailbox.updateFollowing(id, dateOf(body.from), body.change),
    ),
    VIEW,
  ),
  bodyRoute(
    `POST ${ONE}/delete-following`,
    'ends the series before a date',
    Strict({ from: FROM }),
    act((mailbox, id, body: { from: string }) => void mailbox.deleteFollowing(id, dateOf(body.from))),
  ),
  bodyRoute(
    `POST ${ONE}/delete-series`,
    'deletes the whole series, also by the id of a member',
    NOTHING,
    act((mailbox, id) => void mailbox.deleteSeries(id)),
    { isBodyOptional: true },
  ),
];
