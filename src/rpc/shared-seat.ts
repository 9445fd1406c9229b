/*
 * The seat of a workspace that several tabs share. One of their workers owns it (a Web Lock) and has the engine; the others are
 * relays: their clients' calls go to the owner over a line. Every relay waits for the lock, and is the owner when it gets it.
 *
 *            ┌──── lock ─────► mounting ──── mounted ────► owner
 *            │                    │ fails                    │ stolen, overtaken
 *      searching ◄────────────────┴──────────────────────────┘
 *            │ ▲
 *   owner is │ │ owner left, or another is owner
 *   mounted  ▼ │
 *           relay ──── the owner is silent for too long: steals the lock
 *
 * Who waits for whom: calls wait for an owner; relays wait for the lock; nobody waits for a relay.
 * A client's session (following-session.ts) outlives all of this, and decides what becomes of the calls of an owner that is gone.
 */

import { FsError } from '../base/errors.ts';
import type { Credentials } from '../overlay/call.ts';
import type { Channel } from './connect.ts';
import type { EngineSeat } from './engine-seat.ts';
import { Fence } from './fence.ts';
import { FollowingSession } from './following-session.ts';
import { Line } from './line.ts';
import { claimWorkspace, isStolen, type Held, type Tabs } from './ownership.ts';
import type { Seat, Session } from './session.ts';
import { TAB_PROTOCOL, UNSHARED, type Notice } from './tab-wire.ts';
import { Tenure } from './tenure.ts';
import type { Summary } from './wire.ts';

/** What a seat is made of. */
export interface SeatOptions {
  readonly name: string;
  readonly tabs: Tabs;
  /** The name of a lock that this worker holds while it lives. */
  readonly life: string;
  /**
   * Mounts the engine here. `claim`: commits something at once, so that an owner who was robbed of the lock, and does not know it yet,
   * is refused by the store from then on. What it has committed until then is loaded.
   */
  readonly mount: (context: { readonly signal: AbortSignal; readonly fence: Fence; readonly claim: boolean }) => Promise<EngineSeat>;
}

/** Where this worker has the lock. */
interface Reign {
  readonly owner: string;
  readonly term: number;
  readonly held: Held;
  readonly fence: Fence;
  readonly mounting: AbortController;
  /** Resolves when the mount has succeeded or failed. */
  done?: Promise<void>;
  /** Once it is mounted. */
  engine?: EngineSeat;
  tenure?: Tenure;
}

/** Another tab's reign, as it is seen from here. */
interface Master {
  readonly owner: string;
  readonly term: number;
  line?: Line;
  /** The owner has come to the other end of the line. */
  isJoined?: boolean;
}

/** Signs of life that an owner may miss. Ticks are counted, not time: after a pause of this very thread none has been missed. */
const TICKS = 4;
/** Ticks that a theft may take: three times as long as an owner may be silent. It takes milliseconds. */
const THEFT_TICKS = 3 * TICKS;

export class SharedSeat implements Seat {
  readonly #board: Channel;
  readonly #sessions = new Map<FollowingSession, Credentials>();
  #reign: Reign | undefined;
  #master: Master | undefined;
  /** The wait for the lock. */
  #waiting: AbortController | undefined;
  #term = 0;
  #summary: Summary | undefined;
  #ticking: ReturnType<typeof setTimeout> | undefined;
  #tickedAt = 0;
  #missed = 0;
  /** The last owner may be alive and not know that it is none any more. */
  #isContested = false;
  #isClosed = false;
  #ready: { resolve(): void; reject(reason: unknown): void } | undefined;

  constructor(private readonly options: SeatOptions) {
    this.#board = options.tabs.channel(`stratafs:${options.name}`, (message) => this.#onNotice(message as Notice));
  }

