import { callerOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import { answer, answers } from '../schemas/common.ts';
import { Settings, SettingsChange } from '../schemas/settings.ts';
import type { ServerParts } from '../services.ts';

/** How a user's calendars are kept in step, where a calendar says nothing else. */
export function settingsRoutes(app: ApiInstance, { settings }: ServerParts): void {
  app.get(
    '/calendar/sync/settings',
    {
      schema: {
        operationId: 'getSettings',
        tags: ['Sync'],
        summary: 'The caller’s settings, complete',
        response: answers({ 200: answer('the settings', Settings) }),
      },
    },
    async (request) => settings.get(callerOf(request).userId),
  );

  app.put(
    '/calendar/sync/settings',
    {
      schema: {
        operationId: 'putSettings',
        tags: ['Sync'],
        summary: 'Change what is named, keep the rest',
        body: SettingsChange,
        response: answers({ 200: answer('the settings, complete', Settings) }, 413, 415, 422),
      },
    },
    async (request) => settings.put(callerOf(request).userId, request.body, { correlationId: request.id }),
  );
}
