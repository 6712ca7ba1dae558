import type { Dice } from './dice.ts';
import type { Answer, Fleet, Person } from './fleet.ts';
import { pause } from './processes.ts';

/** How long a writer asks again for what was not acknowledged, through restarts and outages. */
const ACKNOWLEDGE_PATIENCE_MS = 120_000;
const ASK_AGAIN_MS = 250;
/** After which a writer looks what of the other side has reached its own. */
const LOOK_EVERY_MS = 6_000;
const DAYS = 200;

export type Side = 'application' | 'outlook';

/** One event under its marker, as it must stand on both sides in the end. */
export interface Tracked {
  readonly marker: string;
  readonly person: Person;
  readonly origin: Side;
  readonly start: string;
  readonly end: string;
  subject: string;
  place: string;
  isGone: boolean;
  /** Written by the other side, too: such an event is not deleted, which would be a matter of who was later. */
  isShared: boolean;
  /** Somebody's write is under way. */
  isBusy: boolean;
  version: number;
  readonly ids: { application?: string; outlook?: string };
  readonly acknowledgedAt: number;
}

interface Shown {
  readonly id: string;
  readonly subject: string;
}

/** Writers on both sides of every mailbox, and an account of all that was acknowledged to them. */
export class Load {
  readonly events = new Map<string, Tracked>();
  readonly acknowledged = { created: 0, edited: 0, editedByOther: 0, deleted: 0 };
  /** Asked again because no answer came, or one that told to. */
  asksRepeated = 0;
  /** Answers nobody should get. */
  readonly refusals: string[] = [];
  readonly #fleet: Fleet;
  readonly #dice: Dice;
  readonly #restMs: number;
  readonly #most: number;
  readonly #tag: string;
  readonly #writers: Promise<void>[] = [];
  #isOver = false;
  #count = 0;

  /**
   * @param o.restMs  between two writes of one writer
   * @param o.most    living events of one writer; beyond it, it deletes more than it makes
   */
  constructor(fleet: Fleet, dice: Dice, o: { restMs: number; most?: number; tag?: string }) {
    this.#fleet = fleet;
    this.#dice = dice;
    this.#restMs = o.restMs;
    this.#most = o.most ?? Number.POSITIVE_INFINITY;
    this.#tag = o.tag ?? 'm';
  }

  get writes(): number {
    const { created, edited, editedByOther, deleted } = this.acknowledged;
    return created + edited + editedByOther + deleted;
  }

  begin(): void {
    for (const person of this.#fleet.people) {
      for (const side of ['application', 'outlook'] as const) {
        this.#writers.push(this.#write(person, side, this.#dice.fork()));
      }
    }
  }

