import { isSyncError } from '../core/errors.ts';
import { isPersonsTrouble } from './connection-state.ts';

/** What the person who comes back from Microsoft is told. */
export type CallbackOutcome =
  | { readonly kind: 'connected'; readonly mailbox: string }
  | { readonly kind: 'kept'; readonly mailbox: string | undefined }
  | {
      readonly kind: 'question';
      /** Proof that the page's form is answered; good for one answer. */
      readonly token: string;
      readonly mailbox: string;
      readonly requestedBy: string;
      /** The mailbox that would be let go for it. */
      readonly boundMailbox?: string;
    }
  | { readonly kind: 'refused'; readonly why: Refusal; readonly adminConsentUrl?: string };

/** Why a sign-in came to nothing: the page has a text for each. */
export type Refusal =
  | 'spent'
  | 'cancelled'
  | 'consent'
  | 'permissions'
  | 'policy'
  | 'code'
  | 'mailbox'
  | 'away'
  | 'operator';

/** What Microsoft adds to the callback's address. */
export interface CallbackQuery {
  readonly state?: string | undefined;
  readonly code?: string | undefined;
  readonly error?: string | undefined;
}

/** @param error  as Microsoft adds it to the callback's address (RFC 6749, 4.1.2.1) */
export function refusalByMicrosoft(error: string | undefined): Refusal {
  switch (error) {
    case 'access_denied':
      return 'cancelled';
    case 'consent_required':
      return 'consent';
    case 'temporarily_unavailable':
    case 'server_error':
      return 'away';
    case 'unauthorized_client':
    case 'invalid_request':
    case 'invalid_scope':
      return 'operator';
    default:
      return 'policy';
  }
}

/** @returns `undefined` for a fault of ours */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!isSyncError(error)) return undefined;
  const isOperators = [error, error.cause].some((it) => isSyncError(it, 'unauthenticated') && !isPersonsTrouble(it));
  if (isOperators) return 'operator';
  switch (error.code) {
    case 'unauthenticated':
      return error.graphCode === 'consent_required' ? 'consent' : 'policy';
    case 'reauth-required':
      return 'policy';
    case 'unavailable':
    case 'throttled':
      return 'away';
    case 'forbidden':
      return 'permissions';
    case 'not-found':
      return 'mailbox';
    case 'rejected':
      return error.graphCode === 'invalid_grant' ? 'code' : 'mailbox';
    default:
      return undefined;
  }
}
