/*
 * The kernel's side of the comparison: a python3 process that mounts and unmounts in a namespace of its own (`oracle.py`). It
 * needs Linux, root, and a kernel with overlayfs; elsewhere `startKernel` says what is missing.
 */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Interface, createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import type { Outcome, Scenario } from './scenario.ts';

const ORACLE = fileURLToPath(new URL('oracle.py', import.meta.url));

/** What the kernel is asked first: whether it mounts an overlay with the options that matter. */
const PROBE: Scenario = { seed: 0, metacopy: true, layers: [[{ kind: 'directory', path: '', mode: 0o755, mtime: 0 }]], steps: [] };

export class KernelMachine implements AsyncDisposable {
  readonly #lines: AsyncIterator<string>;
  readonly #interface: Interface;

  private constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    private readonly workspace: string,
  ) {
    this.#interface = createInterface({ input: child.stdout });
    this.#lines = this.#interface[Symbol.asyncIterator]();
  }

  /** Starts it; a text says why this machine cannot. */
  static async start(): Promise<KernelMachine | string> {
    if (process.platform !== 'linux') return `overlayfs is Linux's, this is ${process.platform}`;
    if (process.getuid?.() !== 0) return 'mounting takes root';
    const workspace = await mkdtemp(join(tmpdir(), 'stratafs-kernel-'));
    const machine = new KernelMachine(spawn('python3', ['-B', ORACLE, workspace]), workspace);
    const problem = await machine.#greet();
    if (problem === undefined) return machine;
    await machine.close();
    return problem;
  }

  async #greet(): Promise<string | undefined> {
    const errors: Buffer[] = [];
    this.child.stderr.on('data', (bytes: Buffer) => errors.push(bytes));
    const failed = new Promise<string>((resolve) => {
      this.child.on('error', (e) => resolve(`python3 does not start: ${e.message}`));
      this.child.on('close', () => resolve(`no mounts here: ${Buffer.concat(errors).toString().trim().split('\n').at(-1)}`));
    });
    this.child.stdin.on('error', () => undefined); // the answer that does not come tells of it
    const greeting = await Promise.race([failed, this.#lines.next()]);
    if (typeof greeting === 'string') return greeting;
    if (greeting.done === true) return failed;
    const [outcome] = await this.run([PROBE]);
    return outcome?.failure === undefined ? undefined : `this kernel does not mount such an overlay: ${outcome.failure}`;
  }

  /** Runs scenarios one after another. Many at once are fastest. */
  async run(scenarios: readonly Scenario[]): Promise<readonly Outcome[]> {
    this.child.stdin.write(`${JSON.stringify({ scenarios })}\n`);
    const answer = await this.#lines.next();
    if (answer.done === true) throw new Error('the kernel process has ended');
    return (JSON.parse(answer.value) as { outcomes: Outcome[] }).outcomes;
  }

  /** Ends the process, and its mounts with it. */
  async close(): Promise<void> {
    const ended = this.child.exitCode === null && this.child.signalCode === null && this.child.pid !== undefined;
    const closed = new Promise<void>((resolve) => this.child.once('close', () => resolve()));
    this.child.stdin.end();
    if (ended) await closed;
    this.#interface.close();
    await rmdir(this.workspace);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
