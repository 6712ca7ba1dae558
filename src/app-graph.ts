import { readCertificate } from './certificate.ts';
import type { AppConfig } from './config.ts';
import type { Clock, Fetch, Logger, Random } from './core/runtime.ts';
import type { CalendarGraph } from './graph/calendar-graph.ts';
import type { SignInStore } from './graph/delegated-token.provider.ts';
import { GraphClient } from './graph/graph.client.ts';
import { GraphCalendarClient } from './graph/graph-calendar.client.ts';
import { IdentityPlatform } from './graph/identity-platform.ts';
import type { MailboxLimiter } from './graph/mailbox-limiter.ts';
import type { OperatorAlarm } from './graph/operator-alarm.ts';
import type { TokenProvider } from './graph/token.provider.ts';
import type { ConnectionRepository } from './store/connection.repository.ts';
import type { Db } from './store/db.ts';
import { inScopeOf } from './store/row-scope.ts';

/** People's sign-ins, encrypted in their connections. */
export function keptSignIns(db: Db, connections: ConnectionRepository): SignInStore {
  return {
    load: (userId) => inScopeOf(userId, () => connections.findSignIn(db, userId)),
    save: (signIn, cache, o) =>
      inScopeOf(signIn.userId, () => db.transaction((tx) => connections.saveTokens(tx, signIn, cache, o))),
  };
}

export function createIdentity(
  graph: AppConfig['graph'],
  fetch: Fetch,
  clock: Clock,
  operatorAlarm?: OperatorAlarm,
): IdentityPlatform {
  const { clientId, tenantId, credential } = graph;
  return new IdentityPlatform({
    credentials: {
      clientId,
      tenantId,
      ...(credential.kind === 'secret'
        ? { secret: credential.secret }
        : { certificate: readCertificate(credential.path) }),
    },
    fetch,
    clock,
    authorityHost: graph.authorityHost,
    graphOrigin: graph.baseUrl,
    operatorAlarm,
  });
}

export function createGraph(
  config: AppConfig,
  plugs: {
    clock: Clock;
    random: Random;
    logger: Logger;
    fetch: Fetch;
    limiter: MailboxLimiter;
    tokens: TokenProvider;
  },
): { client: GraphClient; graph: CalendarGraph } {
  const { batchSize, pageSize } = config.graphLimits;
  const client = new GraphClient({
    ...plugs,
    tokens: plugs.tokens,
    baseUrl: config.graph.baseUrl,
  });
  return { client, graph: new GraphCalendarClient({ client, batchSize, pageSize }) };
}