  /** No more writes are begun, and those under way are acknowledged. */
  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#writers);
  }

  async #write(person: Person, side: Side, dice: Dice): Promise<void> {
    const here: Actor = side === 'application' ? new Application(this.#fleet) : new Outlook(this.#fleet);
    let lookedAt = Date.now();
    while (!this.#isOver) {
      if (Date.now() - lookedAt > LOOK_EVERY_MS) {
        await this.#look(person, side, here);
        lookedAt = Date.now();
      }
      await this.#step(person, side, here, dice);
      await pause(dice.between(0.5, 1.5) * this.#restMs);
    }
  }

  async #step(person: Person, side: Side, here: Actor, dice: Dice): Promise<void> {
    const living = [...this.events.values()].filter((it) => it.person === person && !it.isGone && !it.isBusy);
    const own = living.filter(({ origin }) => origin === side);
    const others = living.filter((it) => it.origin !== side && it.ids[side] !== undefined);
    const draw = dice.next() * (own.length >= this.#most ? 0.5 : 1);
    if (draw < 0.2 && own.length > 0) return this.#edit(side, here, dice.pick(own));
    if (draw < 0.35 && others.length > 0) return this.#editOther(side, here, dice.pick(others));
    const deletable = own.filter(({ isShared }) => !isShared);
    if (draw < 0.5 && deletable.length > 0) return this.#delete(side, here, dice.pick(deletable));
    if (own.length < this.#most) await this.#create(person, side, here, dice);
  }

  async #create(person: Person, side: Side, here: Actor, dice: Dice): Promise<void> {
    this.#count += 1;
    const marker = `${this.#tag}-${side === 'application' ? 'a' : 'o'}${String(this.#count).padStart(6, '0')}`;
    const day = Date.now() + Math.floor(dice.between(1, DAYS)) * 86_400_000;
    const hour = String(Math.floor(dice.between(0, 23))).padStart(2, '0');
    const date = new Date(day).toISOString().slice(0, 10);
    const content: Content = {
      subject: `${marker} v1`,
      start: { dateTime: `${date}T${hour}:00:00`, timeZone: 'UTC' },
      end: { dateTime: `${date}T${hour}:30:00`, timeZone: 'UTC' },
    };
    const id = await this.#acknowledge(() => here.create(person, content, marker));
    if (id === undefined) return;
    this.acknowledged.created += 1;
    const { subject, start, end } = content;
    this.events.set(marker, {
      ...{ marker, person, origin: side, subject, start: start.dateTime, end: end.dateTime },
      ...{ place: '', isGone: false, isShared: false, isBusy: false, version: 1 },
      ids: { [side]: id },
      acknowledgedAt: Date.now(),
    });
  }

  async #edit(side: Side, here: Actor, event: Tracked): Promise<void> {
    event.isBusy = true;
    event.version += 1;
    const subject = `${event.marker} v${event.version}`;
    const done = await this.#acknowledge(() => here.edit(event.person, event.ids[side] ?? '', { subject }));
    if (done !== undefined) {
      event.subject = subject;
      this.acknowledged.edited += 1;
    }
    event.isBusy = false;
  }

  /** The other side's events get a place: a field their own side never touches, so both edits must survive. */
  async #editOther(side: Side, here: Actor, event: Tracked): Promise<void> {
    event.isBusy = true;
    event.isShared = true;
    event.version += 1;
    const displayName = `room ${event.version} of ${event.marker}`;
    const location = { displayName };
    const done = await this.#acknowledge(() => here.edit(event.person, event.ids[side] ?? '', { location }));
    if (done !== undefined) {
      event.place = displayName;
      this.acknowledged.editedByOther += 1;
    }
    event.isBusy = false;
  }

  async #delete(side: Side, here: Actor, event: Tracked): Promise<void> {
    event.isBusy = true;
    const done = await this.#acknowledge(() => here.delete(event.person, event.ids[side] ?? ''));
    if (done !== undefined) {
      event.isGone = true;
      this.acknowledged.deleted += 1;
    }
    event.isBusy = false;
  }

  /** Finds out under which ids the other side's events have come here. */
  async #look(person: Person, side: Side, here: Actor): Promise<void> {
    for (const { id, subject } of (await here.list(person)) ?? []) {
      const event = this.events.get(markerOf(subject));
      if (event && event.person === person) event.ids[side] ??= id;
    }
  }

  /** Asks until it is acknowledged: that is how an unanswered write is told from one that was never made. */
  async #acknowledge(ask: () => Promise<Outcome>): Promise<string | undefined> {
    for (const until = Date.now() + ACKNOWLEDGE_PATIENCE_MS; Date.now() < until; await pause(ASK_AGAIN_MS)) {
      const outcome = await ask();
      if (outcome.kind === 'done') return outcome.id;
      if (outcome.kind === 'refused') {
        this.refusals.push(outcome.why);
        return undefined;
      }
      this.asksRepeated += 1;
    }
    this.refusals.push('not acknowledged in time');
    return undefined;
  }
}

export function markerOf(subject: string): string {
  return subject.split(' ', 1)[0] ?? '';
}

