/** How a calendar is kept in step; a calendar's own value wins over its user's, which wins over these defaults. */

export const SYNC_DIRECTIONS = ['pull', 'push', 'bidirectional'] as const;
export type SyncDirection = (typeof SYNC_DIRECTIONS)[number];

export const CONFLICT_STRATEGIES = ['prefer_local', 'prefer_remote', 'prefer_latest', 'merge', 'manual'] as const;
export type ConflictStrategy = (typeof CONFLICT_STRATEGIES)[number];

export const NOTIFY_POLICIES = ['never', 'changes', 'all'] as const;
/** Which writes that make Exchange mail guests may leave the service. */
export type NotifyAttendees = (typeof NOTIFY_POLICIES)[number];

export interface SyncWindow {
  readonly pastDays: number;
  readonly futureDays: number;
}

/** One rule of what is synced; `rules` are tried in order, the first that matches decides, none = synced. */
export interface SyncRule {
  readonly action: 'include' | 'exclude';
  readonly categories?: readonly string[];
  readonly sensitivity?: readonly string[];
  readonly showAs?: readonly string[];
  readonly subjectContains?: string;
}

export interface SyncSettings {
  readonly enabled: boolean;
  readonly direction: SyncDirection;
  readonly conflictResolution: ConflictStrategy;
  readonly syncIntervalMinutes: number;
  readonly window: SyncWindow;
  readonly rules: readonly SyncRule[];
  readonly notifyAttendees: NotifyAttendees;
}

/** Graph refuses windows over 1825 days; a margin keeps rounding at the edges harmless. */
export const MAX_WINDOW_DAYS = 1800;

export const DEFAULT_SETTINGS: SyncSettings = {
  enabled: true,
  direction: 'bidirectional',
  conflictResolution: 'prefer_latest',
  syncIntervalMinutes: 15,
  window: { pastDays: 90, futureDays: 365 },
  rules: [],
  notifyAttendees: 'never',
};
