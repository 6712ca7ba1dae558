import type { EventContent, GraphFacts } from '../core/event.ts';
import type { OutgoingChange } from '../core/outgoing-change.ts';
import type { WriteOperation } from '../graph/calendar-graph.ts';
import type { EventBase } from '../store/base.repository.ts';
import type { StoredEvent } from '../store/event.repository.ts';
import type { Tombstone } from '../store/tombstone.repository.ts';

/** One pending event, and what of it goes to Graph now. */
export interface Outgoing {
  readonly event: StoredEvent;
  readonly base: EventBase | undefined;
  readonly change: OutgoingChange;
  /** `undefined`: nothing of the event itself is to be sent. */
  readonly operation: WriteOperation | undefined;
  /** The content as it is sent, which may be older than the event's when an unanswered create is repeated. */
  readonly sent: EventContent;
  readonly isResent: boolean;
  /** Sent again at once because no answer came: what Graph shows of it may be more than what was sent. */
  readonly isRepeated?: boolean;
}

export interface OutgoingDeletion {
  readonly tombstone: Tombstone;
  readonly base: EventBase;
  readonly facts?: GraphFacts | undefined;
}
