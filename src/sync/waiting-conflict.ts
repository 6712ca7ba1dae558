import { withUnit } from '../core/canonical-event.ts';
import type { SideState } from '../core/event-plan.ts';
import type { EventBase } from '../store/base.repository.ts';
import type { StoredConflict } from '../store/conflict.repository.ts';

/**
 * What Graph holds of an event that waits for a decision. The record has the values that wait as they were when it was
 * written; every other field has gone on flowing since, so the newest of them is what the base says.
 */
export function waitingRemote(conflict: StoredConflict, base: EventBase): SideState {
  const { remote } = conflict.data;
  if (!remote || base.remoteGoneAt) return { state: 'deleted' };
  const content = base.remote
    ? base.conflictUnits.reduce((known, unit) => withUnit(known, unit, remote), base.remote)
    : remote;
  return { state: 'present', content, modifiedAt: base.remoteModifiedAt };
}
