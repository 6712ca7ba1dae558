import type { FastifyRequest } from 'fastify';
import { assert, SyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import { narrowScope, widenScope } from '../store/row-scope.ts';
import type { Caller } from './services.ts';

/**
 * Who may call a route. A route that says nothing is for callers with a token; `public` has to be said.
 * `operator`: operators and administrators only; `admin`: administrators only.
 */
export type Access = 'public' | 'user' | 'operator' | 'admin';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    /** Of public routes that few addresses call very often; what they do has to be cheap. */
    isUncounted?: boolean;
  }
  interface FastifyRequest {
    /** Who calls; absent on public routes. */
    caller: Caller | undefined;
  }
}

export function callerOf(request: FastifyRequest): Caller {
  assert(request.caller, `${request.routeOptions.url} asks who calls, but is public`);
  return request.caller;
}

/** An administrator may do whatever an operator may. */
export function isOperator({ roles }: Caller): boolean {
  return roles.includes('operator') || roles.includes('admin');
}

export function isAdmin({ roles }: Caller): boolean {
  return roles.includes('admin');
}

/**
 * Whose figures are asked for: the caller's own, or with `?userId=` somebody's, or with `?userId=*` everybody's.
 *
 * @returns `undefined` for everybody
 * @throws {SyncError} `access-denied` for anybody else's, unless the caller is an operator
 */
export function subjectOf(caller: Caller, userId: string | undefined): UserId | undefined {
  if (userId === undefined || userId === caller.userId) return caller.userId;
  if (!isOperator(caller)) {
    throw new SyncError(
      'access-denied',
      'other users’ runs and figures are for operators; leave userId out for your own',
    );
  }
  if (userId === '*') {
    widenScope();
    return undefined;
  }
  narrowScope(userId as UserId);
  return userId as UserId;
}

/** @throws {SyncError} `access-denied` for what is another user's, unless the caller is an administrator */
export function ownerOf(caller: Caller, userId: string | undefined): UserId {
  if (userId === undefined || userId === caller.userId) return caller.userId;
  if (!isAdmin(caller)) {
    throw new SyncError(
      'access-denied',
      'this is for administrators when it is another user’s; leave userId out for your own',
    );
  }
  narrowScope(userId as UserId);
  return userId as UserId;
}
