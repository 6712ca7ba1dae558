import { createRequire } from 'node:module';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { type Json, tidied } from './openapi-document.ts';

const TAGS = [
  { name: 'Sync', description: 'Runs: start, watch, cancel, look back' },
  { name: 'Conflicts', description: 'What both sides changed differently' },
  { name: 'Events', description: 'The application’s own events' },
  { name: 'Calendars', description: 'Which calendars are kept in step, and how' },
  { name: 'Connection', description: 'Whose mailbox it is' },
  { name: 'Webhooks', description: 'What the application is told by itself' },
  { name: 'Privacy', description: 'What is held about somebody, and who touched it' },
  { name: 'Operation', description: 'Health and figures' },
];

const DESCRIPTION = `Two-way sync between an application's own calendar events and Microsoft 365 (Outlook) calendars.

Every answer carries \`x-correlation-id\`; a caller may send its own. Errors are \`application/problem+json\` (RFC 9457);
programs look at \`code\`. Properties that a schema does not name are refused, by name.`;

/** The pages come with their own scripts; their styles are written by those. */
const DOCS_POLICY = [
  ...["default-src 'self'", "script-src 'self'", "style-src 'self' 'unsafe-inline'", "img-src 'self' data:"],
  ...["object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"],
].join('; ');

/** Registers the document's maker; must come before the routes it is to describe. */
export async function describeRoutes(app: FastifyInstance, publicUrl: string | undefined): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'graph-calendar-sync',
        version: packageVersion(),
        description: DESCRIPTION,
        license: { name: 'MIT', identifier: 'MIT' } as { name: string },
      },
      servers: [{ url: publicUrl ?? '/' }],
      tags: TAGS,
      components: {
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'Claims: sub (user id), roles (user, operator, admin), email / preferred_username / upn.',
          },
        },
      },
      security: [{ bearer: [] }],
    },
    // Two adapters of one document would describe the same path twice.
    stripBasePath: false,
    convertConstToEnum: false,
    transformObject: (document) => ('openapiObject' in document ? tidied(document.openapiObject as Json) : {}) as never,
  });
}

/** The document at `/openapi.json`, and pages to read and try it at `/docs`. */
export async function serveDocuments(app: FastifyInstance): Promise<void> {
  await app.register(async (pages) => {
    pages.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'public' };
    });
    pages.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
    await pages.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: DOCS_POLICY,
      uiConfig: { persistAuthorization: false, displayRequestDuration: true, docExpansion: 'list' },
    });
  });
}

export function packageVersion(): string {
  return (createRequire(import.meta.url)('../../package.json') as { version: string }).version;
}