interface Content {
  readonly subject: string;
  readonly start: { readonly dateTime: string; readonly timeZone: string };
  readonly end: { readonly dateTime: string; readonly timeZone: string };
}

type Outcome =
  | { readonly kind: 'done'; readonly id: string }
  | { readonly kind: 'again' }
  | { readonly kind: 'refused'; readonly why: string };

interface Actor {
  create(person: Person, content: Content, marker: string): Promise<Outcome>;
  edit(person: Person, id: string, patch: Readonly<Record<string, unknown>>): Promise<Outcome>;
  delete(person: Person, id: string): Promise<Outcome>;
  list(person: Person): Promise<readonly Shown[] | undefined>;
}

/** No answer, or one of trouble that passes; anything else that is no success should not have happened. */
function outcomeOf({ status, body }: Answer<{ id?: string } | undefined>, what: string): Outcome {
  if (status >= 200 && status < 300) return { kind: 'done', id: body?.id ?? '' };
  if (status === 0 || status === 429 || status === 503) return { kind: 'again' };
  return { kind: 'refused', why: `${what}: ${status} ${JSON.stringify(body)}` };
}

/** The application, over the service's API. */
class Application implements Actor {
  readonly #fleet: Fleet;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  async create(person: Person, content: Content, marker: string): Promise<Outcome> {
    const headers = { 'idempotency-key': marker };
    return outcomeOf(await this.#fleet.call(person, 'POST', '/calendar/events', content, headers), 'POST event');
  }

  async edit(person: Person, id: string, patch: Readonly<Record<string, unknown>>): Promise<Outcome> {
    return outcomeOf(await this.#fleet.call(person, 'PATCH', `/calendar/events/${id}`, patch), 'PATCH event');
  }

  async delete(person: Person, id: string): Promise<Outcome> {
    const answer = await this.#fleet.call<{ id?: string }>(person, 'DELETE', `/calendar/events/${id}`);
    // Asked for twice because the first answer was lost.
    return answer.status === 404 ? { kind: 'done', id } : outcomeOf(answer, 'DELETE event');
  }

  async list(person: Person): Promise<readonly Shown[] | undefined> {
    const { status, body } = await this.#fleet.call<{ items: Shown[] }>(person, 'GET', '/calendar/events?limit=1000');
    return status === 200 ? body.items : undefined;
  }
}

/** Somebody in Outlook, over the simulator's control plane. */
class Outlook implements Actor {
  readonly #fleet: Fleet;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  async create({ mailbox }: Person, content: Content): Promise<Outcome> {
    // One that got no answer may have been made all the same.
    const path = `/mailboxes/${mailbox}/events`;
    const found = await this.#fleet.outlook<Shown[]>('GET', `${path}?subject=${encodeURIComponent(content.subject)}`);
    if (found.status !== 200) return { kind: 'again' };
    const [first] = found.body;
    if (first) return { kind: 'done', id: first.id };
    return outcomeOf(await this.#fleet.outlook('POST', path, content), 'Outlook POST');
  }

  async edit({ mailbox }: Person, id: string, patch: Readonly<Record<string, unknown>>): Promise<Outcome> {
    const path = `/mailboxes/${mailbox}/events/${encodeURIComponent(id)}`;
    return outcomeOf(await this.#fleet.outlook('PATCH', path, patch), 'Outlook PATCH');
  }

  async delete({ mailbox }: Person, id: string): Promise<Outcome> {
    const path = `/mailboxes/${mailbox}/events/${encodeURIComponent(id)}`;
    const answer = await this.#fleet.outlook<{ id?: string }>('DELETE', path);
    return answer.status === 404 ? { kind: 'done', id } : outcomeOf(answer, 'Outlook DELETE');
  }

  async list({ mailbox }: Person): Promise<readonly Shown[] | undefined> {
    const { status, body } = await this.#fleet.outlook<Shown[]>('GET', `/mailboxes/${mailbox}/events`);
    return status === 200 ? body : undefined;
  }
}
