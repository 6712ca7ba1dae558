import type { ApiInstance } from '../api-instance.ts';
import { answer, publicAnswers } from '../schemas/common.ts';
import { Health } from '../schemas/operation.ts';
import type { ServerParts } from '../services.ts';

/** For whoever looks after the service: load balancers among them, so it needs no token and tells nobody anything. */
export function operationRoutes(app: ApiInstance, { healthService }: ServerParts): void {
  app.get(
    '/calendar/sync/health',
    {
      config: { access: 'public' },
      exposeHeadRoute: true,
      schema: {
        operationId: 'getHealth',
        tags: ['Operation'],
        summary: 'Whether the service can do its work',
        security: [],
        response: publicAnswers({
          200: answer('it can, perhaps not at its best', Health),
          503: answer('it cannot', Health),
        }),
      },
    },
    async (_request, reply) => {
      const health = await healthService.check();
      return reply.code(health.status === 'down' ? 503 : 200).send(health);
    },
  );
}
