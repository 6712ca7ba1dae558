import { describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import type { EventContent } from './event.ts';
import { isLeftAlone, ruleAllows } from './rules.ts';
import type { SyncRule } from './settings.ts';

const content = anEvent({
  subject: 'Zahnarzt – Kontrolle',
  categories: ['Privat'],
  sensitivity: 'private',
  showAs: 'oof',
});
const exclude = (conditions: Omit<SyncRule, 'action'>): SyncRule => ({ action: 'exclude', ...conditions });
const include = (conditions: Omit<SyncRule, 'action'>): SyncRule => ({ action: 'include', ...conditions });

describe('an event is synced', () => {
  it.each<[string, SyncRule[], boolean]>([
    ['when there are no rules', [], true],
    ['when none matches', [exclude({ categories: ['Arbeit'] })], true],
    ['not when one excludes it', [exclude({ categories: ['Privat'] })], false],
    ['when one includes it', [include({ categories: ['Privat'] })], true],
    ['as the first that matches says', [include({ showAs: ['oof'] }), exclude({})], true],
    ['also when the last one excludes everything', [exclude({ showAs: ['oof'] }), include({})], false],
    ['not when everything else is excluded', [include({ categories: ['Arbeit'] }), exclude({})], false],
  ])('%s', (_what, rules, expected) => {
    expect(ruleAllows(rules, content)).toBe(expected);
  });
});

describe('a rule matches', () => {
  it.each<[string, Omit<SyncRule, 'action'>, boolean]>([
    ['any of its values', { sensitivity: ['confidential', 'private'] }, true],
    ['any of the event’s categories', { categories: ['Privat', 'Arbeit'] }, true],
    ['part of the subject, in any case', { subjectContains: 'ZAHN' }, true],
    ['not another subject', { subjectContains: 'Friseur' }, false],
    ['only when every condition holds', { sensitivity: ['private'], showAs: ['free'] }, false],
    ['when every condition holds', { sensitivity: ['private'], showAs: ['oof'], subjectContains: 'kontrolle' }, true],
    ['nothing with a condition that has no values', { categories: [] }, false],
  ])('%s', (_what, conditions, expected) => {
    expect(ruleAllows([exclude(conditions)], content)).toBe(!expected);
  });
});

describe('an event on both sides is left alone', () => {
  const rules = [exclude({ sensitivity: ['private'] })];
  const open: EventContent = { ...content, sensitivity: 'normal' };

  it.each<[string, SyncRule[], EventContent, EventContent, boolean]>([
    ['when both copies are excluded', rules, content, content, true],
    ['not when only ours is: the change that made it private still has to go', rules, content, open, false],
    ['not when only theirs is', rules, open, content, false],
    ['not without rules', [], content, content, false],
  ])('%s', (_what, given, local, remote, expected) => {
    expect(isLeftAlone(given, { local, remote })).toBe(expected);
  });

  it('not while it was agreed on as one that is synced: the other side has to hear of it', () => {
    const copies = { local: content, remote: content };
    expect(isLeftAlone(rules, { ...copies, agreed: { local: open, remote: open } })).toBe(false);
    expect(isLeftAlone(rules, { ...copies, agreed: copies })).toBe(true);
    expect(isLeftAlone(rules, { local: content, agreed: null })).toBe(true);
  });
});
