import { Type } from 'typebox';
import { bodyRoute, type ControlRoute } from './control-route.ts';
import { calendarOf, mailboxOf } from './lookups.ts';
import { Name, OneOf, Strict } from './shapes.ts';

const ONE = '/mailboxes/{mailbox}/calendars/{calendar}';
const ROLES = [
  ...(['none', 'freeBusyRead', 'limitedRead', 'read', 'write', 'custom'] as const),
  ...(['delegateWithoutPrivateEventAccess', 'delegateWithPrivateEventAccess'] as const),
] as const;
/** An address, or "My Organization". */
const With = Type.String({ minLength: 1, examples: ['grace@example.com'] });
const Events = Type.Array(Type.Unsafe<object>({ type: 'object' }));

/** What owners do with their calendars, and calendars that come from elsewhere. */
export const SHARING_ROUTES: readonly ControlRoute[] = [
  bodyRoute(
    `POST ${ONE}/share`,
    'the owner shares it, or changes the role; answers its id in the other mailbox',
    Strict({ with: With, role: OneOf(ROLES), oldStyle: Type.Optional(Type.Boolean()) }),
    (context) => {
      const mailbox = mailboxOf(context);
      const { with: whom, role, ...options } = context.body;
      const { id } = calendarOf(mailbox, context.params['calendar']!);
      return { entryId: mailbox.shareCalendar(id, whom, role, options) ?? null };
    },
  ),
  bodyRoute(`POST ${ONE}/unshare`, 'the owner takes it back', Strict({ with: With }), (context) => {
    const mailbox = mailboxOf(context);
    mailbox.unshareCalendar(calendarOf(mailbox, context.params['calendar']!).id, context.body.with);
  }),
  bodyRoute(
    'POST /mailboxes/{mailbox}/read-only-calendars',
    'holidays, birthdays, a subscribed calendar: people can only read it',
    Strict({ name: Name, events: Type.Optional(Events) }),
    (context) => {
      const mailbox = mailboxOf(context);
      return calendarOf(mailbox, mailbox.addReadOnlyCalendar(context.body.name, context.body.events));
    },
    { status: 201 },
  ),
  bodyRoute(
    `PUT ${ONE}/feed`,
    'the source of a read-only calendar has other events',
    Strict({ events: Events }),
    (context) => {
      const mailbox = mailboxOf(context);
      mailbox.feedCalendar(calendarOf(mailbox, context.params['calendar']!).id, context.body.events);
    },
  ),
];
