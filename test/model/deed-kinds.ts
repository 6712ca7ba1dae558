/** What people do, and what befalls their mailbox and its calendars. */
export type DeedKind =
  | 'app-create'
  | 'app-create-series'
  | 'app-edit'
  | 'app-rule'
  | 'app-delete'
  | 'app-edit-date'
  | 'app-delete-date'
  | 'app-import'
  | 'plain-sql'
  | 'outlook-create'
  | 'outlook-create-series'
  | 'outlook-edit'
  | 'outlook-rule'
  | 'outlook-delete'
  | 'outlook-edit-date'
  | 'outlook-delete-date'
  | 'outlook-split'
  | 'outlook-invited'
  | 'outlook-organizer'
  | 'resolve'
  | 'revert'
  | 'outlook-move'
  | 'switch-calendar'
  | 'strategy'
  | 'window'
  | 'direction'
  | 'notify'
  | 'app-invite'
  | 'outlook-invite'
  | 'outlook-save-old'
  | 'app-answer'
  | 'outlook-answer'
  | 'app-attach'
  | 'app-detach'
  | 'outlook-attach'
  | 'outlook-detach'
  | 'crowd'
  | 'app-delete-many'
  | 'outlook-delete-many'
  | 'confirm-deletions'
  | 'put-back'
  | 'days-pass'
  | 'sign-in-dies'
  | 'sign-in-again'
  | 'expire-tokens'
  | 'restore-mailbox'
  | 'clock-jump'
  | 'wait';

/** What happens to the process that works, or to what it asks for. */
export type StrikeKind = 'kill' | 'stall' | 'second-worker' | 'fault' | 'database-fault' | 'delay';

type Weights = Readonly<Partial<Record<DeedKind, number>>>;

const SINGLES: Weights = {
  'app-create': 6,
  'app-edit': 8,
  'app-delete': 2,
  'app-import': 1,
  'outlook-create': 6,
  'outlook-edit': 8,
  'outlook-delete': 2,
  resolve: 2,
  strategy: 1,
  'expire-tokens': 1,
  wait: 1,
};
const SERIES: Weights = {
  'app-create-series': 5,
  'app-rule': 3,
  'app-edit-date': 5,
  'app-delete-date': 3,
  'outlook-create-series': 5,
  'outlook-rule': 3,
  'outlook-edit-date': 5,
  'outlook-delete-date': 3,
  'outlook-split': 1,
};
const ODDITIES: Weights = {
  'plain-sql': 6,
  'outlook-invited': 3,
  'outlook-organizer': 3,
  'restore-mailbox': 2,
  'clock-jump': 2,
};
export const STRIKES: Readonly<Record<StrikeKind, number>> = {
  kill: 3,
  stall: 2,
  'second-worker': 1,
  fault: 8,
  'database-fault': 3,
  delay: 1,
};
const REVERTS: Weights = { revert: 10 };

const SETTINGS: Weights = { strategy: 2, window: 6, direction: 5, 'days-pass': 4 };
const FILES: Weights = { 'app-attach': 6, 'app-detach': 3, 'outlook-attach': 6, 'outlook-detach': 3 };
const INVITATIONS: Weights = {
  ...{ 'outlook-invited': 6, 'outlook-organizer': 3, 'app-answer': 8, 'outlook-answer': 4, 'outlook-save-old': 3 },
};
const GUESTS: Weights = { 'app-invite': 10, 'outlook-invite': 7, notify: 6 };

/** Where there are many events. */
export const CROWDS: Weights = {
  ...{ 'app-delete-many': 6, 'outlook-delete-many': 6, 'confirm-deletions': 8, 'put-back': 4, 'days-pass': 3 },
};

/** Where the user has signed in themselves. */
export const SIGN_INS: Weights = { 'sign-in-dies': 6, 'sign-in-again': 6 };

/** Where there are several calendars. */
export const MOVES: Weights = { 'outlook-move': 9, 'switch-calendar': 1 };

/** What a history can be about, and in how many histories it is: most promises break where several meet. */
export const THEMES: readonly { readonly share: number; readonly deeds: Weights }[] = [
  { share: 1, deeds: SINGLES },
  { share: 0.5, deeds: SERIES },
  { share: 0.4, deeds: ODDITIES },
  { share: 0.3, deeds: REVERTS },
  { share: 0.2, deeds: SETTINGS },
  { share: 0.2, deeds: GUESTS },
  { share: 0.15, deeds: FILES },
  { share: 0.15, deeds: INVITATIONS },
];
