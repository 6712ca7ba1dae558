import { expect } from 'vitest';
import { type Unit, unitsOf, withUnit } from '../../src/core/canonical-event.ts';
import type { PersonalDecision } from '../../src/core/conflict-resolver.service.ts';
import type { EventContent } from '../../src/core/event.ts';
import { withoutIdleDates } from '../../src/core/idle-dates.ts';
import { planOutgoing } from '../../src/core/outgoing-change.ts';
import type { ConflictStrategy } from '../../src/core/settings.ts';
import {
  type EventPlan,
  type PlanInput,
  type PlannedConflict,
  planEvent,
  type SideState,
} from '../../src/core/sync-plan.ts';
import type { AgreedContent } from '../../src/core/three-way-merge.ts';
import { asGraphSays } from './graph-spelling.ts';
import { expectLawful } from './plan-laws.ts';

/** One event on both sides, with nothing between them but the planner: what a run does, without store and network. */
export class TwoSides {
  local: SideState;
  remote: SideState;
  base: AgreedContent | null;
  readonly records: PlannedConflict[] = [];
  #minutes = 0;

  constructor(local: SideState, remote: SideState, base: AgreedContent | null) {
    this.local = local;
    this.remote = remote;
    this.base = base;
  }

  static agreedOn(content: EventContent): TwoSides {
    const remote = asGraphSays(content, 'own fields');
    const base = { local: content, remote, conflictUnits: [] };
    return new TwoSides({ state: 'present', content }, { state: 'present', content: remote }, base);
  }

  edit(side: 'local' | 'remote', change: (content: EventContent) => EventContent): void {
    this.#minutes += 1;
    const state = this[side];
    if (state.state !== 'present') return;
    this[side] = { state: 'present', content: change(state.content), modifiedAt: this.#now() };
  }

  delete(side: 'local' | 'remote'): void {
    this.#minutes += 1;
    if (this[side].state === 'present') this[side] = { state: 'deleted', deletedAt: this.#now() };
  }

  /** The same event, made on both sides by people who did not know of each other. */
  static madeTwice(local: EventContent, remote: EventContent): TwoSides {
    return new TwoSides(
      { state: 'present', content: local },
      { state: 'present', content: asGraphSays(remote, 'own fields') },
      null,
    );
  }

  /** A pull and a push. @returns whether anything was written on either side */
  sync(strategy: ConflictStrategy): boolean {
    if (this.local.state !== 'present' && this.remote.state !== 'present' && !this.base) return false;
    const input: PlanInput = { base: this.base, local: this.local, remote: this.#read(), strategy };
    const plan = planEvent(input);
    expectLawful(input, plan);
    this.apply(plan);
    const isSent = this.push();
    return isSent || plan.local.kind !== 'keep';
  }

  /** A person decides what waits, looking at both sides as they are now. */
  decide(decision: PersonalDecision): void {
    if (!this.base || this.base.conflictUnits.length === 0) return;
    const { base, local } = this;
    this.apply(planEvent({ base, local, remote: this.#read(), strategy: decision.resolution, decision }));
    this.push();
  }

  /**
   * An exception at Graph keeps what it said when its series comes to say the same, and goes on saying it when the series
   * moves on; what is read of it in between is what differs from the series and nothing else (graph-event-reader.ts).
   */
  #read(): SideState {
    const { remote } = this;
    return remote.state === 'present' ? { ...remote, content: withoutIdleDates(remote.content) } : remote;
  }

  apply(plan: EventPlan): void {
    this.#minutes += 1;
    if (plan.conflict) this.records.push(plan.conflict);
    if (plan.local.kind === 'write')
      this.local = { state: 'present', content: plan.local.content, modifiedAt: this.#now() };
    if (plan.local.kind === 'delete') this.local = { state: 'absent' };
    if (plan.base.kind === 'save') this.base = plan.base.agreed;
    if (plan.base.kind === 'drop') {
      this.base = null;
      if (this.local.state !== 'present') this.local = { state: 'absent' };
      if (this.remote.state !== 'present') this.remote = { state: 'absent' };
    }
    if (plan.base.kind === 'recreate') {
      this.base = null;
      this.remote = { state: 'absent' };
    }
  }

  /** Sends what the policy `all` lets through; Graph takes it and answers in its own spelling. */
  push(): boolean {
    const { base, local, remote } = this;
    if (local.state === 'present' && !base && remote.state !== 'present') {
      const created = asGraphSays(local.content, 'own fields');
      this.remote = { state: 'present', content: created, modifiedAt: this.#now() };
      this.base = { local: local.content, remote: created, conflictUnits: [] };
      return true;
    }
    if (!base || remote.state !== 'present') return false;
    if (local.state !== 'present') {
      if (base.conflictUnits.length > 0) return false;
      this.remote = { state: 'absent' };
      this.local = { state: 'absent' };
      this.base = null;
      return true;
    }
    const change = planOutgoing({ content: local.content, agreed: base, facts: undefined, policy: 'all' });
    expect(change.held).toEqual([]);
    const units = [...change.units, ...change.occurrences];
    if (units.length === 0) return false;
    const sent = asGraphSays(local.content, 'own fields');
    const content = units.reduce((all, unit) => withUnit(all, unit, sent), this.#dropped(remote.content, units, sent));
    this.remote = { state: 'present', content, modifiedAt: this.#now() };
    const agreed = units.reduce((all, unit) => withUnit(all, unit, local.content), base.local);
    // The answer shows what waits as well, which nobody has agreed on by that; of dates it shows those that were sent.
    const isUnseen = (unit: Unit) => unit.startsWith('occurrence:') && !units.includes('time') && !units.includes(unit);
    const others = [...base.conflictUnits, ...unitsOf(content, base.remote).filter(isUnseen)];
    const seen = others.reduce((all, unit) => withUnit(all, unit, base.remote), content);
    this.base = { ...base, local: agreed, remote: seen };
    return true;
  }

  /** A new rule or time makes Exchange drop what was said about single dates; the push says ours again. */
  #dropped(content: EventContent, units: readonly Unit[], sent: EventContent): EventContent {
    if (!units.includes('time')) return content;
    const kept = unitsOf(content, sent).filter(
      (unit) => unit.startsWith('occurrence:') && !this.base?.conflictUnits.includes(unit),
    );
    return kept.reduce((all, unit) => withUnit(all, unit, sent), content);
  }

  #now(): Date {
    return new Date(Date.UTC(2026, 0, 1) + this.#minutes * 60_000);
  }
}
