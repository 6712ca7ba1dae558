import type { UserId } from '../../src/core/ids.ts';
import {
  CONFLICT_STRATEGIES,
  DEFAULT_SETTINGS,
  NOTIFY_POLICIES,
  SYNC_DIRECTIONS,
  type SyncSettings,
} from '../../src/core/settings.ts';
import { inScopeOf } from '../../src/store/row-scope.ts';
import type { Done } from './application-person.ts';
import type { Crew } from './crew.ts';
import type { Engine } from './engine.ts';
import type { Mails } from './mails.ts';
import type { Words } from './words.ts';

/** Some of the events of a history lie outside of the narrow ones. */
const WINDOWS = [
  { pastDays: 2, futureDays: 7 },
  { pastDays: 7, futureDays: 30 },
  { pastDays: 30, futureDays: 30 },
  DEFAULT_SETTINGS.window,
] as const;
/** All that any history holds, however many days have passed in it. */
export const WHOLE_WINDOW = { pastDays: 365, futureDays: 365 };

/** Somebody who changes how their calendars are kept in step. */
export class SettingsPerson {
  readonly #engine: Engine;
  readonly #userId: UserId;
  readonly #crew: Crew;
  readonly #mails: Mails;
  /** What holds work back by itself, and is changed. */
  #isLimited = false;

  constructor(parts: { api: Engine; userId: UserId; crew: Crew; mails: Mails }) {
    this.#engine = parts.api;
    this.#userId = parts.userId;
    this.#crew = parts.crew;
    this.#mails = parts.mails;
  }

  async chooseStrategy({ chance }: Words): Promise<Done> {
    const conflictResolution = chance.pick(CONFLICT_STRATEGIES);
    return this.#put({ conflictResolution });
  }

  async chooseWindow({ chance }: Words): Promise<Done> {
    this.#isLimited = true;
    return this.#put({ window: chance.pick(WINDOWS) });
  }

  async chooseDirection({ chance }: Words): Promise<Done> {
    this.#isLimited = true;
    return this.#put({ direction: chance.pick(SYNC_DIRECTIONS) });
  }

  async choosePolicy({ chance }: Words): Promise<Done> {
    const notifyAttendees = chance.pick(NOTIFY_POLICIES);
    // Before it is stored: a worker may read it at once.
    this.#mails.choose(notifyAttendees, { isSomebodyAtWork: this.#crew.isAtWorkNow });
    return this.#put({ notifyAttendees });
  }

  /** At the end everything is to be equal, so that nothing may be held back by a setting. */
  async liftLimits(): Promise<void> {
    if (this.#isLimited) await this.#put({ window: WHOLE_WINDOW, direction: DEFAULT_SETTINGS.direction });
  }

  async #put(changes: Partial<SyncSettings>): Promise<string> {
    await inScopeOf(this.#userId, () => this.#engine.services.settings.put(this.#userId, changes));
    return JSON.stringify(changes);
  }
}
