import { type InputProblem, SyncError } from '../core/errors.ts';
import {
  CONFLICT_STRATEGIES,
  MAX_WINDOW_DAYS,
  NOTIFY_POLICIES,
  SYNC_DIRECTIONS,
  type SyncSettings,
} from '../core/settings.ts';

/** A week: whoever wants less often than that wants to start runs themselves (0). */
const MAX_INTERVAL_MINUTES = 7 * 24 * 60;
const MAX_RULES = 100;
const MAX_VALUES = 100;
const MAX_TEXT_LENGTH = 255;

type Check = (value: unknown, path: string) => InputProblem[];

const CHECKS: Record<keyof SyncSettings, Check> = {
  enabled: (value, path) => (typeof value === 'boolean' ? [] : [{ path, message: 'must be true or false' }]),
  direction: oneOf(SYNC_DIRECTIONS),
  conflictResolution: oneOf(CONFLICT_STRATEGIES),
  syncIntervalMinutes: (value, path) =>
    isNumberBetween(value, 0, MAX_INTERVAL_MINUTES)
      ? []
      : [{ path, message: `must be minutes, 0 (no background syncs) to ${MAX_INTERVAL_MINUTES}` }],
  window: checkWindow,
  rules: checkRules,
  notifyAttendees: oneOf(NOTIFY_POLICIES),
};

const RULE_CHECKS: Readonly<Record<string, Check>> = {
  action: oneOf(['include', 'exclude']),
  categories: listOfTexts,
  sensitivity: listOf(['normal', 'personal', 'private', 'confidential']),
  showAs: listOf(['free', 'tentative', 'busy', 'oof', 'workingElsewhere', 'unknown']),
  subjectContains: (value, path) =>
    isText(value) ? [] : [{ path, message: `must be a text of 1 to ${MAX_TEXT_LENGTH} characters` }],
};

/**
 * Looks at every value, however deep; an embedding application has no schema in front of this.
 *
 * @throws {SyncError} `invalid-input` naming each place; `impossible-input` for a window longer than Graph serves
 */
export function assertSettings(changes: Readonly<Record<string, unknown>>): void {
  const problems = Object.entries(changes).flatMap(([name, value]) => {
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name as keyof SyncSettings] : undefined;
    return check ? check(value, name) : [unknown(name, Object.keys(CHECKS))];
  });
  if (problems.length > 0) throw new SyncError('invalid-input', 'the settings cannot be read', { problems });
  const window = changes['window'] as SyncSettings['window'] | undefined;
  if (!window || window.pastDays + window.futureDays <= MAX_WINDOW_DAYS) return;
  throw new SyncError('impossible-input', `the window is longer than Graph serves at once, ${MAX_WINDOW_DAYS} days`, {
    problems: [{ path: 'window', message: `pastDays + futureDays must be at most ${MAX_WINDOW_DAYS}` }],
  });
}

function checkWindow(value: unknown, path: string): InputProblem[] {
  if (!isObject(value)) return [{ path, message: 'must be { "pastDays": …, "futureDays": … }' }];
  const names = ['pastDays', 'futureDays'];
  const strangers = Object.keys(value).filter((name) => !names.includes(name));
  return [
    ...names
      .filter((name) => !Number.isInteger(value[name]) || (value[name] as number) < 0)
      .map((name) => ({ path: `${path}.${name}`, message: 'must be a whole number of days, 0 or more' })),
    ...strangers.map((name) => unknown(`${path}.${name}`, names)),
  ];
}

function checkRules(value: unknown, path: string): InputProblem[] {
  if (!Array.isArray(value) || value.length > MAX_RULES) {
    return [{ path, message: `must be a list of at most ${MAX_RULES} rules` }];
  }
  return value.flatMap((rule: unknown, index) => checkRule(rule, `${path}.${index}`));
}

function checkRule(rule: unknown, path: string): InputProblem[] {
  if (!isObject(rule))
    return [{ path, message: 'must be a rule, e.g. { "action": "exclude", "categories": ["Private"] }' }];
  const missing =
    rule['action'] === undefined ? [{ path: `${path}.action`, message: 'must be include or exclude' }] : [];
  const wrong = Object.entries(rule).flatMap(([name, value]) => {
    const check = Object.hasOwn(RULE_CHECKS, name) ? RULE_CHECKS[name] : undefined;
    if (!check) return [unknown(`${path}.${name}`, Object.keys(RULE_CHECKS))];
    return value === undefined ? [] : check(value, `${path}.${name}`);
  });
  return [...missing, ...wrong];
}

function oneOf(allowed: readonly string[]): Check {
  return (value, path) =>
    allowed.includes(value as string) ? [] : [{ path, message: `must be one of ${allowed.join(', ')}` }];
}

function listOf(allowed: readonly string[]): Check {
  return (value, path) =>
    Array.isArray(value) && value.length > 0 && value.every((entry) => allowed.includes(entry))
      ? []
      : [{ path, message: `must be a list of some of ${allowed.join(', ')}` }];
}

function listOfTexts(value: unknown, path: string): InputProblem[] {
  const isList = Array.isArray(value) && value.length > 0 && value.length <= MAX_VALUES && value.every(isText);
  return isList ? [] : [{ path, message: `must be a list of 1 to ${MAX_VALUES} texts` }];
}

function unknown(path: string, known: readonly string[]): InputProblem {
  return { path, message: `is not a setting; there are ${known.join(', ')}` };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_TEXT_LENGTH;
}

function isNumberBetween(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max;
}
