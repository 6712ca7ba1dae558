import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { callerOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import { acceptForm } from '../body-parsers.ts';
import { SLOW_HANDLER_TIMEOUT_MS } from '../limits.ts';
import { escaped, sendPage } from '../pages.ts';
import { answer, answers, pageAnswers, Strict } from '../schemas/common.ts';
import { Authorization } from '../schemas/settings.ts';
import type { CallbackOutcome, ServerParts } from '../services.ts';

const CALLBACK = '/calendar/connection/callback';
const COOKIE = 'calendar-sign-in';

const Text = Type.String({ maxLength: 4096 });
/** Microsoft adds what it likes (session_state, error_uri, …); of what is named here, the service believes nothing. */
const FROM_MICROSOFT = Type.Object(
  {
    state: Type.Optional(Text),
    code: Type.Optional(Text),
    error: Type.Optional(Text),
    admin_consent: Type.Optional(Text),
  },
  { additionalProperties: true },
);

/** Signing in with Microsoft: where the caller's browser goes, and where it comes back to. */
export function authorizationRoutes(app: ApiInstance, { authorizationService, config }: ServerParts): void {
  const isHttps = config.publicUrl?.startsWith('https:') ?? false;
  // A name with this prefix is taken from this very host only, over https only.
  const form = formAddress(config.publicUrl);
  const cookieName = isHttps ? `__Host-${COOKIE}` : COOKIE;

  app.post(
    '/calendar/connection/authorize',
    {
      schema: {
        operationId: 'authorizeMailbox',
        tags: ['Connection'],
        summary: 'Begin to connect a mailbox by signing in with Microsoft',
        description:
          'Send the person’s browser to `authorizationUrl` within ten minutes. The address is good for one sign-in. Called from that very browser, the answer’s cookie spares the person a question when they come back. An organisation that does not let people consent for themselves needs an administrator at `adminConsentUrl` first.',
        response: answers({ 200: answer('where to go', Authorization) }),
      },
    },
    async (request, reply) => {
      const { authorizationUrl, adminConsentUrl, browserSecret, validSeconds } = await authorizationService.begin(
        callerOf(request),
        { correlationId: request.id },
      );
      const attributes = [
        ...[`${cookieName}=${browserSecret}`, 'Path=/', 'HttpOnly', 'SameSite=Lax', `Max-Age=${validSeconds}`],
        ...(isHttps ? ['Secure'] : []),
      ];
      reply.header('set-cookie', attributes.join('; '));
      return { authorizationUrl, adminConsentUrl };
    },
  );

  app.get(
    CALLBACK,
    {
      config: { access: 'public' },
      handlerTimeout: SLOW_HANDLER_TIMEOUT_MS,
      schema: {
        operationId: 'completeAuthorization',
        tags: ['Connection'],
        summary: 'Where Microsoft sends the browser back to',
        description: 'For browsers: the answer is a page. It leads nowhere but back here.',
        security: [],
        querystring: FROM_MICROSOFT,
        response: pageAnswers(),
      },
    },
    async (request, reply) => {
      const { state, code, error, admin_consent: consent } = request.query;
      if (consent !== undefined && error === undefined) return sendConsented(reply);
      const outcome = await authorizationService.complete({ state, code, error }, cookieOf(request, cookieName));
      if (outcome.kind === 'connected') forgetCookie(reply, cookieName, isHttps);
      return sendOutcome(reply, outcome, form);
    },
  );
}

/** The form on the callback's page, which is no JSON. */
export function authorizationFormRoutes(app: ApiInstance, { authorizationService, config }: ServerParts): void {
  const form = formAddress(config.publicUrl);
  acceptForm(app);
  app.post(
    CALLBACK,
    {
      config: { access: 'public' },
      schema: {
        operationId: 'answerAuthorization',
        tags: ['Connection'],
        summary: 'The answer to the question on the callback’s page',
        security: [],
        body: Strict({ token: Text, connect: Type.Optional(Text) }),
        response: pageAnswers(413, 415),
      },
    },
    async (request, reply) => {
      const { token, connect } = request.body;
      return sendOutcome(reply, await authorizationService.answer(token, connect === 'yes'), form);
    },
  );
}

function cookieOf(request: FastifyRequest, name: string): string | undefined {
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

function forgetCookie(reply: FastifyReply, name: string, isHttps: boolean): void {
  reply.header('set-cookie', `${name}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0${isHttps ? '; Secure' : ''}`);
}

const REFUSALS: Readonly<
  Record<Extract<CallbackOutcome, { kind: 'refused' }>['why'], readonly [number, string, string]>
> = {
  spent: [
    400,
    'This sign-in is over',
    'It was used already, or took longer than ten minutes. Begin again where you came from.',
  ],
  cancelled: [200, 'Nothing was connected', 'You did not agree at Microsoft. Nothing was read and nothing was kept.'],
  consent: [
    200,
    'An administrator has to agree first',
    'Your organisation does not let people connect this application by themselves.',
  ],
  permissions: [
    200,
    'Not everything was allowed',
    'Nothing was connected: keeping a calendar in step needs every permission on Microsoft’s page. Begin again where you came from, and leave all of them ticked.',
  ],
  policy: [
    200,
    'Microsoft did not let you in',
    'A rule of your organisation stands against it (a second factor, or a device it does not know). Try again, or ask your administrator.',
  ],
  code: [
    400,
    'The sign-in could not be completed',
    'Microsoft does not know it any more. Begin again where you came from.',
  ],
  mailbox: [
    200,
    'This account has no calendar here',
    'Microsoft Graph does not serve calendars of this account: it needs an Exchange Online mailbox.',
  ],
  away: [503, 'Microsoft does not answer just now', 'Nothing was connected. Begin again in a few minutes.'],
  operator: [
    500,
    'This service is not set up rightly',
    'Microsoft refuses the service itself, not you. Its operator has to look at the application’s registration.',
  ],
};

function sendOutcome(reply: FastifyReply, outcome: CallbackOutcome, form: string): FastifyReply {
  switch (outcome.kind) {
    case 'connected':
      return sendPage(reply, {
        status: 200,
        title: 'Your calendar is connected',
        paragraphs: [
          `<strong>${escaped(outcome.mailbox)}</strong> is being synchronised from now on. You can close this window.`,
        ],
      });
    case 'kept':
      return sendPage(reply, {
        status: 200,
        title: 'Nothing was changed',
        paragraphs: [
          outcome.mailbox === undefined
            ? 'No mailbox is connected. You can close this window.'
            : `<strong>${escaped(outcome.mailbox)}</strong> stays connected. You can close this window.`,
        ],
      });
    case 'question':
      return sendQuestion(reply, outcome, form);
    case 'refused': {
      const [status, title, text] = REFUSALS[outcome.why];
      const consent =
        outcome.adminConsentUrl === undefined
          ? []
          : [`<a href="${escaped(outcome.adminConsentUrl)}">For administrators: agree for everybody</a>`];
      return sendPage(reply, { status, title, paragraphs: [escaped(text), ...consent] });
    }
  }
}

/** An administrator agreed for everybody; whoever wanted to connect goes on from where they began. */
function sendConsented(reply: FastifyReply): FastifyReply {
  return sendPage(reply, {
    status: 200,
    title: 'Your organisation has agreed',
    paragraphs: ['People can connect their calendars now. You can close this window.'],
  });
}

/** As the browser reaches it: a proxy may serve this service below a path of its own. */
function formAddress(publicUrl: string | undefined): string {
  const path = publicUrl === undefined ? '' : new URL(publicUrl).pathname.replace(/\/+$/, '');
  return `${path}${CALLBACK}`;
}

function sendQuestion(
  reply: FastifyReply,
  question: Extract<CallbackOutcome, { kind: 'question' }>,
  form: string,
): FastifyReply {
  const { mailbox, requestedBy, boundMailbox, token } = question;
  const paragraphs = [
    `The calendar of <strong>${escaped(mailbox)}</strong> would be connected to the account <strong>${escaped(requestedBy)}</strong>, and be seen and changed by it.`,
    ...(boundMailbox === undefined
      ? []
      : [
          `That account has <strong>${escaped(boundMailbox)}</strong> connected. It would be let go; no event is deleted on either side.`,
        ]),
    'If you did not ask for this yourself, say no: somebody may have sent you here.',
    `<form method="post" action="${escaped(form)}"><input type="hidden" name="token" value="${escaped(token)}">` +
      '<button name="connect" value="yes">Connect it</button><button name="connect" value="no">No</button></form>',
  ];
  return sendPage(reply, { status: 200, title: 'Is this what you want?', paragraphs });
}
