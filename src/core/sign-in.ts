import type { UserId } from './ids.ts';

/**
 * Which sign-in with Microsoft opens a mailbox: whose it is, and the account it was made with. The user alone does not tell:
 * they may sign in with another account later, and what a process remembers of the former must not be used for it.
 */
export interface SignInRef {
  readonly userId: UserId;
  /** MSAL's `homeAccountId`. */
  readonly accountId: string;
}
