/*
 * The rounds of a kill test: start, open, compare with the model, work, end it at a random moment, again. Owns the model and the judgement:
 * every acknowledged operation is there, of the others any number, but whole and in order; the checker is clean; nothing is lost silently.
 */

import { type Channel, listen } from './channel.ts';
import type { Command, PlainOptions, Report } from './messages.ts';
import { type ModelTree } from './model.ts';
import { Generator, type Stream } from './operations.ts';
import { type Random, randomNumbers } from './random.ts';
import type { Site } from './site.ts';

/** A browser or a tab in which the page runs. */
export interface Visit {
  /** Ends it where it stands. Resolves when nothing of it is left. */
  end(): Promise<void>;
}

/** Where the page runs, round after round. */
export interface Place {
  visit(url: string): Promise<Visit>;
  /** Another, with nothing stored. */
  renew(): Promise<void>;
  /** Takes the databases away, as the browser does when it finds them damaged. */
  lose?(): Promise<void>;
}

export type Mode = 'guard' | 'strict' | 'relaxed';

export interface RoundsOptions {
  readonly site: Site;
  readonly place: Place;
  readonly seed: number;
  readonly mode: Mode;
  /** What stands in the lower. Each stream has a directory in it. */
  readonly lower: ModelTree;
  /** *end* ends the visit, *terminate* the worker alone. Default: end */
  readonly by?: 'end' | 'terminate';
  /** Script of the worker. Default: /worker.js */
  readonly workerUrl?: string;
  /** Rounds after which everything is begun anew. Default: 25. */
  readonly renewAfter?: number;
}

export interface Tally {
  /** Rounds that were ended by force. */
  ends: number;
  /** Of them, before the workspace was open. */
  early: number;
  acknowledged: number;
  /** Operations that were found done though nobody had been told. */
  unacknowledged: number;
  /** How often the browser had deleted the databases. */
  databasesLost: number;
  /** Of them: everything acknowledged was back. */
  rebuilt: number;
  /** How often the end of what was acknowledged came back from the guard. */
  tails: number;
  /** Of the lost databases: the opening said so, and refused. */
  reported: number;
  readonly violations: string[];
}

export const STREAMS: readonly { readonly root: string; readonly width: number; readonly kinds: 'whole' | 'parts' | 'batches' }[] = [
  { root: '/whole', width: 6, kinds: 'whole' },
  { root: '/parts', width: 1, kinds: 'parts' },
  { root: '/batches', width: 1, kinds: 'batches' },
];
const OPERATIONS = 200;
/** Longest that a step may take, in milliseconds. */
const PATIENCE = 30_000;

/** Streams that were sent, and the highest operation of each that was acknowledged. */
interface Sent {
  readonly run: number;
  readonly streams: readonly Stream[];
  readonly acknowledged: number[];
}

export class Rounds implements AsyncDisposable {
  readonly tally: Tally = {
    ends: 0,
    early: 0,
    acknowledged: 0,
    unacknowledged: 0,
    databasesLost: 0,
    rebuilt: 0,
    tails: 0,
    reported: 0,
    violations: [],
  };
  readonly #random: Random;
  #tree: ModelTree;
  #sent: Sent | undefined;
  /** A page has made its witness in this profile. Therefore one that is gone was deleted by the browser. */
  #witnessed = false;
  #age = 0;
  #visit: Visit | undefined;
  #channel: Channel | undefined;
  #isEnding = false;
  #runs = 0;
  /** Counts openings: who waits for an earlier one waits in vain. */
  #opening = 0;
  #wake: () => void = () => undefined;
  #inbox: Report[] = [];

  constructor(private readonly options: RoundsOptions) {
    this.#random = randomNumbers(options.seed);
    this.#tree = options.lower.copy();
    listen(options.site.server, {
      message: (message, channel) => this.#receive(message as Report, channel),
      closed: () => this.#wake(),
    });
  }

