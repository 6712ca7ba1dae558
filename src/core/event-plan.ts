import type { Unit } from './canonical-event.ts';
import type { SyncAction } from './change.ts';
import type { ModificationTimes, PersonalDecision } from './conflict-resolver.service.ts';
import type { EventContent } from './event.ts';
import type { ConflictStrategy } from './settings.ts';
import type { AgreedContent } from './three-way-merge.ts';

/** What planning one event needs, and what it says. */

export type ConflictType =
  | 'UPDATE_UPDATE'
  | 'LOCAL_DELETE_REMOTE_UPDATE'
  | 'LOCAL_UPDATE_REMOTE_DELETE'
  | 'DUPLICATE_CREATE';

/** `absent`, of an event that was agreed on, is as good as deleted: the caller has proof of it. */
export type SideState =
  | { readonly state: 'absent' }
  | { readonly state: 'present'; readonly content: EventContent; readonly modifiedAt?: Date | undefined }
  | { readonly state: 'deleted'; readonly deletedAt?: Date | undefined };

export interface PlanInput {
  readonly base: AgreedContent | null;
  readonly local: SideState;
  readonly remote: SideState;
  readonly strategy: ConflictStrategy;
  /** A person's decision; without it the strategy decides. */
  readonly decision?: PersonalDecision;
  /**
   * Units that are kept from Graph on purpose, if nothing else was changed here since we last agreed. What nobody will
   * ever send is no reason to bring an event back that Outlook deleted.
   */
  readonly heldUnits?: readonly Unit[];
  /** Files were added here that Outlook never had: an edit like any other where Outlook deleted the event. */
  readonly hasUnsentFiles?: boolean;
}

/** A conflict worth a record: `decided` tells how it ended, `pending` that it waits. All three values are kept either way. */
export interface PlannedConflict {
  readonly type: ConflictType;
  readonly status: 'pending' | 'decided';
  readonly units: readonly Unit[];
  readonly base: EventContent | null;
  readonly local: EventContent | null;
  readonly remote: EventContent | null;
}

/** What becomes of the local side. `write` also brings a deleted event back. */
export type LocalStep =
  | { readonly kind: 'keep' }
  | { readonly kind: 'write'; readonly content: EventContent; readonly units: readonly Unit[] }
  | { readonly kind: 'delete' };

/**
 * What is agreed on afterwards.
 * `drop`: the event is gone on both sides. `recreate`: gone at Graph, to be created there again under a new generation.
 */
export type BaseStep =
  | { readonly kind: 'keep' }
  | { readonly kind: 'save'; readonly agreed: AgreedContent }
  | { readonly kind: 'drop' }
  | { readonly kind: 'recreate' };

export interface EventPlan {
  readonly action: SyncAction;
  readonly local: LocalStep;
  readonly base: BaseStep;
  readonly conflict?: PlannedConflict;
  /** The local side is ahead of Graph and is allowed to go there. */
  readonly isPushNeeded: boolean;
}

export function timesOf({ local, remote }: Pick<PlanInput, 'local' | 'remote'>): ModificationTimes {
  const localAt =
    local.state === 'present' ? local.modifiedAt : local.state === 'deleted' ? local.deletedAt : undefined;
  return {
    localModifiedAt: localAt ?? new Date(0),
    remoteModifiedAt: remote.state === 'present' ? remote.modifiedAt : undefined,
  };
}
