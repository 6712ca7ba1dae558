/** Scopes of OpenID Connect; they belong to no resource. */
const OIDC = new Set(['openid', 'profile', 'email', 'offline_access']);

/** Families of Graph permissions; a scope outside them does not exist as far as the simulator knows. */
const GRAPH_PERMISSION =
  /^(Calendars|Contacts|Directory|Files|Group|Mail|MailboxSettings|OnlineMeetings|People|Place|Presence|Tasks|User)(\.[A-Za-z]+)+$/i;

/** What an application asked for. */
export interface ScopeRequest {
  /** As they were written; answers repeat them so. */
  readonly written: readonly string[];
  /** Graph permissions by their short names. */
  readonly permissions: readonly string[];
  /** `.default`: whatever has been consented to. */
  readonly isDefault: boolean;
  readonly isOpenId: boolean;
  readonly isOffline: boolean;
}

export const isOidcScope = (scope: string): boolean => OIDC.has(scope.toLowerCase());

/** `https://graph.microsoft.com/Calendars.Read` and `Calendars.Read` are the same permission. */
export const shortName = (scope: string): string => scope.replace(/^(?:https?:\/\/[^/]+|api:\/\/[^/]+)\/+/i, '');

export function readScopes(text: string): ScopeRequest {
  const written = [...new Set(text.split(/\s+/).filter((scope) => scope !== ''))];
  const has = (name: string) => written.some((scope) => scope.toLowerCase() === name);
  const names = written.filter((scope) => !isOidcScope(scope)).map(shortName);
  return {
    written,
    permissions: names.filter((name) => name.toLowerCase() !== '.default'),
    isDefault: names.some((name) => name.toLowerCase() === '.default'),
    isOpenId: has('openid'),
    isOffline: has('offline_access'),
  };
}

/** @returns a permission that Graph does not have */
export const unknownPermission = ({ permissions }: ScopeRequest): string | undefined =>
  permissions.find((name) => !GRAPH_PERMISSION.test(name));

/** Whether every name asked for is among those granted; case does not matter. */
export function areGranted(asked: readonly string[], granted: readonly string[]): boolean {
  const known = new Set(granted.map((name) => name.toLowerCase()));
  return asked.every((name) => known.has(name.toLowerCase()));
}