  /** One round: opens, compares, works, ends. */
  async round(): Promise<void> {
    if (this.#age++ >= (this.options.renewAfter ?? 25)) await this.#renew();
    const isEarly = this.#visit === undefined && this.options.by !== 'terminate' && this.#random() < 0.15;
    const early = isEarly ? sleep(this.#random() * 1_200).then(() => 'early' as const) : undefined;
    const opening = this.#open();
    const report = await (early === undefined ? opening : Promise.race([opening, early]));
    if (report === 'early') {
      opening.catch(() => undefined); // it is not to be
      this.tally.early++;
      return this.#end();
    }
    if (!(await this.#judge(report))) return this.#renew();
    this.#run();
    // Commits take milliseconds: most ends come within the first, some when much has piled up, or when all is done.
    const dice = this.#random();
    await sleep(dice < 0.5 ? dice * 100 : dice < 0.9 ? dice * 600 : dice * 1_500);
    await this.#end();
  }

  /** Between two rounds: takes the databases away. The next round must find it out. */
  async lose(): Promise<void> {
    if (this.#visit !== undefined) throw new Error('the browser is still there');
    await this.options.place.lose?.();
  }

  /** Opens once more and compares. */
  async finish(): Promise<void> {
    await this.#judge(await this.#open());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#visit?.end();
  }

  async #open(): Promise<Report> {
    this.#opening++;
    const { site, place, by, mode, workerUrl = `${site.origin}/worker.js` } = this.options;
    if (by === 'terminate' && this.#visit !== undefined) this.#tell({ do: 'terminate' });
    else {
      this.#inbox = [];
      this.#visit = await place.visit(site.origin);
      await this.#next('start');
      const guard = mode === 'guard' ? {} : { guard: false };
      const options: PlainOptions = {
        name: 'killed',
        lower: [{ url: '/lower.zip' }],
        ...guard,
        ...(mode === 'relaxed' ? { durability: 'relaxed' } : {}),
      };
      this.#tell({ do: 'open', options, workerUrl, roots: STREAMS.map(({ root }) => root) });
    }
    return this.#next('open', 'fail');
  }

  async #end(): Promise<void> {
    this.tally.ends++;
    this.#isEnding = true;
    if (this.options.by === 'terminate') return;
    await this.#visit?.end();
    this.#visit = undefined;
    await sleep(0); // what is in the sockets is read first
  }

  async #renew(): Promise<void> {
    await this.#visit?.end();
    this.#visit = undefined;
    await this.options.place.renew();
    this.#tree = this.options.lower.copy();
    this.#sent = undefined;
    this.#witnessed = false;
    this.#age = 0;
  }

  /** Compares what was found with what must be. False: go on with nothing stored. */
  async #judge(report: Report): Promise<boolean> {
    if (report.did === 'fail') return this.#judgeRefusal(report);
    if (report.did !== 'open') throw new Error(`the page says ${report.did}`);
    const isLost = this.#witnessed && !report.witness;
    const before = this.tally.violations.length;
    if (report.restored === 'tail') this.tally.tails++;
    for (const violation of report.violations) this.#violation(`check: ${violation}`);
    for (const number of STREAMS.keys()) this.#compare(number, report.tree);
    if (isLost) {
      this.tally.databasesLost++;
      if (this.options.mode === 'guard' && this.tally.violations.length === before) this.tally.rebuilt++;
      else if (this.options.mode !== 'guard') this.#violation('the databases were lost, and the workspace opened as if it were new');
    }
    this.#witnessed = true;
    this.#sent = undefined;
    return this.tally.violations.length === before;
  }

  #judgeRefusal({ witness, code, message }: Extract<Report, { did: 'fail' }>): boolean {
    const isLost = this.#witnessed && !witness;
    if (isLost) this.tally.databasesLost++;
    if (isLost && this.options.mode !== 'guard' && code === 'EIO' && message.includes('lost')) this.tally.reported++;
    else this.#violation(`it does not open: ${code} ${message}${isLost ? ' (the databases were lost)' : ''}`);
    return false;
  }

  /** Looks for the operation up to which everything of a stream is there; the model goes on from it. */
  #compare(number: number, tree: readonly string[]): void {
    const { root } = STREAMS[number]!;
    const found = tree.filter((line) => line.startsWith(`${root}/`));
    const names = found.map((line) => line.replace(/ (\S+) \S+$/, ' $1')).join('\n');
    const { operations } = this.#sent?.streams[number] ?? { operations: [] };
    const acknowledged = (this.#sent?.acknowledged[number] ?? -1) + 1;
    const candidate = this.#tree.copy();
    for (let done = 0; done <= operations.length; done++) {
      if (done > 0) candidate.apply(operations[done - 1]!);
      if (done < acknowledged || candidate.lines(root, 'names').join('\n') !== names) continue;
      if (candidate.lines(root).join('\n') !== found.join('\n')) continue;
      this.tally.unacknowledged += done - acknowledged;
      this.#tree.adopt(root, candidate);
      return;
    }
    this.#violation(`${root}: ${this.#difference(number, found, acknowledged)}`);
  }

  #difference(number: number, found: readonly string[], acknowledged: number): string {
    const { root } = STREAMS[number]!;
    const operations = this.#sent?.streams[number]?.operations ?? [];
    const tree = this.#tree.copy();
    for (const operation of operations.slice(0, acknowledged)) tree.apply(operation);
    const expected = tree.lines(root);
    const missing = expected.filter((line) => !found.includes(line)).slice(0, 5);
    const surplus = found.filter((line) => !expected.includes(line)).slice(0, 5);
    return JSON.stringify({ acknowledged, missing, surplus, next: operations.slice(Math.max(0, acknowledged - 2), acknowledged + 4) });
  }

  #run(): void {
    const generator = new Generator(Math.floor(this.#random() * 2 ** 32));
    const scratch = this.#tree.copy();
    const streams = STREAMS.map(({ root, width, kinds }) => ({
      root,
      width,
      operations: generator.make(scratch, root, OPERATIONS, kinds),
    }));
    this.#sent = { run: ++this.#runs, streams, acknowledged: streams.map(() => -1) };
    this.#isEnding = false;
    this.#tell({ do: 'run', run: this.#runs, streams });
  }

  #violation(message: string): void {
    this.tally.violations.push(`end ${this.tally.ends}: ${message}`);
  }

  #receive(report: Report, channel: Channel): void {
    if (report.did === 'start') this.#channel = channel;
    if (report.did === 'acknowledge' || report.did === 'reject') {
      const sent = this.#sent;
      // Of an earlier run: it was ended, and what became of it is judged.
      if (sent?.run !== report.run) return;
      if (report.did === 'reject') return this.#isEnding ? undefined : this.#violation(`rejected: ${report.message}`);
      this.tally.acknowledged++;
      sent.acknowledged[report.stream] = Math.max(sent.acknowledged[report.stream]!, report.number);
    } else {
      this.#inbox.push(report);
      this.#wake();
    }
  }

  #tell(command: Command): void {
    this.#channel?.send(command);
  }

  async #next(...kinds: Report['did'][]): Promise<Report> {
    const limit = Date.now() + PATIENCE;
    const opening = this.#opening;
    for (;;) {
      if (opening !== this.#opening) throw new Error('the visit was ended');
      const at = this.#inbox.findIndex(({ did }) => kinds.includes(did));
      if (at >= 0) return this.#inbox.splice(at, 1)[0]!;
      if (Date.now() > limit) throw new Error(`the page did not say ${kinds.join(' or ')} within ${PATIENCE} ms`);
      await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), sleep(1_000)]);
    }
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
