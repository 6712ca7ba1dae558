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
 * Only when the rules exclude everything known of it. So the change that makes an event private still reaches the other
 * side, after which all of it is; and the change that makes it public again does too.
 *
 * @param event  its copies as far as they are known, and what was last agreed on of each
 */
export function isLeftAlone(
  rules: readonly SyncRule[],
  event: {
    readonly local?: EventContent | undefined;
    readonly remote?: EventContent | undefined;
    readonly agreed?: { readonly local: EventContent; readonly remote: EventContent } | null;
  },
): boolean {
  const { local, remote, agreed } = event;
  const known = [local, remote, agreed?.local, agreed?.remote].filter((content) => content !== undefined);
  return rules.length > 0 && known.every((content) => !ruleAllows(rules, content));
}

/** Every condition a rule names must hold; within one condition any of its values will do. */
function matches(rule: SyncRule, content: EventContent): boolean {
  const { categories, sensitivity, showAs, subjectContains } = rule;
  if (categories && !categories.some((category) => content.categories.includes(category))) return false;
  if (sensitivity && !sensitivity.includes(content.sensitivity)) return false;
  if (showAs && !showAs.includes(content.showAs)) return false;
  return subjectContains === undefined || content.subject.toLowerCase().includes(subjectContains.toLowerCase());
}
