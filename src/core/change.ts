/** One side compared with the base; `absent`: no base, and nothing on this side either. */
export type Change = 'absent' | 'unchanged' | 'changed' | 'deleted';

/** What a pair of changes calls for. */
export type SyncAction =
  | 'none'
  | 'apply-remote'
  | 'push-local'
  | 'merge'
  | 'delete-local'
  | 'delete-remote'
  | 'edit-or-delete';

/** The one table that decides what to do. A cell that cannot be reached says so, and reaching it is a bug. */
export const PLAN: Record<Change, Record<Change, SyncAction | 'impossible'>> = {
  // local    remote: absent         unchanged                   changed                        deleted
  absent: { absent: 'none', unchanged: 'impossible', changed: 'apply-remote', deleted: 'impossible' },
  unchanged: { absent: 'impossible', unchanged: 'none', changed: 'apply-remote', deleted: 'delete-local' },
  changed: { absent: 'push-local', unchanged: 'push-local', changed: 'merge', deleted: 'edit-or-delete' },
  deleted: { absent: 'impossible', unchanged: 'delete-remote', changed: 'edit-or-delete', deleted: 'none' },
};
