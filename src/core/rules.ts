import type { EventContent } from './event.ts';
import type { SyncRule } from './settings.ts';

/** Whether an event is synced at all: the first rule that matches decides, and without one it is. */
export function ruleAllows(rules: readonly SyncRule[], content: EventContent): boolean {
  const rule = rules.find((candidate) => matches(candidate, content));
  return rule === undefined || rule.action === 'include';
}

/** Every condition a rule names must hold; within one condition any of its values will do. */
function matches(rule: SyncRule, content: EventContent): boolean {
  const { categories, sensitivity, showAs, subjectContains } = rule;
  if (categories && !categories.some((category) => content.categories.includes(category))) return false;
  if (sensitivity && !sensitivity.includes(content.sensitivity)) return false;
  if (showAs && !showAs.includes(content.showAs)) return false;
  return subjectContains === undefined || content.subject.toLowerCase().includes(subjectContains.toLowerCase());
}
