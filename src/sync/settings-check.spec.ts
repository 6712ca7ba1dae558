import { describe, expect, it } from 'vitest';
import { isSyncError } from '../core/errors.ts';
import { DEFAULT_SETTINGS } from '../core/settings.ts';
import { assertSettings } from './settings-check.ts';

/** The places that are refused; none for settings that are taken. */
function problemsOf(changes: object): readonly string[] {
  try {
    assertSettings(changes as Record<string, unknown>);
    return [];
  } catch (error) {
    if (!isSyncError(error)) throw error;
    return error.problems.map(({ path }) => path);
  }
}

describe('settings', () => {
  it('are taken when every value can be', () => {
    expect(problemsOf(DEFAULT_SETTINGS)).toEqual([]);
    const rules = [
      { action: 'include', categories: ['Work', 'Team'], subjectContains: 'visit' },
      { action: 'exclude', sensitivity: ['private', 'confidential'], showAs: ['free'] },
      { action: 'exclude' },
    ];
    expect(problemsOf({ rules, syncIntervalMinutes: 0, window: { pastDays: 900, futureDays: 900 } })).toEqual([]);
    expect(problemsOf({ syncIntervalMinutes: 0.5 })).toEqual([]);
  });

  it.each<[object, string]>([
    [{ enabled: 'yes' }, 'enabled'],
    [{ direction: 'both' }, 'direction'],
    [{ conflictResolution: 'latest' }, 'conflictResolution'],
    [{ syncIntervalMinutes: -1 }, 'syncIntervalMinutes'],
    [{ syncIntervalMinutes: Number.NaN }, 'syncIntervalMinutes'],
    [{ notifyAttendees: 'always' }, 'notifyAttendees'],
    [{ window: { pastDays: 1.5, futureDays: 1 } }, 'window.pastDays'],
    [{ window: { pastDays: 1 } }, 'window.futureDays'],
    [{ window: { pastDays: 1, futureDays: 1, days: 2 } }, 'window.days'],
    [{ window: 30 }, 'window'],
    [{ rules: { action: 'exclude' } }, 'rules'],
    [{ rules: ['exclude'] }, 'rules.0'],
    [{ rules: [{ categories: ['a'] }] }, 'rules.0.action'],
    [{ rules: [{ action: 'drop' }] }, 'rules.0.action'],
    [{ rules: [{ action: 'exclude', categories: 'Private' }] }, 'rules.0.categories'],
    [{ rules: [{ action: 'exclude', categories: [7] }] }, 'rules.0.categories'],
    [{ rules: [{ action: 'exclude', showAs: ['away'] }] }, 'rules.0.showAs'],
    [{ rules: [{ action: 'exclude', sensitivity: ['secret'] }] }, 'rules.0.sensitivity'],
    [{ rules: [{ action: 'exclude', subjectContains: '' }] }, 'rules.0.subjectContains'],
    [{ rules: [{ action: 'include' }, { action: 'exclude', subject: 'x' }] }, 'rules.1.subject'],
    [{ colour: 'red' }, 'colour'],
  ])('refuse %j, naming the place', (changes, path) => {
    expect(problemsOf(changes)).toEqual([path]);
  });

  it('name every place that is wrong at once', () => {
    const changes = { direction: 'both', window: { pastDays: -1, futureDays: 'x' } };
    expect(problemsOf(changes)).toEqual(['direction', 'window.pastDays', 'window.futureDays']);
  });

  it('take no window longer than Graph serves, and no rule lists without end', () => {
    expect(problemsOf({ window: { pastDays: 900, futureDays: 901 } })).toEqual(['window']);
    expect(problemsOf({ rules: Array.from({ length: 101 }, () => ({ action: 'exclude' })) })).toEqual(['rules']);
  });

  it('are not looked up among the members every object has', () => {
    expect(problemsOf({ constructor: true })).toEqual(['constructor']);
    expect(problemsOf({ rules: [{ action: 'exclude', toString: 'x' }] })).toEqual(['rules.0.toString']);
  });
});
