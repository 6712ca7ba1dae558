import type { EventContent } from './event.ts';
import type { SyncRule } from './settings.ts';

/** Whether an event is synced at all: the first rule that matches decides, and without one it is. */
export function ruleAllows(rules: readonly SyncRule[], content: EventContent): boolean {
  const rule = rules.find((candidate) => matches(candidate, content));
  return rule === undefined || rule.action === 'include';
}

/**
 * Whether an event that is on both sides is left alone on both: its two copies stay, linked, and nothing goes between them
 * until the rules or a change let it in again.
 *
 * Only when the rules exclude both copies. So the change that makes an event private still reaches the other side, after
 * which both are; and the change that makes it public again does too.
 */
export function isLeftAlone(
  rules: readonly SyncRule[],
  { local, remote }: { readonly local: EventContent; readonly remote: EventContent },
): boolean {
  return rules.length > 0 && !ruleAllows(rules, local) && !ruleAllows(rules, remote);
}

/** Every condition a rule names must hold; within one condition any of its values will do. */
function matches(rule: SyncRule, content: EventContent): boolean {
  const { categories, sensitivity, showAs, subjectContains } = rule;
  if (categories && !categories.some((category) => content.categories.includes(category))) return false;
  if (sensitivity && !sensitivity.includes(content.sensitivity)) return false;
  if (showAs && !showAs.includes(content.showAs)) return false;
  return subjectContains === undefined || content.subject.toLowerCase().includes(subjectContains.toLowerCase());
}
