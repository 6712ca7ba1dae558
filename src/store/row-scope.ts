import { AsyncLocalStorage } from 'node:async_hooks';
import { assert } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';

/**
 * Whose rows the database shows to what is being done right now.
 *
 * Every statement asks for its user's rows itself. This is the second line behind it: what runs for one user carries a
 * scope, the connection tells it to PostgreSQL, and row-level security hides everybody else's rows, also from a statement
 * that forgot to ask. What the service does for all users (the scheduler, `migrate`) has no scope.
 */
class RowScope {
  /** As the policies of the migration compare it; '' hides nothing. */
  setting: string;

  constructor(setting: string) {
    this.setting = setting;
  }
}

const current = new AsyncLocalStorage<RowScope>();
const NOBODY = 'nobody';

/** The value of `graph_calendar_sync.scope` for what runs here. */
export const scopeSetting = (): string => current.getStore()?.setting ?? '';

/** Runs `work` with one user's rows in sight. */
export function inScopeOf<T>(userId: UserId, work: () => T): T {
  return current.run(new RowScope(`user:${userId}`), work);
}

/** Runs `work` with nobody's rows in sight, until {@link narrowScope} or {@link widenScope} says whose. */
export function inNobodysScope<T>(work: () => T): T {
  return current.run(new RowScope(NOBODY), work);
}

/** Runs `work` for the service as a whole: every user's rows are in sight. */
export function withoutScope<T>(work: () => T): T {
  return current.run(new RowScope(''), work);
}

/** From here on, what runs in the present scope sees this user's rows. */
export function narrowScope(userId: UserId): void {
  const scope = current.getStore();
  assert(scope, 'a scope begins where something begins, not in the middle of it');
  scope.setting = `user:${userId}`;
}

/** From here on, everybody's: to be called only where it has been checked that the caller may see that. */
export function widenScope(): void {
  const scope = current.getStore();
  if (scope) scope.setting = '';
}