  /** Finds the owner, or becomes it. @throws {FsError} what mounting throws */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#ready = { resolve, reject };
      this.#queue();
      this.#post({ is: 'who' });
      this.#watchOwner();
    });
  }

  get summary(): Summary {
    if (this.#summary === undefined) throw new TypeError('the seat has not started');
    return this.#summary;
  }

  session(user: Credentials): Session {
    const session = new FollowingSession({
      onBusy: () => this.#onBusy(),
      onEnd: () => void this.#sessions.delete(session),
    });
    this.#sessions.set(session, user);
    session.follow(this.#sessionAtOwner(user));
    return session;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waiting?.abort();
    clearTimeout(this.#ticking);
    this.#ready?.reject(closed());
    for (const session of this.#sessions.keys()) await session.end();
    this.#master?.line?.close();
    try {
      await this.#abdicate();
    } finally {
      this.#board.close();
    }
  }

  // ---- being the owner

  /** Waits for the lock, or steals it. */
  #queue(steal = false): void {
    this.#waiting?.abort();
    const waiting = new AbortController();
    this.#waiting = waiting;
    if (steal) this.#limitTheft(waiting);
    claimWorkspace(this.options.tabs, this.options.name, steal ? 'steal' : waiting.signal).then(
      (held) => {
        if (this.#isClosed || waiting.signal.aborted) return held.release();
        this.#waiting = undefined;
        this.#isContested ||= steal;
        this.#own(held);
      },
      (e: unknown) => {
        if (waiting.signal.aborted) return;
        this.#waiting = undefined;
        // Granted and stolen while this thread stood still: somebody else is the owner.
        if (isStolen(e)) this.#queue();
        else if (this.#master?.isJoined !== true) this.#fail(e);
      },
    );
  }

  /** A theft needs nobody's consent: where it is not answered for long, the browser's locks are dead. Ticks are counted here too. */
  #limitTheft(waiting: AbortController, ticks = 0, since = performance.now()): void {
    const interval = this.options.tabs.patience / TICKS;
    setTimeout(() => {
      if (this.#waiting !== waiting || this.#isClosed) return;
      // The owner has come to life meanwhile.
      if (this.#missed <= TICKS) return this.#watchOwner();
      const isLate = performance.now() - since > 2 * interval;
      if (ticks < THEFT_TICKS) return this.#limitTheft(waiting, isLate ? 0 : ticks + 1);
      this.#dropMaster();
      this.#fail(new FsError('EIO', { detail: `workspace '${this.options.name}' cannot be locked: the browser's locks do not answer` }));
    }, interval);
  }

  /** The lock is held: mounts, and tells everybody. Until it is mounted, a former owner's answers still count. */
  #own(held: Held): void {
    const reign: Reign = {
      owner: crypto.randomUUID(),
      // Above every one that was heard of, and mostly above those that were not.
      term: (this.#term = Math.max(this.#term + 1, Date.now())),
      held,
      fence: new Fence(() => this.#stepDown(reign)),
      mounting: new AbortController(),
    };
    this.#reign = reign;
    for (const session of this.#sessions.keys()) session.pause();
    void held.lost.then(() => this.#stepDown(reign));
    this.#announce();
    reign.done = this.#mount(reign);
  }

  async #mount(reign: Reign): Promise<void> {
    try {
      const engine = await this.options.mount({ signal: reign.mounting.signal, fence: reign.fence, claim: this.#isContested });
      if (this.#reign !== reign) return void engine.close().catch(() => undefined); // its fence is down: nothing is lost that counts
      this.#isContested = false;
      reign.engine = engine;
      reign.tenure = new Tenure(this.options.tabs, engine);
      this.#dropMaster();
      this.#announce();
      this.#serve(engine.summary);
    } catch (e) {
      if (this.#reign !== reign) return; // stolen meanwhile: somebody else tries
      this.#reign = undefined;
      this.#post({ is: 'left', owner: reign.owner });
      reign.held.release();
      this.#dropMaster();
      this.#fail(e);
    }
  }

  /** Somebody else is the owner now, whether we noticed or not: nothing more is committed here. */
  #stepDown(reign: Reign): void {
    if (this.#reign !== reign) return;
    this.#reign = undefined;
    this.#isContested = true;
    reign.fence.lower();
    reign.mounting.abort();
    reign.tenure?.drop();
    this.#post({ is: 'left', owner: reign.owner });
    for (const session of this.#sessions.keys()) session.follow(undefined);
    reign.engine?.close().catch(() => undefined); // it cannot commit what it still had, and must not
    reign.held.release();
    if (!this.#isClosed) this.#search();
  }

  /** Leaves in order: what was begun is finished and committed before the lock comes free. */
  async #abdicate(): Promise<void> {
    const reign = this.#reign;
    if (reign === undefined) return;
    reign.mounting.abort();
    await reign.done;
    if (this.#reign !== reign) return;
    try {
      await reign.tenure?.drain();
      await reign.engine?.close();
    } finally {
      this.#reign = undefined;
      reign.fence.lower();
      reign.tenure?.leave();
      this.#post({ is: 'left', owner: reign.owner });
      reign.held.release();
    }
  }

  // ---- being a relay

  #onNotice(notice: Notice): void {
    if (this.#isClosed && this.#reign === undefined) return;
    switch (notice.is) {
      case 'who':
        return this.#announce();
      case 'owner':
        return this.#onOwner(notice);
      case 'left':
        // Where there is a line, its last word counts: it comes after every answer.
        if (notice.owner === this.#master?.owner && this.#master.isJoined !== true) this.#lose();
        return;
      case 'join':
        if (notice.owner === this.#reign?.owner && !this.#isClosed) this.#reign.tenure?.join(notice.line, notice.life);
        return;
      default:
        notice satisfies never;
    }
  }

  #onOwner({ owner, term, mounted, protocol }: Extract<Notice, { is: 'owner' }>): void {
    if (this.#reign !== undefined) {
      if (term < this.#reign.term) this.#announce();
      else this.#stepDown(this.#reign);
      return;
    }
    if (term < this.#term) return;
    this.#term = term;
    this.#missed = 0;
    if (this.#master?.owner !== owner) {
      // The former one's answers count until the new one is mounted.
      for (const session of this.#sessions.keys()) session.pause();
      if (mounted) this.#dropMaster();
    }
    if (!mounted) return;
    if (protocol !== TAB_PROTOCOL) return this.#fail(notShared(this.options.name, protocol));
    this.#master ??= { owner, term };
    if (this.#master.isJoined !== true) this.#join(this.#master);
  }

  #join(master: Master): void {
    const { tabs, name, life } = this.options;
    master.line ??= new Line(tabs, name, {
      onWelcome: (summary) => {
        if (this.#master !== master || master.isJoined === true) return;
        master.isJoined = true;
        this.#serve(summary);
      },
      onLeft: () => {
        if (this.#master === master) this.#lose();
      },
      onHeard: () => (this.#missed = 0),
    });
    this.#post({ is: 'join', owner: master.owner, line: master.line.name, life });
  }

  /** The owner has gone in order. */
  #lose(): void {
    this.#dropMaster();
    for (const session of this.#sessions.keys()) session.follow(undefined);
  }

  #dropMaster(): void {
    this.#master?.line?.close();
    this.#master = undefined;
  }

  #search(): void {
    this.#queue();
    this.#post({ is: 'who' });
    this.#watchOwner();
  }

  // ---- both

  /** There is an owner, here or elsewhere. */
  #serve(summary: Summary): void {
    this.#summary = summary;
    for (const [session, user] of this.#sessions) session.follow(this.#sessionAtOwner(user));
    this.#ready?.resolve();
    this.#ready = undefined;
  }

  #sessionAtOwner(user: Credentials): Session | undefined {
    if (this.#isClosed) return undefined;
    if (this.#reign !== undefined) return this.#reign.engine?.session(user);
    return this.#master?.isJoined === true ? this.#master.line?.session(user) : undefined;
  }

  /** There is no owner, and it cannot be this one. A later call tries again. */
  #fail(reason: unknown): void {
    this.#waiting?.abort();
    this.#waiting = undefined;
    this.#ready?.reject(reason);
    this.#ready = undefined;
    for (const session of this.#sessions.keys()) session.fail(reason);
  }

  #onBusy(): void {
    if (this.#isClosed || this.#reign !== undefined) return;
    if (this.#waiting === undefined) this.#search();
    else this.#watchOwner();
  }

  /** As long as somebody waits for it, the owner must show signs of life. */
  #watchOwner(): void {
    if (this.#ticking !== undefined) return;
    this.#missed = 0;
    this.#tick();
  }

  #tick(): void {
    const interval = this.options.tabs.patience / TICKS;
    this.#ticking = undefined;
    const isWanted = this.#ready !== undefined || [...this.#sessions.keys()].some((session) => session.isBusy);
    if (this.#isClosed || this.#reign !== undefined || this.#waiting === undefined || !isWanted) return;
    // After a pause of this very thread the answers are still to be heard.
    if (performance.now() - this.#tickedAt > 2 * interval) this.#missed = 0;
    this.#tickedAt = performance.now();
    if (this.#missed++ >= TICKS) return this.#queue(true);
    if (this.#master?.isJoined === true) this.#master.line?.ping();
    else this.#post({ is: 'who' });
    this.#ticking = setTimeout(() => this.#tick(), interval);
  }

  #announce(): void {
    const reign = this.#reign;
    if (reign === undefined) return;
    const { owner, term, tenure } = reign;
    this.#post({ is: 'owner', protocol: TAB_PROTOCOL, owner, term, mounted: tenure !== undefined && !this.#isClosed });
  }

  #post(notice: Notice): void {
    this.#board.post(notice);
  }
}

const closed = (): FsError => new FsError('EIO', { detail: 'the workspace is closed' });

/** Why an owner that is there cannot be joined. */
function notShared(name: string, protocol: number): FsError {
  if (protocol === UNSHARED) return new FsError('EBUSY', { detail: `workspace '${name}' is in use by a program that does not share it` });
  const detail = `workspace '${name}' is open in a tab with another version of stratafs: reload or close that tab`;
  return new FsError('ENOTSUP', { detail });
}
