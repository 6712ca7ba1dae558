import { Type } from 'typebox';
import type { TokenFailure } from '../identity/token-failures.ts';
import { wrong } from './control-error.ts';
import { bodyRoute, type ControlContext, type ControlRoute, route } from './control-route.ts';
import { mailboxOf, tried } from './lookups.ts';
import { Strict } from './shapes.ts';

const Text = Type.String({ minLength: 1 });
const Client = Type.Optional(Text);
const Scopes = Type.Array(Text, { minItems: 1, examples: [['Calendars.ReadWrite']] });
const NOTHING = Strict({});
const OPTIONAL = { isBodyOptional: true };

/** What administrators, users and policies do to sign-ins. */
export const IDENTITY_ROUTES: readonly ControlRoute[] = [
  route('GET /identity', 'registered applications', ({ simulator }) => ({
    clients: simulator.identity.clients.map(({ clientId, tenantId }) => ({ clientId, tenantId })),
  })),
  bodyRoute(
    'POST /identity/access-token',
    'a token without the round trip: of a user with `scopes`, or of the application',
    Strict({
      user: Client,
      scopes: Type.Optional(Scopes),
      client: Client,
      isCaeCapable: Type.Optional(Type.Boolean()),
    }),
    (context) => {
      const { user, scopes, client, ...more } = context.body;
      if ((user === undefined) !== (scopes === undefined))
        throw wrong('scopes', 'belong to a user: give both or neither');
      const { identity } = context.simulator;
      return tried(() => {
        if (user !== undefined) {
          const ofClient = client === undefined ? {} : { client };
          return {
            accessToken: identity.accessToken({ user: userOf(context, user), scopes: scopes!, ...ofClient, ...more }),
          };
        }
        const registration = identity.clients.find(({ clientId }) => client === undefined || clientId === client);
        if (registration === undefined) throw wrong('client', `there is no application ${client}`);
        return { accessToken: identity.accessToken(registration) };
      });
    },
    OPTIONAL,
  ),
  route(
    'GET /identity/consents',
    'what `user` allowed an application',
    (context) => {
      const { user, client } = context.query;
      if (user === undefined) throw wrong('user', 'is required');
      return tried(() => context.simulator.identity.consents(userOf(context, user), client));
    },
    { query: ['user', 'client'] },
  ),
  bodyRoute(
    'POST /identity/grant-consent',
    'as if `user` had accepted; without one, an administrator for everybody',
    Strict({ user: Client, scopes: Scopes, client: Client }),
    (context) => {
      const { user, scopes, client } = context.body;
      const { identity } = context.simulator;
      tried(() =>
        user === undefined
          ? identity.grantAdminConsent(scopes, client)
          : identity.grantConsent(userOf(context, user), scopes, client),
      );
    },
  ),
  bodyRoute(
    'POST /identity/revoke-consent',
    'of `user`, or what an administrator gave for everybody; some `scopes`, or all',
    Strict({ user: Client, scopes: Type.Optional(Scopes), client: Client }),
    (context) => {
      const { user, scopes, client } = context.body;
      const { identity } = context.simulator;
      tried(() =>
        user === undefined
          ? identity.revokeAdminConsent(client, scopes)
          : identity.revokeConsent(userOf(context, user), client, scopes),
      );
    },
    OPTIONAL,
  ),
  ...(
    [
      ['revoke-sessions', 'revokeSessions', 'signed out everywhere: refresh fails, CAE tokens are challenged'],
      ['disable', 'disableUser', 'the account is disabled'],
      ['enable', 'enableUser', 'the account may sign in again'],
      ['delete', 'deleteUser', 'the account is deleted; the mailbox stays for a while'],
    ] as const
  ).map(([verb, method, does]) =>
    bodyRoute(
      `POST /identity/users/{user}/${verb}`,
      does,
      NOTHING,
      (context) => context.simulator.identity[method](userOf(context, context.params['user']!)),
      OPTIONAL,
    ),
  ),
  bodyRoute(
    'POST /identity/require-claims',
    'CAE tokens of a user or an application are challenged on their next call',
    Strict({ subject: Text }),
    ({ simulator, body }) => simulator.identity.requireClaims(body.subject),
  ),
  bodyRoute('POST /identity/forget-claims', 'takes that back', Strict({ subject: Text }), ({ simulator, body }) =>
    simulator.identity.forgetClaims(body.subject),
  ),
  bodyRoute(
    'POST /identity/expire-secret',
    'all secrets of an application expire',
    Strict({ client: Client }),
    ({ simulator, body }) => tried(() => simulator.identity.expireSecret(body.client)),
    OPTIONAL,
  ),
  bodyRoute(
    'POST /identity/rotate-secret',
    'answers the new secret; `keepOld` lets the old ones live',
    Strict({ client: Client, secret: Client, keepOld: Type.Optional(Type.Boolean()) }),
    ({ simulator, body }) => {
      const { client, ...options } = body;
      return { secret: tried(() => simulator.identity.rotateSecret(client, options)) };
    },
    OPTIONAL,
  ),
  bodyRoute(
    'POST /identity/rotate-signing-key',
    'id tokens are signed with a new key',
    NOTHING,
    ({ simulator }) => ({ kid: simulator.identity.rotateSigningKey() }),
    OPTIONAL,
  ),
  bodyRoute(
    'POST /identity/failures',
    'the next token requests fail in a named way',
    Type.Unsafe<Record<string, unknown>>({
      type: 'object',
      required: ['name'],
      properties: { name: { type: 'string' } },
    }),
    ({ simulator, body }) => tried(() => simulator.identity.failTokens(body as unknown as TokenFailure)),
  ),
  route('DELETE /identity/failures', 'takes those back', ({ simulator }) => simulator.identity.clearFailures()),
];

/** The id of a user, who has a mailbox here. */
const userOf = (context: ControlContext<never> | ControlContext, user: string): string =>
  mailboxOf(context as ControlContext, user).id;
