import { Type } from 'typebox';
import type { SimulatedMailbox } from '../mailbox/simulated-mailbox.ts';
import { bodyRoute, type ControlRoute } from './control-route.ts';
import { calendarOf, eventOf, mailboxOf, shown, VIEW_QUERY } from './lookups.ts';
import { Address, EventBody, OneOf, Strict, WallTime } from './shapes.ts';

const ONE = '/mailboxes/{mailbox}/events/{id}';
const VIEW = { query: VIEW_QUERY };

const Invitation = Type.Intersect([
  Type.Object({
    organizer: Strict({ emailAddress: Strict({ name: Type.Optional(Type.String()), address: Address }) }),
  }),
  EventBody,
]);

const Answer = Strict({
  response: OneOf(['accept', 'tentativelyAccept', 'decline']),
  sendResponse: Type.Optional(Type.Boolean()),
  comment: Type.Optional(Type.String()),
  proposedNewTime: Type.Optional(Strict({ start: WallTime, end: WallTime })),
});

/** Meetings: what guests do, and what organisers elsewhere do to a guest's copy. */
export const MEETING_ROUTES: readonly ControlRoute[] = [
  bodyRoute(
    'POST /mailboxes/{mailbox}/foreign-meetings',
    'an invitation from somebody outside arrives; `organizer` is required',
    Invitation,
    (context) => {
      const mailbox = mailboxOf(context);
      const { calendar } = context.query;
      const where = calendar === undefined ? {} : { calendarId: calendarOf(mailbox, calendar).id };
      const invitation = context.body as unknown as Parameters<SimulatedMailbox['addForeignMeeting']>[0];
      return shown(mailbox, context.query, [mailbox.addForeignMeeting(invitation, where)])[0];
    },
    { status: 201, query: ['calendar', ...VIEW_QUERY] },
  ),
  bodyRoute(
    `POST ${ONE}/respond`,
    'the guest answers; declining takes it off the calendar',
    Answer,
    (context) => {
      const mailbox = mailboxOf(context);
      const { response, ...options } = context.body;
      const id = context.params['id']!;
      mailbox.respond(id, response, options);
      return response === 'decline' ? undefined : shown(mailbox, context.query, [eventOf(mailbox, id)])[0];
    },
    VIEW,
  ),
  bodyRoute(
    `POST ${ONE}/cancel`,
    'the person, as organiser, calls it off',
    Strict({ comment: Type.Optional(Type.String()) }),
    (context) => {
      mailboxOf(context).cancelMeeting(context.params['id']!, context.body.comment);
    },
    { isBodyOptional: true },
  ),
  bodyRoute(
    `POST ${ONE}/update-by-organizer`,
    'the organiser elsewhere changes it',
    EventBody,
    (context) => {
      const mailbox = mailboxOf(context);
      return shown(mailbox, context.query, [mailbox.updateByOrganizer(context.params['id']!, context.body)])[0];
    },
    VIEW,
  ),
  bodyRoute(
    `POST ${ONE}/cancel-by-organizer`,
    'the organiser elsewhere calls it off: the copy stays, marked',
    Strict({}),
    (context) => {
      const mailbox = mailboxOf(context);
      return shown(mailbox, context.query, [mailbox.cancelByOrganizer(context.params['id']!)])[0];
    },
    { ...VIEW, isBodyOptional: true },
  ),
];
